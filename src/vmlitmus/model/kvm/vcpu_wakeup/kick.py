"""A request is made, and its vcpu is woken or kicked.

The bit of the request is set by a LOCKed operation; a vcpu that blocks is woken; else the mode is
changed from IN_GUEST_MODE to EXITING_GUEST_MODE by a LOCKed operation, and who found IN_GUEST_MODE
sends an IPI. With KVM_REQUEST_WAIT a vcpu in any mode but OUTSIDE_GUEST_MODE gets an IPI that is
waited for. Atomic sections: the bit, the look at the waiter, the wake-up, the mode, the IPI.

The bit comes first and the mode second; vcpu_enter_guest() writes the mode first and reads the
bits second. On x86 smp_mb__before_atomic() in front of cmpxchg() is no instruction.

The IPI goes to vcpu->cpu, where the vcpu was loaded last: it may have left that cpu meanwhile.

Not modelled: a kick of a vcpu by its own task; cpus that are offline.
Source: kvm_make_vcpu_request(), kvm_request_needs_ipi(), __kvm_vcpu_kick() in
virt/kvm/kvm_main.c, kvm_vcpu_exiting_guest_mode() in include/linux/kvm_host.h,
rcuwait_wake_up() in kernel/exit.c.
"""

from __future__ import annotations

from vmlitmus.lang import CpuEvent, KernelFile, Sdm, Sections, World, sequence, step, when
from vmlitmus.world.snp import Mode
from vmlitmus.world.vcpu_wakeup import Cpu, Task, Vcpu

MAIN = "virt/kvm/kvm_main.c"
MAKE = KernelFile(MAIN, "kvm_make_vcpu_request()", "7.2.8")
KICK = KernelFile(MAIN, "__kvm_vcpu_kick()", "7.2.8")
EXITING = KernelFile("include/linux/kvm_host.h", "kvm_vcpu_exiting_guest_mode()", "7.2.8")
WAKE = KernelFile("kernel/exit.c", "rcuwait_wake_up()", "7.2.8")
TAKEN = Sdm("vol. 3A, 11.10 (store buffer)")
BIT_LOCK = "the LOCK of set_bit() in kvm_make_request()"
MODE_LOCK = "the LOCK of cmpxchg() in kvm_vcpu_exiting_guest_mode()"
BIT_FIRST = "make the request before looking at the mode"
WAKE_BARRIER = "smp_mb() in rcuwait_wake_up()"
WAIT_MODES = "kick a vcpu in any mode but OUTSIDE_GUEST_MODE and wait"


def set_request(w: World, vcpu: Vcpu) -> None:
    """__kvm_make_request()."""
    with w.locked("set_bit()", w.part(BIT_LOCK)):
        vcpu.request = True


def is_waiter(w: World, vcpu: Vcpu) -> bool:
    """rcuwait_active(), with the barrier before it."""
    if w.part(WAKE_BARRIER):
        w.barrier()
    return vcpu.waiting


def try_to_wake_up(w: World, vcpu: Vcpu) -> bool:
    """wake_up_process(): a task that sleeps, or is about to, runs on; says whether it was one."""
    with w.locked("the lock of try_to_wake_up()"):
        woken = vcpu.sleepy
        if woken:
            vcpu.sleepy = False
            vcpu.asleep = False
    return woken


def wake_up(w: World, task: Task, vcpu: Vcpu) -> Sections:
    """kvm_vcpu_wake_up(): the task is woken if it waits and has not looked yet, or sleeps."""
    waits = is_waiter(w, vcpu)
    yield "{task} looks whether {vcpu} waits"
    if waits:
        try_to_wake_up(w, vcpu)
        yield "{task} calls wake_up_process() for {vcpu}"


def wake_up_or_kick(w: World, task: Task, vcpu: Vcpu) -> Sections:
    """__kvm_vcpu_kick(): a vcpu that it has woken up is not in guest mode, and gets no IPI."""
    waits = is_waiter(w, vcpu)
    yield "{task} looks whether {vcpu} waits, and will kick it if not"
    woken = False
    if waits:
        woken = try_to_wake_up(w, vcpu)
        yield "{task} calls wake_up_process() for {vcpu}, and will kick it if it was awake"
    if not woken:
        yield from kick(w, task, vcpu, False)


def set_irr_pending(task: Task, vcpu: Vcpu) -> Sections:
    """kvm_lapic_set_irr(), after it has set the bit: the IRR is worth a look."""
    vcpu.irr_pending = True
    yield "{task} sets irr_pending of {vcpu}"


def request_event(w: World, task: Task, vcpu: Vcpu) -> Sections:
    """What is told to a vcpu without APICv or AVIC: KVM_REQ_EVENT, and the kick."""
    set_request(w, vcpu)
    yield "{task} makes KVM_REQ_EVENT of {vcpu}"
    yield from wake_up_or_kick(w, task, vcpu)


def kick(w: World, task: Task, vcpu: Vcpu, wait: bool) -> Sections:
    """kvm_vcpu_exiting_guest_mode(), and the IPI; with ``wait`` the answer too."""
    with w.locked("cmpxchg()", w.part(MODE_LOCK)):
        found = vcpu.mode
        if found == Mode.IN_GUEST:
            vcpu.mode = Mode.EXITING
    yield "{task} reads the mode of {vcpu} by cmpxchg(), which may set EXITING_GUEST_MODE"
    sends = found == Mode.IN_GUEST
    if wait and w.part(WAIT_MODES):
        sends = found != Mode.OUTSIDE
    if sends:
        w.happens(CpuEvent.X2APIC_WRITE)
        vcpu.last.ipi = True
        if wait:
            task.awaits.add(vcpu.last)
    yield "{task} sends {vcpu} an IPI if that mode asks for one"


@step("{task} has a request for {vcpu}", source=MAKE, disturbance="request")
def begin_request(w: World, task: Task, vcpu: Vcpu) -> None:
    when(task.idle and task.target is None)
    task.target = vcpu


@sequence(
    "{task} has made its request of {vcpu}",
    source=(MAKE, KICK, EXITING, WAKE),
    disturbance="request",
    fair="weak",
)
def request(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(task.target is vcpu)
    task.target = None
    if w.part(BIT_FIRST):
        set_request(w, vcpu)
        yield "{task} makes a request of {vcpu}"
    else:
        yield from wake_up_or_kick(w, task, vcpu)
        set_request(w, vcpu)
        yield "{task} makes a request of {vcpu} after the kick"
        return
    yield from wake_up_or_kick(w, task, vcpu)


@step("{cpu} takes an IPI", source=TAKEN, fair="weak")
def take_ipi(w: World, cpu: Cpu) -> None:
    when(cpu.ipi and not cpu.irqs_off)
    w.happens(CpuEvent.INTERRUPT, cpu)
    cpu.ipi = False
    for task in w.all(Task):
        task.awaits.discard(cpu)
