"""The part of vcpu_run() that matters here, with VMRUN of a vcpu that may be protected.

vcpu_enter_guest() injects events, turns IRQs off, looks at need_resched for the last time and
executes VMRUN; IRQs stay off until after #VMEXIT, failed entry or not, and whatever is pending then
is handled at once. While IRQs are on nothing stays pending: an interrupt is taken before IRQs are
turned off again. A failed entry goes through the exit handler like any exit; the RFC returns 1
there, "enter again", where 7.2.8 ends KVM_RUN. A guest that
executes HLT with nothing to deliver lets its task sleep until something is.

Source: vcpu_run() and vcpu_enter_guest() in arch/x86/kvm/x86.c; svm_vcpu_run() in svm.c; the RFC.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, Hooks, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.smt.protection import (
    COVER,
    SMTP,
    SmtHardware,
    beside_protected,
    pushed_out,
)
from vmlitmus.model.hardware.smt.readings import SIBLING_WAKES
from vmlitmus.model.kvm.smt_protection.injection import (
    COMPLETE,
    EVENTINJ_AFTER,
    deliver,
    deliverable,
    fail_entry,
    inject,
    window,
)
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.model.scheduler.core_scheduling import sleep, wake_up
from vmlitmus.world.smt_protection import Activity, Event, Exit, Host, Vcpu, Vector

ENTER = KernelFile("arch/x86/kvm/x86.c", "vcpu_enter_guest()", "7.2.8")
RUN = KernelFile("arch/x86/kvm/svm/svm.c", "svm_vcpu_run()", "7.2.8")
BLOCK = KernelFile("virt/kvm/kvm_main.c", "kvm_vcpu_block()", "7.2.8")
EXIT = Apm("15.6")


class BackOff(Hooks):
    """As in the RFC: enter again at once."""

    def after_failed_entry(self, w: World, vcpu: Vcpu) -> Sections:
        """A VMRUN did not reach the guest and its exit was handled, IRQs on."""
        yield from ()


@sequence(source=(ENTER, RUN, SMTP, COMPLETE, EVENTINJ_AFTER, SIBLING_WAKES, EXIT), fair="weak")
def run_vcpu(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.cpu.curr is vcpu.task and vcpu.cpu.activity == Activity.KERNEL)
    when(not vcpu.cpu.need_resched and vcpu.task.runnable)
    when(not vcpu.ioctl and not vcpu.cpu.dying)
    yield from w.use(SmtMechanism).prepare(w, vcpu)
    when(not vcpu.cpu.irq)
    if vcpu.cpu.need_resched or vcpu.ioctl or vcpu.cpu.dying:
        yield "{vcpu} sees need_resched or a signal and does not enter"
        yield from w.use(SmtMechanism).put(w, vcpu)
        return
    w.barrier(by="smp_mb() in srcu_read_unlock()")
    vcpu.cpu.irqs_off = True
    inject(vcpu)
    yield "{vcpu} turns IRQs off and writes EVENTINJ ({vcpu.event_inj})"
    yield from w.use(SmtMechanism).before_vmrun(w, vcpu)
    yield from w.use(SmtHardware).wait_at_entry(w, vcpu)
    vcpu.exit = w.use(SmtHardware).outcome(w, vcpu)
    if vcpu.exit != Exit.NONE:
        refuse(w, vcpu)
        yield "{vcpu} executes VMRUN, which exits: {vcpu.exit}"
        yield from w.use(SmtMechanism).after_vmexit(w, vcpu)
        turn_irqs_on(vcpu)
        yield "{vcpu} turns IRQs on after the failed entry"
        yield from w.use(BackOff).after_failed_entry(w, vcpu)
    else:
        vcpu.cpu.activity = Activity.GUEST
        deliver(vcpu)
        yield "{vcpu} executes VMRUN and the guest runs"
        when(has_to_exit(w, vcpu))
        vcpu.exit = reason(w, vcpu)
        yield from w.use(SmtHardware).wait_at_exit(w, vcpu)
        vcpu.cpu.activity = Activity.KERNEL
        yield "{vcpu} takes #VMEXIT ({vcpu.exit})"
        yield from w.use(SmtMechanism).after_vmexit(w, vcpu)
        leave(w, vcpu)
        yield "{vcpu} turns IRQs on and handles the exit"
    yield from w.use(SmtMechanism).put(w, vcpu)


def has_to_exit(w: World, vcpu: Vcpu) -> bool:
    """Say why guest mode ends; a guest in HLT is held while a protected vcpu runs on a sibling."""
    halts = not w.the(Host).hlt_intercept and vcpu.cpu.activity == Activity.GUEST_HLT
    if halts and beside_protected(w, vcpu.cpu):
        return False
    wanted = vcpu.leaving or vcpu.halted or window(vcpu)
    return wanted or vcpu.cpu.irq or vcpu.cpu.event != Event.NONE or pushed_out(w, vcpu)


def refuse(w: World, vcpu: Vcpu) -> None:
    """A VMRUN that does not reach the guest; one that never can ends the task's ioctl."""
    vcpu.cpu.activity = Activity.KERNEL
    fail_entry(w, vcpu)
    if vcpu.exit == Exit.INVALID:
        sleep(w, vcpu.task)


def reason(w: World, vcpu: Vcpu) -> Exit:
    """Why the guest left."""
    if pushed_out(w, vcpu):
        return Exit.IDLE_REQUIRED
    return Exit.INTR if vcpu.cpu.irq else Exit.OTHER


def turn_irqs_on(vcpu: Vcpu) -> None:
    """STGI and STI: a pending NMI, then a pending interrupt, are handled at once."""
    vcpu.cpu.irqs_off = False
    vcpu.cpu.irq = False
    if vcpu.cpu.event in (Event.NMI, Event.MACHINE_CHECK):
        vcpu.cpu.event = Event.NONE


def leave(w: World, vcpu: Vcpu) -> None:
    """IRQs on: what ended guest mode is handled; a halted vcpu sleeps."""
    turn_irqs_on(vcpu)
    vcpu.leaving = False
    if vcpu.halted and not deliverable(vcpu):
        sleep(w, vcpu.task)
    else:
        vcpu.halted = False


@step("{vcpu} has an interrupt to deliver, so its task wakes up", source=BLOCK, fair="weak")
def unblock(w: World, vcpu: Vcpu) -> None:
    when(vcpu.halted and not vcpu.task.runnable and vcpu.idle and deliverable(vcpu))
    vcpu.halted = False
    wake_up(w, vcpu.task)


@step("{vcpu} executes something that exits", source=COVER, disturbance="guest-exit")
def guest_exit(w: World, vcpu: Vcpu) -> None:
    when(vcpu.cpu.activity == Activity.GUEST and not vcpu.leaving)
    vcpu.leaving = True


@step("{vcpu} executes HLT", source=BLOCK, disturbance="guest-halt")
def guest_halt(w: World, vcpu: Vcpu) -> None:
    when(vcpu.cpu.activity == Activity.GUEST and not vcpu.halted and not vcpu.leaving)
    when(vcpu.handling == Vector.NONE)
    if w.the(Host).hlt_intercept:
        vcpu.halted = True
    else:
        vcpu.cpu.activity = Activity.GUEST_HLT
