"""handle_guest_split_lock() and split_lock_warn(), in a vcpu's thread.

warn: until 5.18 the thread clears the bit and sets TIF_SLD, preemptible in between. Since 5.19 it
sleeps 10 ms and takes buslock_sem (not with split_lock_mitigate=0), then, preemption off,
schedules the work that will set the bit again and clears it. fatal: SIGBUS, and KVM_RUN returns.

Not modelled: signals, which end the sleep early; the message. Source:
arch/x86/kernel/cpu/bus_lock.c, arch/x86/kernel/cpu/intel.c (Linux 5.7).
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World, when
from vmlitmus.model.hardware.split_lock import clear_bit, slowed
from vmlitmus.model.kvm.split_lock.versions import MISERY, PER_CPU, SYSCTL
from vmlitmus.model.scheduler.delayed_work import schedule_delayed_work_on
from vmlitmus.model.scheduler.semaphore import down
from vmlitmus.world.split_lock import Event, Host, HostMode, Vcpu, Work

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


def kill(vcpu: Vcpu) -> None:
    """The VMM's process ends, and the VM with it."""
    vcpu.vm.killed = True
    vcpu.trying = False


def warn_task_flag(w: World, vcpu: Vcpu) -> Sections:
    """split_lock_warn() of 5.7 to 5.18."""
    yield "{vcpu} takes #AC on its split lock; the split_lock_warn() with TIF_SLD is called"
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
    if mitigates(w):
        slowed(vcpu)
        yield "{vcpu} takes #AC on its split lock; split_lock_warn() makes it sleep 10 ms"
        yield from down(w, vcpu)
    else:
        yield "{vcpu} takes #AC on its split lock; split_lock_warn() is called, without misery"
    when(vcpu.cpu is not None)
    pending = any(work.pending and chosen(w, work, vcpu) for work in w.all(Work))
    for work in w.all(Work):
        if vcpu.cpu is not None and chosen(w, work, vcpu):
            schedule_delayed_work_on(vcpu.cpu, work)
    clear_here(vcpu)
    if pending:
        yield "{vcpu} finds the work pending, schedules nothing and clears the bit of {vcpu.cpu}"
    else:
        yield "{vcpu} schedules the work for {vcpu.cpu} in 2 jiffies and clears its bit"


def mitigates(w: World) -> bool:
    """split_lock_mitigate, which could not be switched off before 6.2."""
    return w.the(Host).mitigate or not w.part(SYSCTL.part)


def chosen(w: World, work: Work, vcpu: Vcpu) -> bool:
    """Say whether it is this work that split_lock_warn() schedules for the vcpu's cpu."""
    if work.unlocks != mitigates(w):
        return False
    own = w.the(Host).per_cpu_work if work.unlocks else w.part(PER_CPU.part)
    return work.home is vcpu.cpu if own else work.home is None
