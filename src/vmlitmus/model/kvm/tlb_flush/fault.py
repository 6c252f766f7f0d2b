"""A vcpu's page fault: kvm_faultin_pfn(), then the SPTE under mmu_lock; and the TLB fill.

Atomic sections: mmu_invalidate_seq is taken and an invalidation in progress looked for; the pfn is
got from the VMM's page tables; under mmu_lock the fault is stale if the root is obsolete, an
invalidation of the page is in progress or mmu_invalidate_seq has moved, else the SPTE is
installed. A stale fault is tried again, from the guest. The two looks before mmu_lock are only to
save time, and are left out.

mmu_lock is queued, so nobody waits for it for ever.

Not modelled: fast page faults, access bits, huge pages, private pages.
Source: kvm_mmu_faultin_pfn(), is_page_fault_stale() in arch/x86/kvm/mmu/mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.tlb_flush.requests import answer
from vmlitmus.model.kvm.tlb_flush.run_loop import may_run
from vmlitmus.model.kvm.tlb_flush.versions import NO_SP, STALE_ROOT
from vmlitmus.world.snp import Mode
from vmlitmus.world.tlb import Host, Level, Page, Slot, Tlb, Vcpu

MMU = "arch/x86/kvm/mmu/mmu.c"
FAULTIN = KernelFile(MMU, "kvm_mmu_faultin_pfn()", "7.2.8")
STALE = KernelFile(MMU, "is_page_fault_stale()", "7.2.8")
SEQ = "look at mmu_invalidate_seq again under mmu_lock"
IN_PROGRESS = "look for an invalidation in progress under mmu_lock"


@step("{vcpu} accesses {page}, and the TLB keeps the translation", source=STALE)
def fill(w: World, vcpu: Vcpu, page: Page) -> None:
    when(vcpu.running and page.vm is vcpu.vm)
    when(page.old if vcpu.obsolete else page.mapped)
    for tlb in w.all(Tlb):
        if tlb.cpu is vcpu.cpu and tlb.tag == vcpu.asid:
            tlb.pages.add(page)


@step(
    "{vcpu} walks its own page tables, and the TLB keeps the translation",
    source=STALE,
    disturbance="walk",
)
def walk(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running)
    for tlb in w.all(Tlb):
        if tlb.cpu is vcpu.cpu and tlb.tag == vcpu.asid:
            tlb.of.add(vcpu)


def stale(w: World, vcpu: Vcpu, page: Page) -> bool:
    """is_page_fault_stale(), under mmu_lock."""
    if vcpu.obsolete and w.part(STALE_ROOT.part):
        if not w.the(Host).special_root or w.part(NO_SP.part):
            return True
    if page.invalidating > 0 and w.part(IN_PROGRESS):
        return True
    return vcpu.moved and w.part(SEQ)


def begin(w: World, vcpu: Vcpu) -> None:
    """A fault begins: mmu_invalidate_seq is taken."""
    vcpu.moved = False
    vcpu.looks_at_sp = w.part(STALE_ROOT.part) and not w.part(NO_SP.part)


def install(w: World, vcpu: Vcpu, page: Page) -> None:
    """Under mmu_lock: the SPTE, if the fault is not stale."""
    if vcpu.looks_at_sp and w.the(Host).special_root:
        w.the(Host).oops = True
    elif not stale(w, vcpu, page):
        if vcpu.obsolete:
            w.the(Host).leaked = True
        else:
            page.mapped = True


@sequence(source=(FAULTIN, STALE), fair="strong")
def page_fault(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(w.the(Host).level == Level.KVM)
    when(vcpu.cpu is not None and may_run(vcpu) and not vcpu.srcu and vcpu.mode == Mode.OUTSIDE)
    when(page.vm is vcpu.vm and not page.mapped and page.present and page.slot == Slot.VALID)
    when(page.invalidating == 0)
    begin(w, vcpu)
    vcpu.faulting = page
    answer(w, vcpu)
    yield "{vcpu} faults on {page} and reads mmu_invalidate_seq"
    if not page.present:
        vcpu.faulting = None
        vcpu.waited = False
        yield "{vcpu} finds no pfn for {page}"
        return
    yield "{vcpu} gets the pfn of {page}"
    when(not page.vm.mmu_lock)
    install(w, vcpu, page)
    vcpu.faulting = None
    vcpu.moved = False
    vcpu.waited = False
    yield "{vcpu} has mmu_lock and installs the SPTE of {page}, unless the fault is stale"
