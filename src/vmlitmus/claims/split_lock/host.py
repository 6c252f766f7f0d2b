"""What split locks of guests do to the host and to other tenants."""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, World, condition
from vmlitmus.world.split_lock import Cpu, Event, Host, HostMode, TestCtrl, Vcpu, Work

WARN = KernelFile("arch/x86/kernel/cpu/bus_lock.c", "split_lock_warn()", "7.2.8")
EMULATOR = KernelCommit(
    "9de6fe3c28d6", "KVM: x86: Emulate split-lock access as a write in emulator"
)


def detecting(w: World) -> bool:
    """Say whether the host was booted to detect split locks by #AC."""
    return w.the(Host).mode == HostMode.WARN or w.the(Host).mode == HostMode.FATAL


@condition("host-ac", "the host handles an #AC of a guest", source=WARN)
def host_ac(w: World) -> bool:
    return any(vcpu.event == Event.HOST_AC and not vcpu.vm.neighbour for vcpu in w.all(Vcpu))


@condition(
    "flagged-thread-faults",
    "the thread of a vcpu that has TIF_SLD takes #AC once more",
    source=WARN,
    backed_by=("bus-locked",),
)
def flagged_thread_faults(w: World) -> bool:
    return any(vcpu.tif_sld and vcpu.trying and not vcpu.idle for vcpu in w.all(Vcpu))


@condition("bit-clear", "on a host that detects split locks a core's bit is clear", source=WARN)
def bit_clear(w: World) -> bool:
    return detecting(w) and any(not msr.detects for msr in w.all(TestCtrl))


@condition("all-detect", "every core's bit is set", source=WARN)
def all_detect(w: World) -> bool:
    return all(msr.detects for msr in w.all(TestCtrl))


@condition("bus-locked", "a guest locks the bus", source=WARN, backed_by=("split-lock-tried",))
def bus_locked(w: World) -> bool:
    return any(
        vcpu.event in (Event.LOCKED, Event.UNSEEN) and not vcpu.vm.neighbour for vcpu in w.all(Vcpu)
    )


@condition(
    "two-locks-unslowed",
    "a guest locks the bus twice, and nothing slows it down in between",
    source=WARN,
    backed_by=("split-lock-tried",),
)
def two_locks_unslowed(w: World) -> bool:
    return any(vcpu.unslowed for vcpu in w.all(Vcpu))


@condition(
    "tenant-unseen",
    "a guest locks the bus undetected, because the bit was cleared for another tenant",
    source=WARN,
    backed_by=("split-lock-tried",),
)
def tenant_unseen(w: World) -> bool:
    return any(vcpu.event == Event.UNSEEN for vcpu in w.all(Vcpu))


@condition(
    "tenant-unseen-twice",
    "a guest locks the bus twice in a row undetected, because of another tenant",
    source=WARN,
    backed_by=("tenant-unseen",),
)
def tenant_unseen_twice(w: World) -> bool:
    return any(vcpu.event == Event.UNSEEN and vcpu.unslowed for vcpu in w.all(Vcpu))


@condition(
    "host-kernel-ac",
    "the host kernel itself takes #AC for a split lock, and dies",
    source=EMULATOR,
    backed_by=("split-lock-tried",),
)
def host_kernel_ac(w: World) -> bool:
    return w.the(Host).died


@condition(
    "two-cores-undetected",
    "two cores have detection off at the same time",
    source=WARN,
    backed_by=("split-lock-tried",),
)
def two_cores_undetected(w: World) -> bool:
    return detecting(w) and sum(1 for msr in w.all(TestCtrl) if not msr.detects) > 1


def quiet(w: World) -> bool:
    """Say whether no vcpu uses split locks any more and no work is left to be done."""
    return (
        all(vcpu.stopped and vcpu.idle for vcpu in w.all(Vcpu))
        and all(work.idle and not work.pending for work in w.all(Work))
        and all(cpu.idle for cpu in w.all(Cpu))
    )


def undetected(w: World) -> bool:
    """Say whether a cpu is online on a core whose bit is clear."""
    return detecting(w) and any(cpu.online and not cpu.msr.detects for cpu in w.all(Cpu))


@condition("all-stopped", "no vcpu uses split locks any more", source=WARN)
def all_stopped(w: World) -> bool:
    return all(vcpu.stopped and vcpu.idle for vcpu in w.all(Vcpu))


@condition("all-quiet", "no vcpu uses split locks any more, and no work is left", source=WARN)
def all_quiet(w: World) -> bool:
    return quiet(w)


@condition(
    "stays-undetected",
    "no vcpu uses split locks any more, no work is left, and an online core does not detect",
    source=WARN,
    backed_by=("all-quiet",),
)
def stays_undetected(w: World) -> bool:
    return quiet(w) and undetected(w)


@condition(
    "all-off-cpu",
    "no vcpu uses split locks any more, no work is left, and no vcpu thread is on a cpu",
    source=WARN,
)
def all_off_cpu(w: World) -> bool:
    return quiet(w) and all(vcpu.cpu is None for vcpu in w.all(Vcpu))


@condition(
    "idle-core-undetected",
    "no vcpu thread is on a cpu and no work is left, and an online core stays undetected "
    "for whoever comes next",
    source=WARN,
    backed_by=("all-off-cpu",),
)
def idle_core_undetected(w: World) -> bool:
    return quiet(w) and undetected(w) and all(vcpu.cpu is None for vcpu in w.all(Vcpu))
