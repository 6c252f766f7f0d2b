"""Which tracepoint is which kind of event, and which of its fields are the numbers a, b, c.

The table is data: a line for each event. ``fields`` are names in the event's own format file;
``keys`` are what stands before the same numbers in text. A kernel that lacks a field gives NONE.
Source: include/trace/events/{sched,irq,ipi,power,cpuhp,kvm}.h, arch/x86/kvm/trace.h and
arch/x86/include/asm/trace/irq_vectors.h, Linux 6.1.176, 6.12.107, 7.2.8.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmlitmus.trace.events import Kind, Mode


@dataclass(frozen=True)
class Row:
    """How to read one kind of event.

    A key is looked for from the end of the line (``+`` before it: from the beginning), so that the
    name of a task, which may hold anything, cannot stand for it; ``#`` before it: the number is
    hexadecimal without saying so. ``comm`` names the fields of a
    task's name and of its tid.
    """

    kind: Kind
    fields: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    comm: tuple[str, str] | None = None


ROWS: dict[str, Row] = {
    "sched_switch": Row(
        Kind.SWITCH, ("prev_pid", "next_pid", "prev_state"), (), ("next_comm", "next_pid")
    ),
    "kvm_entry": Row(Kind.ENTRY, ("vcpu_id",), ("+vcpu ",)),
    "kvm_exit": Row(Kind.EXIT, ("vcpu_id", "exit_reason", "isa"), ("+vcpu ", "+reason ")),
    "sched_process_fork": Row(
        Kind.FORK,
        ("parent_pid", "child_pid"),
        ("+ pid=", " child_pid="),
        ("child_comm", "child_pid"),
    ),
    "sched_process_exit": Row(Kind.TASK_EXIT, ("pid",), (" pid=",), ("comm", "pid")),
    "sched_process_exec": Row(Kind.EXEC, ("pid",), (" pid=",)),
    "sched_wakeup": Row(
        Kind.WAKEUP, ("pid", "target_cpu"), (" pid=", " target_cpu="), ("comm", "pid")
    ),
    "sched_wakeup_new": Row(
        Kind.WAKEUP_NEW, ("pid", "target_cpu"), (" pid=", " target_cpu="), ("comm", "pid")
    ),
    "sched_waking": Row(
        Kind.WAKING, ("pid", "target_cpu"), (" pid=", " target_cpu="), ("comm", "pid")
    ),
    "sched_migrate_task": Row(
        Kind.MIGRATE,
        ("pid", "orig_cpu", "dest_cpu"),
        (" pid=", " orig_cpu=", " dest_cpu="),
        ("comm", "pid"),
    ),
    "irq_handler_entry": Row(Kind.IRQ_ENTRY, ("irq",), ("+irq=",)),
    "irq_handler_exit": Row(Kind.IRQ_EXIT, ("irq",), ("+irq=",)),
    "softirq_entry": Row(Kind.SOFTIRQ_ENTRY, ("vec",), ("+vec=",)),
    "softirq_exit": Row(Kind.SOFTIRQ_EXIT, ("vec",), ("+vec=",)),
    "cpu_idle": Row(Kind.CPU_IDLE, ("state", "cpu_id"), ("+state=", "+cpu_id=")),
    "cpuhp_enter": Row(
        Kind.HOTPLUG_ENTRY, ("cpu", "target", "idx"), ("+cpu: ", "+target: ", "+step: ")
    ),
    "cpuhp_multi_enter": Row(
        Kind.HOTPLUG_ENTRY, ("cpu", "target", "idx"), ("+cpu: ", "+target: ", "+step: ")
    ),
    "cpuhp_exit": Row(Kind.HOTPLUG_EXIT, ("cpu", "state", "ret"), ("+cpu: ", "+state: ", "+ret: ")),
    "sys_enter_prctl": Row(
        Kind.PRCTL_ENTRY, ("option", "arg2", "arg3"), ("+option: ", "+arg2: ", "+arg3: ")
    ),
    "sys_exit_prctl": Row(Kind.PRCTL_EXIT, ("ret",), ("+",)),
    "kvm_userspace_exit": Row(Kind.USERSPACE_EXIT, ("reason",)),
    "ipi_send_cpu": Row(Kind.IPI_SEND, ("cpu",), ("+cpu=",)),
    "ipi_send_cpumask": Row(Kind.IPI_MASK, ("cpumask",), ("+cpumask=",)),
    "kvm_vcpu_wakeup": Row(
        Kind.VCPU_WAKEUP, ("ns", "waited", "valid"), ("+ time ", "+", "+polling ")
    ),
    "kvm_apic_accept_irq": Row(
        Kind.ACCEPT_IRQ, ("apicid", "vec", "dm"), ("+#apicid ", "+vec ", "+(")
    ),
    "vcpu_reset": Row(Kind.VCPU_RESET, ("init",), ("+init=",)),
    "vcpu_sipi": Row(Kind.VCPU_SIPI, ("vector",), ("+vector=",)),
    "kvm_vmgexit_enter": Row(
        Kind.VMGEXIT,
        ("exit_reason", "info1", "info2"),
        ("+#exit_reason ", "+#exit_info1 ", "+#exit_info2 "),
    ),
    "kvm_inj_virq": Row(Kind.INJECT_IRQ, ("vector",), ("+IRQ ",)),
    "core_share": Row(Kind.CORE_SHARE, ("cmd", "pid", "type"), ("+cmd=", "+pid=", "+type=")),
    "sched_core_share_pid": Row(
        Kind.CORE_SHARE, ("cmd", "pid", "type"), ("+cmd=", "+pid=", "+type=")
    ),
    "split_lock": Row(Kind.SPLIT_LOCK, ("ip",), ("+ip=",)),
    "handle_guest_split_lock": Row(Kind.SPLIT_LOCK, ("ip",), ("+ip=",)),
}
VECTORS = (
    "local_timer",
    "spurious_apic",
    "error_apic",
    "x86_platform_ipi",
    "irq_work",
    "reschedule",
    "call_function",
    "call_function_single",
    "thermal_apic",
    "threshold_apic",
    "deferred_error_apic",
)
for _name in VECTORS:
    ROWS[f"{_name}_entry"] = Row(Kind.IRQ_ENTRY, ("vector",), ("+vector=",))
    ROWS[f"{_name}_exit"] = Row(Kind.IRQ_EXIT, ("vector",), ("+vector=",))

# Names of exit reasons as the tracepoint prints them (arch/x86/include/uapi/asm/{svm,vmx}.h).
SVM_REASONS = {
    "interrupt": 0x60,
    "nmi": 0x61,
    "smi": 0x62,
    "init": 0x63,
    "vintr": 0x64,
    "cpuid": 0x72,
    "iret": 0x74,
    "invd": 0x76,
    "pause": 0x77,
    "hlt": 0x78,
    "invlpg": 0x79,
    "io": 0x7B,
    "msr": 0x7C,
    "shutdown": 0x7F,
    "vmrun": 0x80,
    "hypercall": 0x81,
    "wbinvd": 0x89,
    "monitor": 0x8A,
    "mwait": 0x8B,
    "buslock": 0xA5,
    "npf": 0x400,
    "avic_incomplete_ipi": 0x401,
    "avic_unaccelerated_access": 0x402,
    "vmgexit": 0x403,
    "invalid_guest_state": 0xFFFFFFFF,
}
VMX_REASONS = {
    "EXCEPTION_NMI": 0,
    "EXTERNAL_INTERRUPT": 1,
    "TRIPLE_FAULT": 2,
    "INIT_SIGNAL": 3,
    "SIPI_SIGNAL": 4,
    "INTERRUPT_WINDOW": 7,
    "NMI_WINDOW": 8,
    "CPUID": 10,
    "HLT": 12,
    "RDTSC": 16,
    "VMCALL": 18,
    "CR_ACCESS": 28,
    "IO_INSTRUCTION": 30,
    "MSR_READ": 31,
    "MSR_WRITE": 32,
    "INVALID_STATE": 33,
    "MSR_LOAD_FAIL": 34,
    "MWAIT_INSTRUCTION": 36,
    "PAUSE_INSTRUCTION": 40,
    "EPT_VIOLATION": 48,
    "EPT_MISCONFIG": 49,
    "PREEMPTION_TIMER": 52,
    "WBINVD": 54,
    "APIC_WRITE": 56,
    "BUS_LOCK": 74,
    "NOTIFY": 75,
}
# The same as trace-cmd's plugin writes them.
TRACE_CMD_REASONS = {
    "EXIT_INTR": 0x60,
    "EXIT_NMI": 0x61,
    "EXIT_SMI": 0x62,
    "EXIT_INIT": 0x63,
    "EXIT_VINTR": 0x64,
    "EXIT_CPUID": 0x72,
    "EXIT_IRET": 0x74,
    "EXIT_PAUSE": 0x77,
    "EXIT_HLT": 0x78,
    "EXIT_IOIO": 0x7B,
    "EXIT_MSR": 0x7C,
    "EXIT_SHUTDOWN": 0x7F,
    "EXIT_VMMCALL": 0x81,
    "EXIT_WBINVD": 0x89,
    "EXIT_MONITOR": 0x8A,
    "EXIT_MWAIT": 0x8B,
    "EXIT_NPF": 0x400,
    "EXIT_AVIC_INCOMPLETE_IPI": 0x401,
    "EXIT_AVIC_UNACCELERATED_ACCESS": 0x402,
    "EXIT_ERR": 0xFFFFFFFF,
}
# Other words that the tracepoints print for numbers: delivery modes with their trigger (6.1 and
# later), and how a vcpu waited.
PRINTED: dict[str, int] = {
    f"{mode}|{trigger})": number
    for number, mode in (
        (Mode.FIXED, "Fixed"),
        (Mode.LOWEST, "LowPrio"),
        (Mode.SMI, "SMI"),
        (Mode.READ, "Res3"),
        (Mode.NMI, "NMI"),
        (Mode.INIT, "INIT"),
        (Mode.SIPI, "SIPI"),
        (Mode.EXTERNAL, "ExtINT"),
    )
    for trigger in ("edge", "level")
} | {"wait": 1, "poll": 0, "valid": 1, "invalid": 0}
VMX, SVM = 1, 2
FAILED_VMENTRY = 0x80000000
BUS_LOCK_DETECTED = 1 << 26  # beside another reason (VMX)


def reason_name(reason: int, isa: int) -> str:
    """Return the name of an exit reason, or its number."""
    names = SVM_REASONS if isa == SVM else VMX_REASONS
    number = reason if isa == SVM else reason & 0xFFFF
    return next((name for name, n in names.items() if n == number), f"{reason:#x}")


def failed_entry(reason: int, isa: int) -> bool:
    """Say whether an exit means that the entry itself failed."""
    if isa == SVM:
        return reason & 0xFFFFFFFF == SVM_REASONS["invalid_guest_state"]
    return isa == VMX and bool(reason & FAILED_VMENTRY)


def bus_lock(reason: int, isa: int) -> bool:
    """Say whether an exit means that the guest took a bus lock."""
    if isa == SVM:
        return reason == SVM_REASONS["buslock"]
    locked = reason & 0xFFFF == VMX_REASONS["BUS_LOCK"] or reason & BUS_LOCK_DETECTED
    return isa == VMX and bool(locked)
