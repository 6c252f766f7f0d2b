"""As proposed in February 2020: detection virtualised, if the feature may be shown at all.

KVM keeps the guest's SPLIT_LOCK_DETECT. At VM entry a guest that has it set gets the core's bit
set, if the thread or the host had it clear; with the host off it is cleared again at VM exit. #AC
is forwarded to a guest that asked for it. Otherwise host warn clears the core's bit for the
thread; host fatal kills the guest, or forwards #AC nevertheless. With FORCED_ON, host warn does
as host fatal.

Not modelled: how userspace says that it pins vcpus. Source: the thread; patch 8/8 of v5,
2020-03-24, for the order of MSR writes.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, Sections, World
from vmlitmus.model.guest.split_lock import deliver_ac, forced_on
from vmlitmus.model.hardware.split_lock import clear_bit, legacy_ac, set_bit
from vmlitmus.model.kvm.split_lock.handler import handle_guest_split_lock, kill
from vmlitmus.model.kvm.split_lock.policy import AcPolicy
from vmlitmus.world.split_lock import Event, ForcedOn, Host, HostMode, Vcpu

HOST_OFF_LOADS_BIT = Assumption(
    "host-off-loads-guest-bit",
    "on a host booted with split_lock_detect=off KVM loads the guest's bit at VM entry and clears "
    "it at VM exit",
    settled_by="the author of the proposal, which was not merged",
)


class Proposed(AcPolicy):
    """KVM virtualises MSR_TEST_CTRL.SPLIT_LOCK_DETECT."""

    def vm_entry(self, w: World, vcpu: Vcpu) -> Sections:
        host = w.the(Host)
        vcpu.in_guest = True
        self.on_wrmsr(w, vcpu)
        if vcpu.cpu is not None and vcpu.sld and host.mode == HostMode.OFF:
            if w.assume(HOST_OFF_LOADS_BIT):
                set_bit(vcpu.cpu)
        yield "{vcpu} enters the guest with its bit as MSR_TEST_CTRL wants it"

    def on_wrmsr(self, w: World, vcpu: Vcpu) -> None:
        if vcpu.cpu is not None and vcpu.sld and vcpu.tif_sld:
            set_bit(vcpu.cpu)
            vcpu.tif_sld = False

    def vm_exit(self, w: World, vcpu: Vcpu) -> None:
        vcpu.in_guest = False
        if vcpu.cpu is not None and vcpu.sld and w.the(Host).mode == HostMode.OFF:
            if w.assume(HOST_OFF_LOADS_BIT):
                clear_bit(vcpu.cpu, vcpu.vm)

    def on_ac(self, w: World, vcpu: Vcpu) -> Sections:
        host = w.the(Host)
        told = forced_on(host, vcpu.vm)
        if (
            host.mode == HostMode.OFF
            or vcpu.sld
            or legacy_ac(vcpu)
            or told == ForcedOn.ACKNOWLEDGED
        ):
            deliver_ac(w, vcpu)
            yield "{vcpu} takes #AC on its split lock; KVM forwards it to the guest"
        elif host.mode == HostMode.WARN and told == ForcedOn.ABSENT:
            yield from handle_guest_split_lock(w, vcpu)
        elif host.forward:
            deliver_ac(w, vcpu)
            yield "{vcpu} takes #AC on its split lock; KVM forwards it although the bit is clear"
        else:
            vcpu.event = Event.HOST_AC
            kill(vcpu)
            yield "{vcpu} takes #AC on its split lock; KVM_RUN returns -EFAULT"
