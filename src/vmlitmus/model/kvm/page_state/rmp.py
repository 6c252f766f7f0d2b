"""RMPUPDATE, SNP_LAUNCH_UPDATE, SNP_PAGE_RECLAIM, and the host's next use of a page.

A page that is firmware's cannot be changed by RMPUPDATE until firmware gives it back. A page that
cannot be had back is leaked: nobody gets it again. Nor does anybody get a page with a memory error.

Source: sev_gmem_invalidate(), snp_page_reclaim() in arch/x86/kvm/svm/sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelFile, World, step, when
from vmlitmus.world.memory import Owner
from vmlitmus.world.page_state import Host, Page, Rmp, Vcpu

SEV = "arch/x86/kvm/svm/sev.c"
INVALIDATE = KernelFile(SEV, "sev_gmem_invalidate()", "7.2.8")
RECLAIM = KernelFile(SEV, "snp_page_reclaim()", "7.2.8")
CHECKS = Apm("15.36.10")
MAKE_SHARED = "make a page shared when guest_memfd frees it"
CLEARS = "RMPUPDATE clears the validated bit"
LAST = "free a folio with its last reference"
LEAK = "leak a page that firmware does not give back"


def make_private(page: Page) -> None:
    """rmp_make_private(): nothing happens to a page of firmware."""
    if page.rmp == Rmp.SHARED:
        page.rmp = Rmp.GUEST


def make_shared(w: World, page: Page) -> None:
    """rmp_make_shared(): fails for a page of firmware."""
    if page.rmp == Rmp.GUEST:
        page.rmp = Rmp.SHARED
        if w.part(CLEARS):
            page.validated = False


def leave_file(w: World, page: Page) -> None:
    """filemap_free_folio(): the page is made shared, whoever has a reference, which is then put."""
    page.in_file = False
    if w.part(MAKE_SHARED) and not w.the(Host).rmpupdate_fails:
        make_shared(w, page)
    put(w, page)


def put(w: World, page: Page) -> None:
    """folio_put() of a page that has left the file: the last reference frees it."""
    held = any(vcpu.fault is page and vcpu.holds for vcpu in w.all(Vcpu))
    if not held or not w.part(LAST):
        free(w, page)


def free(w: World, page: Page) -> None:
    """The page goes back to the allocator."""
    page.uptodate = False
    page.populated = False
    if not page.leaked and not page.poisoned:
        page.owner = Owner.FREE


@step("the host writes {page}, which it owns now", source=CHECKS, disturbance="host-reuse")
def host_writes(w: World, page: Page) -> None:
    when(page.owner == Owner.FREE)
    page.owner = Owner.HOST
    if page.rmp != Rmp.SHARED:
        w.the(Host).rmp_fault = True
    elif page.accepted:
        page.replaced = True
