"""handle_guest_split_lock() and split_lock_warn(), in a vcpu's thread.

warn: until 5.18 the thread clears the bit and sets TIF_SLD, preemptible in between. Since 5.19 it
sleeps 10 ms and takes buslock_sem (not with split_lock_mitigate=0), then, preemption off, schedules
the work that will set the bit again and, the next moment, clears it. The bit is the core's: between
the two the sibling may do anything, only this cpu's workers wait. A signal ends either sleep, and
the function returns with detection still on. split_lock_mitigate is read once, at the start.
fatal: SIGBUS, and KVM_RUN returns.

Not modelled: the message. Source: split_lock_warn() in arch/x86/kernel/cpu/bus_lock.c,
arch/x86/kernel/cpu/intel.c (Linux 5.7).
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, step, when
from vmlitmus.model.hardware.split_lock import clear_bit, slowed
from vmlitmus.model.kvm.split_lock.versions import MISERY, PER_CPU, SYSCTL
from vmlitmus.model.scheduler.delayed_work import schedule_delayed_work_on
from vmlitmus.model.scheduler.semaphore import leave, may_take, queue, taken
from vmlitmus.world.split_lock import Event, Host, HostMode, Vcpu, Work

WARN = KernelFile("arch/x86/kernel/cpu/bus_lock.c", "split_lock_warn()", "7.2.8")
WARN_6_12 = KernelFile("arch/x86/kernel/cpu/intel.c", "split_lock_warn()", "6.12.107")
WARN_6_1 = KernelFile("arch/x86/kernel/cpu/intel.c", "split_lock_warn()", "6.1.176")
BIT_FIRST = "split_lock_warn() clears the bit before it sets TIF_SLD"


def handle_guest_split_lock(w: World, vcpu: Vcpu) -> Sections:
    """The vcpu has exited with #AC that is not its guest's; the section is still open."""
    vcpu.event = Event.HOST_AC
    if w.the(Host).mode != HostMode.WARN:
        kill(vcpu)
        yield "{vcpu} takes #AC on its split lock; handle_guest_split_lock() sends SIGBUS"
    elif w.part(MISERY.part):
        yield from warn_delayed(w, vcpu)
    else:
        yield from warn_task_flag(w, vcpu)


@step(
    "{vcpu}'s thread gets a signal while it sleeps",
    source=(WARN, WARN_6_12, WARN_6_1),
    disturbance="signal",
)
def signal(w: World, vcpu: Vcpu) -> None:
    when(vcpu.sleeping and not vcpu.signalled)
    vcpu.signalled = True


@step("root writes kernel.split_lock_mitigate", source=SYSCTL.source)
def write_sysctl(w: World, host: Host) -> None:
    when(host.toggles and w.part(SYSCTL.part))
    host.mitigate = not host.mitigate


def kill(vcpu: Vcpu) -> None:
    """The VMM's process ends, and the VM with it."""
    vcpu.vm.killed = True
    vcpu.trying = False


def warn_task_flag(w: World, vcpu: Vcpu) -> Sections:
    """split_lock_warn() of 5.7 to 5.18."""
    yield "{vcpu} takes #AC on its split lock; split_lock_warn() is called"
    when(vcpu.cpu is not None)
    if w.part(BIT_FIRST):
        clear_here(vcpu)
        yield "split_lock_warn() for {vcpu} clears the bit of {vcpu.cpu}"
        when(vcpu.cpu is not None)
        vcpu.tif_sld = True
        yield "split_lock_warn() sets TIF_SLD of {vcpu}"
    else:
        vcpu.tif_sld = True
        yield "split_lock_warn() sets TIF_SLD of {vcpu} first"
        when(vcpu.cpu is not None)
        clear_here(vcpu)
        yield "split_lock_warn() for {vcpu} clears the bit of {vcpu.cpu} after that"


def clear_here(vcpu: Vcpu) -> None:
    """sld_update_msr(false) on the cpu that the vcpu's thread runs on."""
    if vcpu.cpu is not None:
        clear_bit(vcpu.cpu, vcpu.vm)


def warn_delayed(w: World, vcpu: Vcpu) -> Sections:
    """split_lock_warn() since 5.19."""
    mitigated = mitigates(w)
    if mitigated:
        slowed(vcpu)
        vcpu.sleeping = True
        yield "{vcpu} takes #AC on its split lock; split_lock_warn() makes it sleep 10 ms"
        vcpu.sleeping = False
        if w.the(Host).timer_signal or vcpu.signalled:
            vcpu.signalled = False
            yield "a signal ends the sleep of {vcpu}; detection stays on"
            return
        if w.the(Host).semaphore:
            queue(w, vcpu)
            yield "{vcpu} queues for buslock_sem"
            when(may_take(w, vcpu) or vcpu.signalled)
            vcpu.signalled = False
            if not may_take(w, vcpu):
                leave(w, vcpu)
                yield "a signal takes {vcpu} out of the queue; detection stays on"
                return
        taken(w, vcpu)
        yield "{vcpu} has buslock_sem"
    else:
        yield "{vcpu} takes #AC on its split lock; split_lock_warn() is called, without misery"
    when(vcpu.cpu is not None)
    vcpu.preempt_off = True
    pending = any(work.pending and chosen(w, work, vcpu, mitigated) for work in w.all(Work))
    for work in w.all(Work):
        if vcpu.cpu is not None and chosen(w, work, vcpu, mitigated):
            schedule_delayed_work_on(vcpu.cpu, work)
    if pending:
        yield "{vcpu} finds the work pending and schedules nothing"
    else:
        yield "{vcpu} schedules the work for {vcpu.cpu} in 2 jiffies"
    clear_here(vcpu)
    vcpu.preempt_off = False
    yield "{vcpu} clears the bit of {vcpu.cpu}"


def mitigates(w: World) -> bool:
    """split_lock_mitigate, which could not be switched off before 6.2."""
    return w.the(Host).mitigate or not w.part(SYSCTL.part)


def chosen(w: World, work: Work, vcpu: Vcpu, mitigated: bool) -> bool:
    """Say whether it is this work that split_lock_warn() schedules for the vcpu's cpu."""
    if work.unlocks != mitigated:
        return False
    own = w.the(Host).per_cpu_work if work.unlocks else w.part(PER_CPU.part)
    return work.home is vcpu.cpu if own else work.home is None
