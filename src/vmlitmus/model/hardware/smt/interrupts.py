"""Interrupts at the cpus of a core: they arrive, wake an idle cpu, or hold it and kick its sibling.

An idle cpu beside a running protected vcpu stays idle whatever arrives; hardware writes the cpu's
IDLE_WAKEUP_ICR to its own APIC instead, and it wakes once the vcpu has left guest mode. With a
value of zero, or one that names another APIC, nothing reaches the sibling.

Who handles what: on the cpu of a vcpu task the handler is one section; elsewhere hard irq, softirq
and the way back are steps, because the VMRUN check sees them. Not modelled: an NMI while a handler
runs or while the cpu goes idle; it waits here, as an interrupt does.
Source: APM vol. 2, 15.36.17; the reply of K Prateek Nayak.
"""

from __future__ import annotations

from vmlitmus.lang import CpuEvent, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.smt.protection import (
    REPLY,
    SMTP,
    beside_protected,
    covered,
    held,
    monitor_hit,
)
from vmlitmus.model.hardware.smt.readings import (
    ICR_AS_IT_IS,
    ICR_BUSY_WAITS,
    INIT_IS_HELD,
    NMI_IS_HELD,
    SIBLING_WAKES,
    SMI_IS_HELD,
    UNSET_ICR_SENDS_NOTHING,
)
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.world.smt_protection import Activity, Cpu, Event, Host, Icr, TaskKind, Vcpu

IRQ_ENTRY = KernelFile("kernel/entry/common.c", "irqentry_enter()", "7.2.8")
NMI_ENTRY = KernelFile("kernel/entry/common.c", "irqentry_nmi_enter()", "7.2.8")
MCE_USER = KernelFile("arch/x86/kernel/cpu/mce/core.c", "exc_machine_check_user()", "7.2.8")
IDLE = (Activity.HLT, Activity.C2, Activity.MWAIT, Activity.C6, Activity.POLL)
ASLEEP = (Activity.HLT, Activity.C2, Activity.MWAIT, Activity.C6)
IN_GUEST_MODE = (Activity.GUEST, Activity.GUEST_HLT)


def runs_vcpu_task(cpu: Cpu) -> bool:
    """Say whether the current task of a cpu is a vcpu's."""
    return cpu.curr is not None and cpu.curr.kind == TaskKind.VCPU


def is_vcpu_cpu(w: World, cpu: Cpu) -> bool:
    """Say whether a vcpu is bound to a cpu."""
    return any(v.cpu is cpu for v in w.all(Vcpu))


@step("{cpu} gets a device interrupt", source=REPLY, disturbance="device-irq")
def device_irq(w: World, cpu: Cpu) -> None:
    when(not cpu.irq and not is_vcpu_cpu(w, cpu) and cpu.activity != Activity.OFFLINE)
    when(w.use(SmtMechanism).admits_device_irq(w, cpu))
    cpu.irq = True


@step("{cpu} gets an IPI, which isolation does not prevent", source=REPLY, disturbance="ipi")
def other_ipi(w: World, cpu: Cpu) -> None:
    when(not cpu.irq and not is_vcpu_cpu(w, cpu) and cpu.activity != Activity.OFFLINE)
    cpu.irq = True


@step("{cpu} gets its host timer tick", source=REPLY, disturbance="host-tick")
def host_tick(w: World, cpu: Cpu) -> None:
    when(not cpu.irq and is_vcpu_cpu(w, cpu) and cpu.activity != Activity.OFFLINE)
    cpu.irq = True


@step("{cpu} gets an NMI", source=NMI_IS_HELD, disturbance="nmi")
def nmi(w: World, cpu: Cpu) -> None:
    when(not is_vcpu_cpu(w, cpu) and cpu.event == Event.NONE and cpu.activity != Activity.OFFLINE)
    cpu.event = Event.NMI


@step("{cpu} gets a machine check", source=NMI_IS_HELD, disturbance="machine-check")
def machine_check(w: World, cpu: Cpu) -> None:
    when(not is_vcpu_cpu(w, cpu) and cpu.event == Event.NONE and cpu.activity != Activity.OFFLINE)
    cpu.event = Event.MACHINE_CHECK


@step("{cpu}, where a VMRUN stalls, gets an NMI", source=NMI_IS_HELD, disturbance="vcpu-nmi")
def vcpu_nmi(w: World, cpu: Cpu) -> None:
    when(cpu.event == Event.NONE and cpu.activity == Activity.STALLED)
    cpu.event = Event.NMI


def wakes_sibling(w: World, cpu: Cpu) -> bool:
    """Say whether hardware has to get the siblings of a cpu out of guest mode."""
    if cpu.activity == Activity.EXITING:
        return True
    return holds_back_event(w, cpu) and held(w, cpu)


def holds_back_event(w: World, cpu: Cpu) -> bool:
    """Say whether something is pending that does not wake a held cpu."""
    return (
        cpu.irq
        or monitor_hit(cpu)
        or (bool(w.assume(NMI_IS_HELD)) and cpu.event in (Event.NMI, Event.MACHINE_CHECK))
        or (bool(w.assume(SMI_IS_HELD)) and cpu.event == Event.SMI)
        or (bool(w.assume(INIT_IS_HELD)) and cpu.event == Event.INIT)
    )


def icr_reaches(w: World, cpu: Cpu, other: Cpu) -> bool:
    """Say whether the value of IDLE_WAKEUP_ICR gets an interrupt to another cpu of the core.

    The RFC writes it once for each sibling, so that the last one is named.
    """
    if cpu.icr == Icr.UNSET:
        return not w.assume(UNSET_ICR_SENDS_NOTHING)
    if not w.the(Host).x2apic and w.assume(ICR_AS_IT_IS):
        return cpu.icr == Icr.SIBLING and other.index == 0
    return cpu.icr == Icr.SIBLING and not any(
        o.core is cpu.core and o is not cpu and o.index > other.index for o in w.all(Cpu)
    )


@step(
    "{cpu} stays idle and hardware writes IDLE_WAKEUP_ICR to kick {other}",
    source=(SMTP, SIBLING_WAKES, UNSET_ICR_SENDS_NOTHING, ICR_AS_IT_IS, ICR_BUSY_WAITS),
    fair="weak",
)
def idle_wakeup_icr(w: World, cpu: Cpu, other: Cpu) -> None:
    when(covered(w, other, cpu) and other.activity in IN_GUEST_MODE)
    when(not other.irq and icr_reaches(w, cpu, other) and wakes_sibling(w, cpu))
    when(not cpu.icr_busy)
    other.irq = True


def interruptible(w: World, cpu: Cpu) -> bool:
    """Say whether a cpu that is not held takes interrupts."""
    if cpu.irqs_off or cpu.activity == Activity.ENTERING:
        return False
    if held(w, cpu):
        return False
    return cpu.activity in IDLE or cpu.activity in (
        Activity.IDLE_LOOP,
        Activity.USER,
        Activity.KTHREAD,
        Activity.KERNEL,
    )


def enter_handler(w: World, cpu: Cpu) -> None:
    """The first instructions of an interrupt handler."""
    w.happens(CpuEvent.INTERRUPT, cpu)
    if cpu.activity in IDLE:
        w.use(SmtMechanism).idle_exit(w, cpu)
    if not runs_vcpu_task(cpu):
        w.use(SmtMechanism).kernel_enter(w, cpu)
        cpu.activity = Activity.HARDIRQ


def enter_nmi_handler(w: World, cpu: Cpu) -> None:
    """The same for an NMI or a machine check; an NMI is no entry from user mode to the kernel."""
    w.happens(CpuEvent.INTERRUPT, cpu)
    if cpu.activity in IDLE:
        w.use(SmtMechanism).idle_exit(w, cpu)
    if not runs_vcpu_task(cpu):
        if cpu.event == Event.MACHINE_CHECK:
            w.use(SmtMechanism).kernel_enter(w, cpu)
        cpu.activity = Activity.NMI


@sequence(source=(IRQ_ENTRY, REPLY), fair="weak")
def take_irq(w: World, cpu: Cpu) -> Sections:
    when(cpu.irq and interruptible(w, cpu))
    cpu.irq = False
    asleep = cpu.activity in ASLEEP
    enter_handler(w, cpu)
    if asleep:
        yield "{cpu} wakes up and takes its interrupt"
    else:
        yield "{cpu} takes its interrupt"


@step("{cpu} takes its {cpu.event}", source=(NMI_ENTRY, MCE_USER, NMI_IS_HELD), fair="weak")
def take_nmi(w: World, cpu: Cpu) -> None:
    when(cpu.event in (Event.NMI, Event.MACHINE_CHECK))
    when(interruptible(w, cpu) or (cpu.activity in IDLE and not nmi_held(w, cpu)))
    enter_nmi_handler(w, cpu)
    cpu.event = Event.NONE


def nmi_held(w: World, cpu: Cpu) -> bool:
    """Say whether hardware holds a cpu although an NMI is pending there."""
    return bool(w.assume(NMI_IS_HELD)) and beside_protected(w, cpu)
