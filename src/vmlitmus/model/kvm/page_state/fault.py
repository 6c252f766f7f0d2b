"""A vcpu faults on a private page: kvm_gmem_get_pfn(), prepare, and the SPTE.

Atomic sections: mmu_invalidate_seq and the attribute; under the folio lock, the folio is cleared if
it is new, and made the guest's in the RMP if it is not; under mmu_lock the SPTE, unless an
invalidation has come in between; then the reference is put, which may be the last one.

Not load-bearing: "the RMP says whether a folio is prepared": flag and RMP agree in all that is
modelled, a refused page included, which 6.12.107 does not flag.

Not modelled: huge folios; two VMs on one guest_memfd.
Source: kvm_gmem_get_pfn() in virt/kvm/guest_memfd.c, sev_gmem_prepare() in arch/x86/kvm/svm/sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.page_state.rmp import free, make_private
from vmlitmus.model.kvm.page_state.versions import BY_RMP, LATE
from vmlitmus.world.page_state import Page, Rmp, Vcpu

GET_PFN = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_get_pfn()", "7.2.8")
PREPARE = KernelFile("arch/x86/kvm/svm/sev.c", "sev_gmem_prepare()", "7.2.8")
STALE = KernelFile("arch/x86/kvm/mmu/mmu.c", "is_page_fault_stale()", "7.2.8")
ASKS_RMP = BY_RMP.part
SEQ = "look at mmu_invalidate_seq and the invalidation under mmu_lock"
ATTRIBUTE = "look at the attribute after mmu_invalidate_seq is taken"


@sequence(source=(GET_PFN, PREPARE, STALE), fair="weak")
def page_fault(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(not page.mapped and page.invalidating == 0)
    when(page.private or not w.part(ATTRIBUTE))
    vcpu.fault = page
    vcpu.moved = False
    yield "{vcpu} faults on {page}, which is private, and takes mmu_invalidate_seq"
    when(not page.locked)
    if not page.in_file:
        vcpu.fault = None
        yield "{vcpu} finds no folio for {page}"
        return
    page.held = True
    vcpu.prepares = not prepared(w, page)
    page.uptodate = True
    if vcpu.prepares:
        make_private(page)
    vcpu.prepares = False
    yield "{vcpu} has {page} prepared under the folio lock"
    if (page.invalidating == 0 and not vcpu.moved) or not w.part(SEQ):
        page.mapped = True
    vcpu.fault = None
    page.held = False
    if not page.in_file:
        free(w, page)
    yield "{vcpu} installs the SPTE of {page}, unless the fault is stale, and puts the folio"


def prepared(w: World, page: Page) -> bool:
    """Say whether the folio is taken for prepared: by its flag, or by what the RMP says."""
    if w.part(ASKS_RMP):
        return page.rmp != Rmp.SHARED
    return page.uptodate


def allocated(w: World, page: Page) -> None:
    """Before b85524314a3d a folio was made private as soon as it was allocated."""
    if not w.part(LATE.part):
        make_private(page)
