"""Recorded events as a kernel would print them: a row in, a line out."""

from __future__ import annotations

from collections.abc import Callable

from vmlitmus.trace.events import Kind, Mode
from vmlitmus.trace.recording import Recording

Row = tuple[int, ...]  # time, kind, type, cpu, task, a, b, c


def _mode(c: int) -> str:
    return Mode(c).name if c in tuple(Mode) else f"mode {c:#x}"


_OF_KVM: dict[Kind, Callable[[int, int, int], str]] = {
    Kind.VCPU_WAKEUP: lambda a, b, c: f"kvm_vcpu_wakeup: {'waited' if b else 'polled'} {a} ns",
    Kind.ACCEPT_IRQ: lambda a, b, c: f"kvm_apic_accept_irq: apicid {a:#x} vector {b} {_mode(c)}",
    Kind.INJECT_IRQ: lambda a, b, c: f"kvm_inj_virq: vector {a}",
    Kind.VCPU_RESET: lambda a, b, c: f"kvm_vcpu_reset: init {a}",
    Kind.VCPU_SIPI: lambda a, b, c: f"kvm_vcpu_deliver_sipi_vector: vector {a}",
    Kind.VMGEXIT: lambda a, b, c: f"kvm_vmgexit_enter: {a:#x} {b:#x} {c:#x}",
}


def in_words(row: Row, recording: Recording) -> str:
    """Say an event as the kernel would, with the time in front."""
    time, kind, _, number, task, a, b, c = row
    head = f"{time / 1e9:.6f} s cpu {number}"

    def who(tid: int) -> str:
        return f"{recording.name(tid) or 'task'} ({tid})" if tid else "the idle task"

    if kind == Kind.SWITCH:
        how = {0: "sleeps", 1: "stays runnable", 2: "ends"}.get(c, "leaves")
        return f"{head} sched_switch: {who(a)} {how}, {who(b)} runs"
    if kind == Kind.ENTRY:
        return f"{head} kvm_entry: {who(task)}"
    if kind == Kind.EXIT:
        return f"{head} kvm_exit: {who(task)}"
    if kind == Kind.MIGRATE:
        return f"{head} sched_migrate_task: {who(a)} from cpu {b} to cpu {c}"
    if kind in _OF_KVM:
        return f"{head} {_OF_KVM[Kind(kind)](a, b, c)}, {who(task)}"
    return (
        f"{head} {'sched_waking' if kind == Kind.WAKING else 'sched_wakeup'}: {who(a)} on cpu {b}"
    )
