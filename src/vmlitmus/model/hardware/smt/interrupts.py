"""Interrupts at the cpus of a core: they arrive, wake an idle cpu, or hold it and kick its sibling.

An idle cpu beside a running protected vcpu stays idle whatever arrives; hardware writes the cpu's
IDLE_WAKEUP_ICR to its own APIC instead, and it wakes once the vcpu has left guest mode. With a
value of zero, or one that names another APIC, nothing reaches the sibling.

Who handles what: on the cpu of a vcpu task the handler is one section; elsewhere hard irq, softirq
and the way back are steps, because the VMRUN check sees them.
Source: APM vol. 2, 15.36.17; the reply of K Prateek Nayak.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, KernelFile, World, step, when
from vmlitmus.model.hardware.smt.protection import (
    NMI_IS_HELD,
    REPLY,
    SIBLING_WAKES,
    SMTP,
    beside_protected,
    held,
    seen_idle,
)
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.world.smt_protection import Activity, Cpu, Icr, TaskKind, Vcpu

IRQ_ENTRY = KernelFile("kernel/entry/common.c", "irqentry_enter()", "6.16")
UNSET_ICR_SENDS_NOTHING = Assumption(
    "unset-icr-sends-nothing",
    "an IDLE_WAKEUP_ICR that was never written sends an illegal vector, which is dropped; "
    "otherwise it ends guest mode all the same",
)
IDLE = (Activity.HLT, Activity.C2, Activity.MWAIT, Activity.POLL)


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


@step("{cpu} gets an IPI that isolation does not keep away", source=REPLY, disturbance="ipi")
def other_ipi(w: World, cpu: Cpu) -> None:
    when(not cpu.irq and not is_vcpu_cpu(w, cpu) and cpu.activity != Activity.OFFLINE)
    cpu.irq = True


@step("{cpu} gets its host timer tick", source=REPLY, disturbance="host-tick")
def host_tick(w: World, cpu: Cpu) -> None:
    when(not cpu.irq and is_vcpu_cpu(w, cpu) and cpu.activity != Activity.OFFLINE)
    cpu.irq = True


@step("{cpu} gets an NMI", source=NMI_IS_HELD, disturbance="nmi")
def nmi(w: World, cpu: Cpu) -> None:
    when(not cpu.nmi and not is_vcpu_cpu(w, cpu) and cpu.activity != Activity.OFFLINE)
    cpu.nmi = True


def wakes_sibling(w: World, cpu: Cpu) -> bool:
    """Say whether hardware has to get the siblings of a cpu out of guest mode."""
    if cpu.activity == Activity.EXITING:
        return True
    return seen_idle(w, cpu) and (cpu.irq or cpu.nmi) and held(w, cpu)


def icr_reaches(w: World, cpu: Cpu) -> bool:
    """Say whether the value of IDLE_WAKEUP_ICR gets an interrupt to the sibling."""
    if cpu.icr == Icr.UNSET:
        return not w.assume(UNSET_ICR_SENDS_NOTHING)
    return cpu.icr == Icr.SIBLING


@step(
    "{cpu} stays idle and hardware writes IDLE_WAKEUP_ICR to kick {other}",
    source=(SMTP, SIBLING_WAKES, UNSET_ICR_SENDS_NOTHING),
    fair="weak",
)
def idle_wakeup_icr(w: World, cpu: Cpu, other: Cpu) -> None:
    when(other is not cpu and other.core is cpu.core and other.activity == Activity.GUEST)
    when(not other.irq and wakes_sibling(w, cpu) and icr_reaches(w, cpu))
    other.irq = True


def interruptible(w: World, cpu: Cpu) -> bool:
    """Say whether a cpu that is not held takes interrupts."""
    if cpu.irqs_off or cpu.activity == Activity.ENTERING:
        return False
    if seen_idle(w, cpu) and held(w, cpu):
        return False
    return cpu.activity in IDLE or cpu.activity in (
        Activity.IDLE_LOOP,
        Activity.USER,
        Activity.KTHREAD,
        Activity.KERNEL,
    )


def enter_handler(w: World, cpu: Cpu) -> None:
    """The first instructions of an interrupt handler."""
    if cpu.activity in IDLE:
        w.use(SmtMechanism).idle_exit(w, cpu)
    if not runs_vcpu_task(cpu):
        w.use(SmtMechanism).kernel_enter(w, cpu)
        cpu.activity = Activity.HARDIRQ


@step("{cpu} takes its interrupt", source=(IRQ_ENTRY, REPLY), fair="weak")
def take_irq(w: World, cpu: Cpu) -> None:
    when(cpu.irq and interruptible(w, cpu))
    cpu.irq = False
    enter_handler(w, cpu)


@step("{cpu} takes its NMI", source=(IRQ_ENTRY, NMI_IS_HELD), fair="weak")
def take_nmi(w: World, cpu: Cpu) -> None:
    when(cpu.nmi and (interruptible(w, cpu) or (cpu.activity in IDLE and not nmi_held(w, cpu))))
    cpu.nmi = False
    enter_handler(w, cpu)


def nmi_held(w: World, cpu: Cpu) -> bool:
    """Say whether hardware holds a cpu although an NMI is pending there."""
    return bool(w.assume(NMI_IS_HELD)) and beside_protected(w, cpu)
