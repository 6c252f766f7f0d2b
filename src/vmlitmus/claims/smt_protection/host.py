"""What the host must not lose by protecting a vcpu: interrupts, softirqs, its lock rules."""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelFile, Lore, World, condition
from vmlitmus.world.smt_protection import Activity, Cpu, Event, Task, TaskKind, Vcpu

COVER = Lore(
    "[RFC PATCH 0/1] KVM: SEV: Add support for SMT Protection", "Kim Phillips", "2025-08-07"
)
REPORT = KernelFile("kernel/time/tick-sched.c", "report_idle_softirq()", "7.2.8")
HANDLE = KernelFile("kernel/softirq.c", "handle_softirqs()", "7.2.8")
SMM = Apm("10.3")
ATOMIC = KernelFile("kernel/sched/core.c", "__schedule_bug()", "7.2.8")


def is_sibling_only(w: World, cpu: Cpu) -> bool:
    """Say whether a cpu has no vcpu of its own."""
    return not any(v.cpu is cpu for v in w.all(Vcpu))


def waits_at(cpu: Cpu) -> bool:
    """Say whether an interrupt, NMI, machine check or SMI is pending at a cpu."""
    return cpu.irq or cpu.event not in (Event.NONE, Event.INIT)


@condition(
    "sibling-interrupt-pending",
    "an interrupt, NMI or SMI is pending at a cpu without a vcpu of its own",
    source=COVER,
)
def sibling_interrupt_pending(w: World) -> bool:
    return any(waits_at(cpu) and is_sibling_only(w, cpu) for cpu in w.all(Cpu))


@condition(
    "sibling-interrupts-served",
    "no interrupt, NMI or SMI is pending at a cpu without a vcpu of its own",
    source=COVER,
)
def sibling_interrupts_served(w: World) -> bool:
    return not any(waits_at(cpu) and is_sibling_only(w, cpu) for cpu in w.all(Cpu))


@condition(
    "vcpu-cpu-interrupt-pending",
    "an interrupt or NMI is pending at the cpu of a vcpu",
    source=COVER,
)
def vcpu_cpu_interrupt_pending(w: World) -> bool:
    return any(waits_at(vcpu.cpu) for vcpu in w.all(Vcpu))


@condition(
    "vcpu-cpu-interrupts-served",
    "no interrupt or NMI is pending at the cpu of a vcpu",
    source=COVER,
)
def vcpu_cpu_interrupts_served(w: World) -> bool:
    return not any(waits_at(vcpu.cpu) for vcpu in w.all(Vcpu))


@condition("interrupts-served", "no interrupt or NMI is pending at any cpu", source=COVER)
def interrupts_served(w: World) -> bool:
    return not any(waits_at(cpu) for cpu in w.all(Cpu))


@condition("smi-pending", "an SMI is pending at a cpu", source=SMM)
def smi_pending(w: World) -> bool:
    return any(cpu.event == Event.SMI for cpu in w.all(Cpu))


@condition("smi-handled", "a cpu executes the handler of an SMI", source=SMM)
def smi_handled(w: World) -> bool:
    return any(cpu.activity == Activity.SMM for cpu in w.all(Cpu))


@condition("softirq-pending", "a softirq is pending at some cpu", source=REPORT)
def softirq_pending(w: World) -> bool:
    return any(cpu.softirq for cpu in w.all(Cpu))


@condition("softirq-served", "no softirq is pending at any cpu", source=REPORT)
def softirq_served(w: World) -> bool:
    return not any(cpu.softirq for cpu in w.all(Cpu))


@condition(
    "softirqs-are-handled",
    "a cpu handles softirqs on its way back from an interrupt, or in the idle loop",
    source=HANDLE,
    backed_by=("sibling-interrupt-pending",),
)
def softirqs_are_handled(w: World) -> bool:
    return any(cpu.activity == Activity.SOFTIRQ for cpu in w.all(Cpu))


@condition(
    "nohz-softirq-pending",
    "NOHZ tick-stop error: a cpu enters an idle state while local softirq work is pending",
    source=REPORT,
    backed_by=("ksoftirqd-waits",),
)
def nohz_softirq_pending(w: World) -> bool:
    return any(
        cpu.softirq and not cpu.need_resched and cpu.activity == Activity.ENTERING
        for cpu in w.all(Cpu)
    )


@condition(
    "ksoftirqd-waits", "ksoftirqd is runnable, and its cpu runs something else", source=REPORT
)
def ksoftirqd_waits(w: World) -> bool:
    return any(
        t.kind == TaskKind.KSOFTIRQD and t.runnable and t.cpu.curr is not t for t in w.all(Task)
    )


@condition(
    "sleeps-while-atomic",
    "BUG: scheduling while atomic: a task waits for a sleeping lock with IRQs off",
    source=ATOMIC,
    backed_by=("atomic-section",),
)
def sleeps_while_atomic(w: World) -> bool:
    return any(t.sleeping and t.cpu.irqs_off for t in w.all(Task))


@condition("atomic-section", "a vcpu task has IRQs off", source=ATOMIC)
def atomic_section(w: World) -> bool:
    return any(cpu.irqs_off for cpu in w.all(Cpu))
