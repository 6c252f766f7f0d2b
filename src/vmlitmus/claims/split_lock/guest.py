"""What a guest sees of split locks, compared with bare metal."""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, Lore, Sdm, World, condition
from vmlitmus.world.split_lock import Event, Vcpu, Vm

CONTRACT = Sdm("vol. 4, 2.1 (MSR_TEST_CTRL)")
INJECT = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_guest_inject_ac()", "7.2.8")
THREAD = Lore("Re: [PATCH 2/2] KVM: VMX: Extend VMX's #AC handding", "Xiaoyao Li", "2020-02-02")
EMULATOR = KernelCommit(
    "9de6fe3c28d6", "KVM: x86: Emulate split-lock access as a write in emulator"
)
NESTED = KernelCommit(
    "b33bb78a1fad", "KVM: nVMX: Handle split-lock #AC exceptions that happen in L2"
)


def _any(w: World, event: Event) -> bool:
    """Say whether a vcpu's last split lock came to this; the neighbour's do not count."""
    return any(vcpu.event == event and not vcpu.vm.neighbour for vcpu in w.all(Vcpu))


@condition(
    "not-bare-metal",
    "a guest sees what bare metal would not show: #AC it did not ask for, none where it did, a "
    "lock that is not atomic, an exit it did not ask for, or its end",
    source=CONTRACT,
    backed_by=("split-lock-tried",),
)
def not_bare_metal(w: World) -> bool:
    return (
        _any(w, Event.UNASKED_AC)
        or _any(w, Event.TORN)
        or _any(w, Event.L1_EXIT)
        or any(vcpu.missed and not vcpu.vm.neighbour for vcpu in w.all(Vcpu))
        or any(vm.killed and not vm.neighbour for vm in w.all(Vm))
    )


@condition(
    "unasked-ac",
    "a guest gets #AC that it did not ask for",
    source=INJECT,
    backed_by=("split-lock-tried",),
)
def unasked_ac(w: World) -> bool:
    return _any(w, Event.UNASKED_AC)


@condition(
    "missed-ac",
    "a split lock of a guest that has detection on is executed without #AC",
    source=CONTRACT,
    backed_by=("split-lock-tried",),
)
def missed_ac(w: World) -> bool:
    return any(vcpu.missed and not vcpu.vm.neighbour for vcpu in w.all(Vcpu))


@condition("guest-ac", "a guest gets the #AC that it asked for", source=CONTRACT)
def guest_ac(w: World) -> bool:
    return _any(w, Event.GUEST_AC)


@condition("guest-killed", "the host ends a guest", source=THREAD, backed_by=("split-lock-tried",))
def guest_killed(w: World) -> bool:
    return any(vm.killed and not vm.neighbour for vm in w.all(Vm))


@condition("guest-crashed", "a guest kernel calls die() for its own #AC", source=CONTRACT)
def guest_crashed(w: World) -> bool:
    return any(vm.crashed and not vm.neighbour for vm in w.all(Vm))


@condition(
    "torn-lock",
    "what a guest's vcpu wrote between the read and the write of an emulated lock is lost",
    source=EMULATOR,
    backed_by=("split-lock-emulated",),
)
def torn_lock(w: World) -> bool:
    return _any(w, Event.TORN)


@condition("split-lock-emulated", "KVM has emulated a split lock", source=EMULATOR)
def split_lock_emulated(w: World) -> bool:
    return _any(w, Event.PLAIN) or _any(w, Event.TORN)


@condition(
    "unexpected-l1-exit",
    "an L1 hypervisor gets an exit for a split lock of L2 that it did not ask for",
    source=NESTED,
    backed_by=("split-lock-tried",),
)
def unexpected_l1_exit(w: World) -> bool:
    return _any(w, Event.L1_EXIT)


@condition("split-lock-tried", "a guest has tried a split lock", source=CONTRACT)
def split_lock_tried(w: World) -> bool:
    return any(
        (vcpu.event != Event.NONE or vcpu.trying) and not vcpu.vm.neighbour for vcpu in w.all(Vcpu)
    )


@condition(
    "lock-unsettled",
    "a guest's split lock has faulted, and its vcpu still waits",
    source=CONTRACT,
)
def lock_unsettled(w: World) -> bool:
    return any(vcpu.trying for vcpu in w.all(Vcpu))


@condition("lock-settled", "no vcpu waits for a split lock that has faulted", source=CONTRACT)
def lock_settled(w: World) -> bool:
    return not any(vcpu.trying for vcpu in w.all(Vcpu))
