"""The target takes the request: kvm_vcpu_reset(init) and sev_snp_init_protected_guest_state().

Both ways lead here, KVM_REQ_UPDATE_PROTECTED_GUEST_STATE in vcpu_enter_guest() and INIT. Atomic
sections: the request bit is cleared; under snp_vmsa_mutex the vcpu is parked without a VMSA; the
page is looked up in guest_memfd; the pfn is installed (since d1a3c2162334 under mmu_lock, with a
look at mmu_invalidate_seq); then init_vmcb(), in which sev_es_init_vmcb() goes back to the launch
VMSA as long as snp_has_guest_vmsa is not set.

A memslot that is being deleted leads to no page: it is a copy with KVM_MEMSLOT_INVALID, into which
kvm_copy_memslot() does not copy slot->gmem, so that kvm_gmem_get_pfn() finds no file.

A proposal of our own, ``request_cleared = "under-mutex"``: the request bit is cleared again where
the request is consumed, under the mutex under which it was made. Another one, ``destroyed =
"parked"``: KVM keeps in mind that a vcpu took a DESTROY. Then nothing but an AP_CREATION wakes it,
INIT leaves it HALTED, and so does vcpu_block(), which may have been woken before.

Not load-bearing: "mark the VMCB dirty first": init_vmcb() marks everything dirty on every way here.

Not load-bearing: "consume the pending GPA even on failure": whoever has the GPA taken again stores
one first.

Not load-bearing: "track the guest's VMSA by snp_has_guest_vmsa": without it vmsa_pa stays invalid,
as in RFC v8, which is what a destroyed vcpu needs; it serves to leave the launch VMSA allocated.

Not modelled: nested state; that RFC v8 left vcpu_enter_guest() with an unset return value.
Source: sev_snp_init_protected_guest_state(), sev_es_init_vmcb() in arch/x86/kvm/svm/sev.c,
svm_vcpu_reset(), init_vmcb() in svm.c; kvm_copy_memslot() in virt/kvm/kvm_main.c,
kvm_gmem_get_pfn() in virt/kvm/guest_memfd.c.
"""

from __future__ import annotations

from typing import Annotated

from vmlitmus.lang import Assumption, Between, KernelFile, Sections, World, sequence, when
from vmlitmus.model.hardware.rmp import POINTER_CACHED, rmpupdate_shared
from vmlitmus.model.kvm.ap_creation.fixes import (
    CONSUME,
    DIRTY,
    HALTED,
    INVALIDATE,
    LOOKUP,
    MARK_GUEST,
    RUNNABLE,
    TRACKED,
)
from vmlitmus.model.kvm.ap_creation.restricted import oopses, unpin
from vmlitmus.world.memory import Owner
from vmlitmus.world.snp import Fault, Host, MpState, Page, Vcpu, Vm

SEV = "arch/x86/kvm/svm/sev.c"
UNBOUND = "leave guest_memfd out of an invalid memslot"
UPDATE = KernelFile(SEV, "sev_snp_init_protected_guest_state()", "7.2.8")
RELOAD = KernelFile(SEV, "__sev_snp_reload_vmsa()", "7.2.8")
MARKS_DESTROYED = Assumption(
    "destroy-marks-guest-vmsa",
    "98fb11aed12b sets snp_has_guest_vmsa for a vcpu whose first request is a DESTROY, too",
    settled_by=(
        "it is settled: __sev_snp_reload_vmsa() of 7.3.4 sets snp_has_guest_vmsa before it returns "
        "for an invalid gpa"
    ),
)


def park(w: World, vcpu: Vcpu) -> None:
    """Mark the vcpu as offline and not runnable, and take its VMSA away."""
    vcpu.wronged = vcpu.wronged or not vcpu.accepted or vcpu.pending is not vcpu.asked
    vcpu.accepted = False
    vcpu.early = vcpu.early or vcpu.on_init
    vcpu.waiting = False
    if w.the(Vm).clears_late:
        vcpu.update = False
    vcpu.unhalted = False
    vcpu.mp_state = MpState.HALTED if w.part(HALTED) else MpState.STOPPED
    vcpu.parked = vcpu.parks and vcpu.pending is None
    drop_vmsa(w, vcpu)


def drop_vmsa(w: World, vcpu: Vcpu) -> None:
    """vmsa_pa = INVALID_PAGE."""
    vcpu.vmsa = None
    vcpu.blank = False
    vcpu.guest_vmsa = None
    if w.part(DIRTY):
        vcpu.clean = False


def install(w: World, vcpu: Vcpu, page: Page) -> Sections:
    """Look a page up in guest_memfd and make it the VMSA, if that works.

    guest_memfd does not ask whether the gpa is private; RFC v8 did.
    """
    vm = w.the(Vm)
    seen: Annotated[int, Between(0, 3)] = vm.seq
    slot = page.slot and not (page.slot_invalid and w.part(UNBOUND))
    asked = slot and (page.private or w.part(LOOKUP))
    found = asked and page.present
    fresh = asked and not page.present and w.the(Host).refills
    vcpu.looks = page
    if w.part(MARK_GUEST):
        vcpu.has_guest_vmsa = True
    yield "{vcpu} looks {page} up in guest_memfd"
    vcpu.looks = None
    if found or fresh:
        vcpu.has_guest_vmsa = True
        if w.part(INVALIDATE):
            vcpu.guest_vmsa = page
        if moved(w, page, seen != vm.seq):
            vcpu.reload = True
        elif found:
            vcpu.vmsa = page
            free_launch(w, vcpu)
        else:
            vcpu.blank = True
        vcpu.clean = False


def moved(w: World, page: Page, changed: bool) -> bool:
    """mmu_invalidate_retry_gfn(), under mmu_lock."""
    if w.part(INVALIDATE) and w.part("look at mmu_invalidate_seq"):
        return changed or w.the(Vm).invalidating is page
    return False


def free_launch(w: World, vcpu: Vcpu) -> None:
    """The idea of the thread: give the launch VMSA back once another one is in place."""
    if w.the(Vm).frees_launch and vcpu.launch is not None and vcpu.launch.owner == Owner.GUEST:
        rmpupdate_shared(vcpu.launch)
        if w.part("flush the launch VMSA"):
            vcpu.launch.dirty = False
        vcpu.launch.owner = Owner.FREE


def init_vmcb(w: World, vcpu: Vcpu) -> None:
    """init_vmcb(), with sev_es_init_vmcb()."""
    if w.part(TRACKED) and not vcpu.has_guest_vmsa:
        vcpu.vmsa = vcpu.launch
        vcpu.blank = False
    if w.part("init_vmcb() marks the VMCB dirty"):
        vcpu.clean = False


def reset_apic(w: World, vcpu: Vcpu) -> None:
    """kvm_lapic_reset(), and the NMIs that are dropped with it."""
    vcpu.nmi = False
    vcpu.irq = False
    if w.part("turn the LAPIC off at the reset"):
        vcpu.apic = False


def take_pending(w: World, vcpu: Vcpu) -> Sections:
    """Install the VMSA that was asked for, and say that the vcpu may run."""
    page = vcpu.pending
    if w.part(CONSUME):
        vcpu.pending = None
    if page is None:
        vcpu.clean = False
        return
    yield from install(w, vcpu, page)
    usable = vcpu.vmsa is page or vcpu.blank or vcpu.guest_vmsa is page
    if usable:
        vcpu.pending = None
    if usable or w.part(RUNNABLE):
        vcpu.mp_state = MpState.RUNNABLE


def kvm_vcpu_reset(w: World, vcpu: Vcpu) -> Sections:
    """kvm_vcpu_reset(vcpu, true)."""
    when(not vcpu.locked)
    reset_apic(w, vcpu)
    if vcpu.waiting:
        vcpu.locked = True
        old = vcpu.vmsa
        park(w, vcpu)
        if oopses(w, vcpu, old):
            vcpu.fault = Fault.OOPS
            yield "{vcpu} reads through the NULL memslot that it found, and oopses"
            when(vcpu.fault != Fault.OOPS)
        unpin(w, vcpu, old)
        if w.part(MARK_GUEST) and w.assume(MARKS_DESTROYED):
            vcpu.has_guest_vmsa = True
        yield "{vcpu} is parked without a VMSA, under its snp_vmsa_mutex"
        yield from take_pending(w, vcpu)
        vcpu.locked = False
    init_vmcb(w, vcpu)
    yield "{vcpu} ends kvm_vcpu_reset() with VMSA {vcpu.vmsa}"


@sequence(source=UPDATE, fair="weak")
def update_guest_state(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.outside and vcpu.mp_state == MpState.RUNNABLE and vcpu.update)
    vcpu.update = False
    yield "{vcpu} sees KVM_REQ_UPDATE_PROTECTED_GUEST_STATE"
    yield from kvm_vcpu_reset(w, vcpu)


@sequence(source=(RELOAD, POINTER_CACHED), fair="weak")
def reload_vmsa(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.outside and vcpu.mp_state == MpState.RUNNABLE and vcpu.reload)
    when(not vcpu.update and not vcpu.locked)
    vcpu.reload = False
    vcpu.locked = True
    page = vcpu.guest_vmsa
    drop_vmsa(w, vcpu)
    yield "{vcpu} sees KVM_REQ_VMSA_PAGE_RELOAD and drops its VMSA"
    if page is not None:
        yield from install(w, vcpu, page)
    vcpu.locked = False
    yield "{vcpu} returns from sev_snp_reload_vmsa()"
