"""A vcpu faults on a private page: kvm_gmem_get_pfn(), prepare, and the SPTE.

Atomic sections: mmu_invalidate_seq and the attribute; under the folio lock, the folio is cleared if
it is new, and made the guest's in the RMP if it is not; under mmu_lock the SPTE, unless an
invalidation has come in between; then the reference is put, which may be the last one. Clearing is
a write of the host: it takes an RMP fault if the page is assigned by then. make_spte() reads the
write-track table of the memslot if the VM has had a shadow root.

A folio that is not there is allocated, without the invalidate_lock: a fault that began before a
PUNCH_HOLE puts a page into the hole.

A VM of which a page could not be reclaimed is dead (KVM_BUG): its vcpus run no more.

Not load-bearing: "the RMP says whether a folio is prepared": flag and RMP agree as long as populate
does not run beside the fault; if it does, the host faults with either.

Not modelled: huge folios; two VMs on one guest_memfd; populate between the look at the RMP entry
and its RMPUPDATE, which then fails.
Source: kvm_gmem_get_pfn() in virt/kvm/guest_memfd.c, sev_gmem_prepare() in arch/x86/kvm/svm/sev.c,
kvm_gfn_is_write_tracked() in arch/x86/kvm/mmu/page_track.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.page_state.bindings import has_file, installed, lacks_tables
from vmlitmus.model.kvm.page_state.rmp import make_private, put
from vmlitmus.model.kvm.page_state.versions import BY_RMP, LATE
from vmlitmus.world.memory import Owner
from vmlitmus.world.page_state import Host, Page, Rmp, Vcpu

GET_PFN = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_get_pfn()", "7.2.8")
PREPARE = KernelFile("arch/x86/kvm/svm/sev.c", "sev_gmem_prepare()", "7.2.8")
STALE = KernelFile("arch/x86/kvm/mmu/mmu.c", "is_page_fault_stale()", "7.2.8")
TRACK = KernelFile("arch/x86/kvm/mmu/page_track.c", "kvm_gfn_is_write_tracked()", "7.2.8")
SEQ = "look at mmu_invalidate_seq and the invalidation under mmu_lock"
ATTRIBUTE = "look at the attribute after mmu_invalidate_seq is taken"


@sequence(source=(GET_PFN, PREPARE, STALE, TRACK), fair="weak")
def page_fault(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(not page.mapped and page.invalidating == 0 and runs(w) and installed(w))
    when(page.private or not w.part(ATTRIBUTE))
    vcpu.fault = page
    vcpu.moved = False
    yield "{vcpu} faults on {page}, which is private, and reads mmu_invalidate_seq"
    when(not page.locked or vcpu.creates)
    page.locked = False
    vcpu.creates = False
    if not has_file(w):
        vcpu.fault = None
        yield "{vcpu} finds no guest_memfd for {page}, so KVM_RUN fails"
        return
    if page.poisoned:
        vcpu.fault = None
        yield "{vcpu} finds a memory error in {page}, so KVM_RUN fails"
        return
    if not page.in_file:
        vcpu.fault = None
        yield "{vcpu} finds no folio for {page}, and allocates another page"
        return
    if not prepare(w, page):
        vcpu.fault = None
        w.the(Host).fault_failed = True
        yield "{vcpu} cannot assign {page} to the guest, so KVM_RUN fails"
        return
    vcpu.holds = True
    yield "{vcpu} prepares {page} under the folio lock"
    if (page.invalidating == 0 and not vcpu.moved) or not w.part(SEQ):
        install(w, page)
    vcpu.fault = None
    vcpu.holds = False
    if not page.in_file:
        put(w, page)
    yield "{vcpu} installs the SPTE of {page}, unless the fault is stale, and puts the folio"


@step(
    "{vcpu} allocates {page} for its fault, and holds its lock",
    source=GET_PFN,
    disturbance="allocate",
)
def fault_allocates(w: World, vcpu: Vcpu, page: Page) -> None:
    when(vcpu.fault is page and not vcpu.holds and page.owner == Owner.FREE and has_file(w))
    when(not page.locked)
    page.locked = True
    vcpu.creates = True
    enter(w, page)


def install(w: World, page: Page) -> None:
    """make_spte(), and the SPTE."""
    host = w.the(Host)
    missing = lacks_tables(w)
    if missing and not host.retries_missing:
        host.track_missing = True
    page.mapped = not missing or not host.retries_missing


def runs(w: World) -> bool:
    """Say whether vcpus run: not before LAUNCH_FINISH, for want of a VMSA, nor in a dead VM.

    A VMM whose KVM_RUN has failed ends.
    """
    host = w.the(Host)
    return host.launched and not host.dead and not host.fault_failed


def prepare(w: World, page: Page) -> bool:
    """Clear the folio if it is new, and have it assigned; say whether RMPUPDATE succeeded."""
    new = not page.uptodate
    if new:
        clear(w, page)
    if page.rmp != Rmp.SHARED or not (new or w.part(BY_RMP.part)):
        return True
    if w.the(Host).assigning_fails:
        page.uptodate = w.part(BY_RMP.part)
        return False
    make_private(page)
    return True


def clear(w: World, page: Page) -> None:
    """clear_highpage(), and the folio is up to date."""
    if page.rmp != Rmp.SHARED:
        w.the(Host).rmp_fault = True
    elif page.accepted:
        page.replaced = True
    page.uptodate = True


def enter(w: World, page: Page) -> None:
    """The page enters the file. Before b85524314a3d it was cleared and made private at once."""
    page.in_file = True
    page.again = True
    page.owner = Owner.GUEST
    if not w.part(LATE.part):
        page.uptodate = True
        make_private(page)
