"""The idle loop: from do_idle() to HLT, C2, MWAIT, C6 or polling.

The idle state is chosen with IRQs off, after need_resched was seen clear; STI and HLT follow, so an
interrupt that comes between wakes the cpu at once. Polling executes instructions, and leaves by
need_resched without an interrupt; MWAIT monitors the word that need_resched is in, and a store to
it ends MWAIT, without an interrupt too, unless hardware holds the cpu. What the idle loop does for
a mechanism are its hooks.

Not modelled: TIF_POLLING_NRFLAG of a cpu in the idle loop, which gets an interrupt in vain here.
Source: do_idle() and cpuidle_idle_call() in kernel/sched/idle.c, set_nr_and_not_polling() in
kernel/sched/core.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.hardware.smt.protection import held
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.world.smt_protection import Activity, Cpu, Host, IdleState

DO_IDLE = KernelFile("kernel/sched/idle.c", "do_idle()", "7.2.8")
POLLING = KernelFile("kernel/sched/core.c", "set_nr_and_not_polling()", "7.2.8")
CHOOSE = KernelFile("kernel/sched/idle.c", "cpuidle_idle_call()", "7.2.8")


@step("{cpu} handles its softirqs in the idle loop", source=DO_IDLE, fair="weak")
def drain_softirqs(w: World, cpu: Cpu) -> None:
    when(cpu.activity == Activity.IDLE_LOOP and cpu.softirq)
    when(w.use(SmtMechanism).drains_softirqs(w))
    cpu.activity = Activity.SOFTIRQ


def may_choose(w: World, cpu: Cpu, state: IdleState) -> bool:
    """Say whether a state may be chosen; the governor likes polling or HLT."""
    if w.use(SmtMechanism).wants_hlt(w, cpu):
        return state == IdleState.HLT
    if w.the(Host).idle_state == IdleState.GOVERNOR:
        return state in (IdleState.HLT, IdleState.POLL)
    return state == w.the(Host).idle_state


def activity_in(state: IdleState) -> Activity:
    """Return the activity of a cpu in an idle state."""
    if state == IdleState.C2:
        return Activity.C2
    if state == IdleState.MWAIT:
        return Activity.MWAIT
    if state == IdleState.C6:
        return Activity.C6
    if state == IdleState.POLL:
        return Activity.POLL
    return Activity.HLT


@step("{cpu} has nothing to do and chooses {state}, IRQs off", source=CHOOSE, fair="weak")
def enter_idle(w: World, cpu: Cpu, state: IdleState) -> None:
    when(cpu.activity == Activity.IDLE_LOOP and not cpu.need_resched)
    when(not (cpu.softirq and w.use(SmtMechanism).drains_softirqs(w)))
    with w.unobserved("no proposal says what comes between the choice and what says so"):
        when(state != IdleState.GOVERNOR and may_choose(w, cpu, state))
        w.use(SmtMechanism).kernel_exit(w, cpu)
        w.use(SmtMechanism).idle_enter(w, cpu, state)
    cpu.chosen = state
    cpu.activity = Activity.ENTERING


@step("{cpu} goes idle ({cpu.chosen}), IRQs on", source=DO_IDLE, fair="weak")
def idle_in(w: World, cpu: Cpu) -> None:
    when(cpu.activity == Activity.ENTERING)
    cpu.activity = activity_in(cpu.chosen)


@step("{cpu} leaves polling or MWAIT because need_resched is set", source=POLLING, fair="weak")
def stop_polling(w: World, cpu: Cpu) -> None:
    when(cpu.need_resched and cpu.activity in (Activity.POLL, Activity.MWAIT))
    when(cpu.activity == Activity.POLL or not held(w, cpu))
    w.use(SmtMechanism).idle_exit(w, cpu)
    cpu.activity = Activity.IDLE_LOOP
