"""Which kick waits for what.

__kvm_vcpu_kick() changes IN_GUEST_MODE to EXITING_GUEST_MODE and sends an IPI only if it did; with
``wait`` it is a function-call IPI that is waited for, else a reschedule IPI. A target that an
earlier kick has already put in EXITING_GUEST_MODE gets no IPI and is not waited for.
kvm_make_vcpus_request_mask() with KVM_REQUEST_WAIT waits for every mode but OUTSIDE_GUEST_MODE.

A wake-up needs no step of its own: a vcpu that blocks is in OUTSIDE_GUEST_MODE, where neither kick
waits, and goes on as soon as it has an event. KVM_REQ_VMSA_PAGE_RELOAD, which has
KVM_REQUEST_NO_WAKEUP, is none.

Source: __kvm_vcpu_kick(), kvm_request_needs_ipi() in virt/kvm/kvm_main.c; commit 309d28576f0a.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, Lore, Sections, World, when
from vmlitmus.model.kvm.ap_creation.fixes import WAIT_FLAG, WAIT_KICK
from vmlitmus.world.snp import Mode, Vcpu

KICK = KernelFile("virt/kvm/kvm_main.c", "__kvm_vcpu_kick()", "7.2.8")
MASK = Lore(
    "Re: [PATCH] KVM: SVM: Fix SNP AP destroy race with VMRUN", "Tom Lendacky", "2025-03-18"
)


class Kick(Hooks):
    """As merged: __kvm_vcpu_kick() waits only if it finds IN_GUEST_MODE itself."""

    def reaches(self, w: World, target: Vcpu) -> bool:
        """Say whether the kick sends an IPI."""
        return target.mode == Mode.IN_GUEST


class RequestMask(Kick):
    """kvm_make_vcpus_request_mask(): waits for EXITING_GUEST_MODE as well."""

    def reaches(self, w: World, target: Vcpu) -> bool:
        return target.mode != Mode.OUTSIDE


def kick(target: Vcpu) -> None:
    """kvm_vcpu_kick(): never waits."""
    if target.mode == Mode.IN_GUEST:
        target.mode = Mode.EXITING


def request_and_kick(w: World, vcpu: Vcpu, target: Vcpu) -> Sections:
    """The kick after KVM_REQ_UPDATE_PROTECTED_GUEST_STATE was made, with its wait if it has one."""
    if w.use(Kick).reaches(w, target):
        target.mode = Mode.EXITING
        if w.part(WAIT_FLAG) and w.part(WAIT_KICK):
            vcpu.awaits = target
            yield "{vcpu} sends {target} an IPI and waits for the answer"
            when(vcpu.awaits is None)
        else:
            yield "{vcpu} sends {target} an IPI and does not wait"
    else:
        yield "{vcpu} sends no IPI: {target} is in {target.mode}"
