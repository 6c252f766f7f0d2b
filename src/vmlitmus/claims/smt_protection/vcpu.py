"""Whether a vcpu runs, and whether its interrupts reach it."""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelFile, World, condition
from vmlitmus.world.smt_protection import Activity, Cpu, Exit, Vcpu, Vector

TABLE_C1 = Apm("table C-1")
RUN = KernelFile("arch/x86/kvm/x86.c", "vcpu_run()", "7.2.8")
IN_GUEST_MODE = (Activity.GUEST, Activity.GUEST_HLT)
LAPIC = KernelFile("arch/x86/kvm/lapic.c", "kvm_apic_ack_interrupt()", "7.2.8")


@condition(
    "idle-required", "a VMRUN or a run of the guest ends with -3, IDLE_REQUIRED", source=TABLE_C1
)
def idle_required(w: World) -> bool:
    return any(v.exit == Exit.IDLE_REQUIRED for v in w.all(Vcpu))


@condition("illegal-sibling", "a VMRUN exits with ILLSIB", source=TABLE_C1)
def illegal_sibling(w: World) -> bool:
    return any(v.exit == Exit.ILLSIB for v in w.all(Vcpu))


@condition("vcpu-refused", "a VMRUN fails with -1, VMEXIT_INVALID", source=TABLE_C1)
def vcpu_refused(w: World) -> bool:
    return any(v.exit == Exit.INVALID for v in w.all(Vcpu))


@condition("user-task-runs", "a user task runs on a cpu", source=RUN)
def user_task_runs(w: World) -> bool:
    return any(cpu.activity == Activity.USER for cpu in w.all(Cpu))


@condition("vcpu-runs", "a vcpu is in guest mode", source=RUN)
def vcpu_runs(w: World) -> bool:
    return any(v.cpu.activity == Activity.GUEST for v in w.all(Vcpu))


@condition(
    "another-task-in-guest-mode",
    "a cpu is in guest mode while its current task is not the vcpu's",
    source=RUN,
    backed_by=("vcpu-runs", "user-task-runs"),
)
def another_task_in_guest_mode(w: World) -> bool:
    return any(v.cpu.activity in IN_GUEST_MODE and v.cpu.curr is not v.task for v in w.all(Vcpu))


@condition("vcpu-waits-to-run", "a vcpu is not in guest mode and its task is runnable", source=RUN)
def vcpu_wants_to_run(w: World) -> bool:
    return any(v.cpu.activity not in IN_GUEST_MODE and v.task.runnable for v in w.all(Vcpu))


@condition("first-vcpu-runs", "vcpu0 is in guest mode", source=RUN)
def first_vcpu_runs(w: World) -> bool:
    return any(v.index == 0 and v.cpu.activity == Activity.GUEST for v in w.all(Vcpu))


@condition("second-vcpu-runs", "vcpu1 is in guest mode", source=RUN)
def second_vcpu_runs(w: World) -> bool:
    return any(v.index == 1 and v.cpu.activity == Activity.GUEST for v in w.all(Vcpu))


@condition("legal-pair-runs", "two vcpus of a core are in guest mode at the same time", source=RUN)
def legal_pair_runs(w: World) -> bool:
    return any(
        v.cpu.activity == Activity.GUEST
        and o is not v
        and o.cpu.core is v.cpu.core
        and o.cpu.activity == Activity.GUEST
        for v in w.all(Vcpu)
        for o in w.all(Vcpu)
    )


def on_its_way(vcpu: Vcpu, vector: Vector) -> bool:
    """Say whether a vector in service is queued, in EVENTINJ, or with the guest's handler."""
    return vcpu.injected == vector or vcpu.event_inj == vector or vcpu.handling == vector


@condition(
    "injected-interrupt-lost",
    "a vector is in service in the virtual APIC, and neither queued, in EVENTINJ nor being handled",
    source=LAPIC,
    backed_by=("interrupt-in-flight",),
)
def injected_interrupt_lost(w: World) -> bool:
    return any(
        (Vector.TIMER in v.isr and not on_its_way(v, Vector.TIMER))
        or (Vector.IPI in v.isr and not on_its_way(v, Vector.IPI))
        for v in w.all(Vcpu)
    )


@condition("interrupt-in-flight", "an event is in EVENTINJ", source=LAPIC)
def interrupt_in_flight(w: World) -> bool:
    return any(v.event_inj != Vector.NONE for v in w.all(Vcpu))


@condition(
    "timer-pending", "a guest's timer has expired and its handler has not begun", source=LAPIC
)
def timer_pending(w: World) -> bool:
    return any(
        Vector.TIMER in v.irr or (Vector.TIMER in v.isr and v.handling != Vector.TIMER)
        for v in w.all(Vcpu)
    )


@condition("timer-handled", "a guest handles its timer interrupt", source=LAPIC)
def timer_handled(w: World) -> bool:
    return any(v.handling == Vector.TIMER and v.cpu.activity == Activity.GUEST for v in w.all(Vcpu))


@condition(
    "ipi-beside-lost-timer",
    "a guest handles an IPI while its timer interrupt is lost",
    source=LAPIC,
)
def ipi_beside_lost_timer(w: World) -> bool:
    return any(
        v.handling == Vector.IPI and Vector.TIMER in v.isr and not on_its_way(v, Vector.TIMER)
        for v in w.all(Vcpu)
    )


@condition(
    "idle-required-beside-user-task",
    "a VMRUN has just failed with -3 beside a user task, and no reschedule is on its way",
    source=TABLE_C1,
    backed_by=("idle-required",),
)
def idle_required_beside_user_task(w: World) -> bool:
    return any(
        v.exit == Exit.IDLE_REQUIRED
        and v.cpu.irqs_off
        and not v.cpu.irq
        and v.cpu.activity == Activity.KERNEL
        and any(
            o is not v.cpu and o.core is v.cpu.core and o.activity == Activity.USER
            for o in w.all(Cpu)
        )
        for v in w.all(Vcpu)
    )
