"""From the hard irq to the softirqs, and to ksoftirqd when there are too many.

handle_softirqs() stops after 2 ms or ten rounds, or when need_resched is set; what is left stays
pending and ksoftirqd is woken. Whether the next interrupt handles softirqs although ksoftirqd is
runnable depends on the kernel version. A cpu that enters an idle state with softirqs pending is
what report_idle_softirq() reports as "NOHZ tick-stop error"; its tick goes on.

Not load-bearing: "softirqs run beside a runnable ksoftirqd": without it the work waits for
ksoftirqd or for the tick of a cpu that could not stop it, and is still done in the end.
Nor is that tick: a fair pick runs ksoftirqd in the end. It is noise for the vcpu beside it.

Not modelled: threaded interrupts, PREEMPT_RT, the limit of ten reports, an interrupt while softirqs
are handled (it waits here until they are).
Source: kernel/softirq.c, kernel/time/tick-sched.c.
"""

from __future__ import annotations

from vmlitmus.lang import Fix, KernelCommit, KernelFile, World, step, when
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.model.scheduler.core_scheduling import (
    SLICE_OUTLASTS,
    about_to_run,
    set_curr,
    sleep,
    void_picks,
)
from vmlitmus.world.smt_protection import Activity, Cpu, Task, TaskKind, Vcpu

IRQ_EXIT = KernelFile("kernel/softirq.c", "__irq_exit_rcu()", "7.2.8")
HANDLE = KernelFile("kernel/softirq.c", "handle_softirqs()", "7.2.8")
NMI = KernelFile("kernel/entry/common.c", "irqentry_nmi_exit()", "7.2.8")
CAN_STOP = KernelFile("kernel/time/tick-sched.c", "can_stop_idle_tick()", "7.2.8")
IDLE = (Activity.POLL, Activity.HLT, Activity.C2, Activity.MWAIT, Activity.C6)
KSOFTIRQD = KernelFile("kernel/softirq.c", "run_ksoftirqd()", "7.2.8")
NO_KSOFTIRQD_RUNNING = Fix(
    "softirqs run beside a runnable ksoftirqd",
    KernelCommit("d15121be7485", 'Revert "softirq: Let ksoftirqd do its job"'),
    "6.5",
)


def runs_softirqs(w: World, cpu: Cpu) -> bool:
    """invoke_softirq(); before 6.5 it left softirqs to a ksoftirqd that is runnable."""
    if w.part("softirqs run beside a runnable ksoftirqd"):
        return True
    return not any(
        t.kind == TaskKind.KSOFTIRQD and t.cpu is cpu and t.runnable for t in w.all(Task)
    )


def resume(w: World, cpu: Cpu) -> None:
    """Go back to what was interrupted."""
    w.use(SmtMechanism).kernel_exit(w, cpu)
    set_curr(w, cpu, cpu.curr)


@step("{cpu} raises a softirq in its handler", source=HANDLE, disturbance="softirq")
def raise_softirq(w: World, cpu: Cpu) -> None:
    when(cpu.activity == Activity.HARDIRQ and not cpu.softirq)
    cpu.softirq = True


@step("{cpu} leaves its interrupt handler", source=IRQ_EXIT, fair="weak")
def irq_exit(w: World, cpu: Cpu) -> None:
    when(cpu.activity == Activity.HARDIRQ)
    if cpu.softirq and runs_softirqs(w, cpu):
        cpu.activity = Activity.SOFTIRQ
    else:
        resume(w, cpu)


@step("{cpu} leaves its NMI handler and handles no softirqs", source=NMI, fair="weak")
def nmi_exit(w: World, cpu: Cpu) -> None:
    when(cpu.activity == Activity.NMI)
    resume(w, cpu)


@step("{cpu} has handled its softirqs", source=HANDLE, fair="weak")
def softirqs_done(w: World, cpu: Cpu) -> None:
    when(cpu.activity == Activity.SOFTIRQ)
    cpu.softirq = False
    resume(w, cpu)


@step("{cpu} gets the tick that was not stopped", source=(CAN_STOP, SLICE_OUTLASTS), fair="strong")
def idle_tick(w: World, cpu: Cpu) -> None:
    if w.assume(SLICE_OUTLASTS):
        with w.unobserved("no cpu looks: it says how long a slice is"):
            when(not any(v.cpu.core is cpu.core and about_to_run(w, v) for v in w.all(Vcpu)))
    when(cpu.softirq and not cpu.irq)
    when(cpu.activity in IDLE)
    cpu.irq = True


@step(
    "{cpu} stops handling softirqs after 2 ms and wakes {task}",
    source=HANDLE,
    disturbance="softirq-overrun",
)
def softirq_overrun(w: World, cpu: Cpu, task: Task) -> None:
    when(cpu.activity == Activity.SOFTIRQ)
    when(task.kind == TaskKind.KSOFTIRQD and task.cpu is cpu)
    resume(w, cpu)
    task.runnable = True
    void_picks(w, task)
    cpu.need_resched = True


@step("{cpu} runs ksoftirqd, {task}, until no softirq is left", source=KSOFTIRQD, fair="weak")
def ksoftirqd(w: World, cpu: Cpu, task: Task) -> None:
    when(cpu.activity == Activity.KTHREAD and cpu.curr is task)
    cpu.softirq = False
    sleep(w, task)
