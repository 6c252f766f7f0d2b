"""As merged: detection is the host's affair; guests are not shown the feature.

#AC is always intercepted. It is injected where the guest would get it without split-lock
detection: CPL 3, CR0.AM and EFLAGS.AC. Each of the three is a part. Until 5.7-rc2 all of them
were injected; until 5.18 L1 was given those of L2. The emulator made the guest's locked access
itself, in the host kernel; since then, on a cpu with the feature, it reads the operand and writes
it, and what another vcpu writes to the line in between is lost. A cpu without it, such as AMD's,
still makes the access itself: the bus is locked from the host kernel, where no bus-lock exit is.

Not modelled: TDX. Source: vmx_guest_inject_ac(), emulator_cmpxchg_emulated().
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.guest.split_lock import deliver_ac
from vmlitmus.model.hardware.split_lock import lock_bus
from vmlitmus.model.kvm.split_lock.handler import handle_guest_split_lock
from vmlitmus.model.kvm.split_lock.policy import AcPolicy, may_run
from vmlitmus.model.kvm.split_lock.versions import EMULATED, GUEST_AC, NESTED_AC
from vmlitmus.world.split_lock import Answer, Context, Event, Host, Vcpu

INJECT_AC = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_guest_inject_ac()", "7.2.8")
CMPXCHG = KernelFile("arch/x86/kvm/x86.c", "emulator_cmpxchg_emulated()", "7.2.8")
CPL3 = "inject #AC at CPL 3 only"
AM = "inject #AC with CR0.AM only"
AC = "inject #AC with EFLAGS.AC only"


def guest_inject_ac(w: World, vcpu: Vcpu) -> bool:
    """vmx_guest_inject_ac(), on a host that has the feature, whatever its mode."""
    vm = vcpu.vm
    return (
        (vm.context == Context.USER or not w.part(CPL3))
        and (vm.cr0_am or not w.part(AM))
        and (vm.eflags_ac or not w.part(AC))
    )


def answer(w: World, vcpu: Vcpu) -> Answer:
    """Say who gets the #AC of a vcpu."""
    if vcpu.vm.nested and not w.part(NESTED_AC.part):
        return Answer.L1
    if guest_inject_ac(w, vcpu) or not w.part(GUEST_AC.part):
        return Answer.INJECT
    return Answer.HOST


class Merged(AcPolicy):
    """As merged since 5.7: the host's handler gets the guest's split-lock #AC."""

    def on_ac(self, w: World, vcpu: Vcpu) -> Sections:
        vcpu.answer = answer(w, vcpu)
        if vcpu.answer == Answer.L1:
            vcpu.event = Event.L1_EXIT
            vcpu.trying = False
            yield "the #AC of {vcpu} in L2 goes to L1"
        elif vcpu.answer == Answer.INJECT:
            deliver_ac(w, vcpu)
            yield "{vcpu} takes #AC on its split lock; KVM injects it into the guest"
        else:
            yield from handle_guest_split_lock(w, vcpu)


def overwrite(w: World, vcpu: Vcpu) -> None:
    """A vcpu has written the line; an emulation for another vcpu has read the old value."""
    for other in w.all(Vcpu):
        if other is not vcpu and other.vm is vcpu.vm and other.emulating:
            other.overwritten = True


@sequence(source=(CMPXCHG, EMULATED.source))
def emulated_lock(w: World, vcpu: Vcpu) -> Sections:
    when(may_run(w, vcpu) and vcpu.vm.emulated)
    plain = w.part(EMULATED.part) and not w.the(Host).amd
    vcpu.answer = Answer.PLAIN if plain else Answer.LOCKED
    if vcpu.answer == Answer.PLAIN:
        vcpu.emulating = True
        vcpu.overwritten = False
        yield "KVM's emulator reads the operand of the split lock of {vcpu}"
        vcpu.event = Event.TORN if vcpu.overwritten else Event.PLAIN
        vcpu.emulating = False
        overwrite(w, vcpu)
        yield "emulator_cmpxchg_emulated() does the split lock of {vcpu} as a plain write"
    elif vcpu.detected:
        w.the(Host).died = True
        yield "the emulator's own locked access for {vcpu} raises #AC in the host kernel: die()"
    else:
        lock_bus(w, vcpu)
        yield "the emulator makes the locked access for {vcpu}: the bus is locked"
