"""A guest flushes its TLB: KVM makes its shadow pages agree with the guest's tables, all at once.

The guest may write a table whose shadow page is unsync. When it loads CR3, when L1 executes INVEPT
or VMRUN, KVM goes through all SPTEs of all unsync pages below the root, with mmu_lock held for
writing. An SPTE whose gPTE has other permissions is made anew, by make_spte(): writable if the gPTE
allows writes, also where the log had taken its W bit, and the page is marked. It is marked again
where the SPTE is writable already. Nobody asks whether a dirty ring has room: KVM_RUN looked before
it served KVM_REQ_MMU_SYNC. The memslot is found under mmu_lock, unlike that of a fault.

Not modelled: a gPTE that takes write access away, which leaves log and marks alone; INVLPG, which
synchronizes one SPTE; a page that becomes a page table of the guest, and is write-protected.
Source: kvm_mmu_sync_roots(), mmu_sync_children(), __kvm_sync_page() in arch/x86/kvm/mmu/mmu.c,
FNAME(sync_spte)() in arch/x86/kvm/mmu/paging_tmpl.h, make_spte() in arch/x86/kvm/mmu/spte.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.dirty_log.bitmap import mmu_lock_free
from vmlitmus.model.kvm.dirty_log.fault import MAKE, done
from vmlitmus.model.kvm.dirty_log.kvm_write import in_root
from vmlitmus.model.kvm.dirty_log.mark import MARK, PUSH, mark, ring_full
from vmlitmus.world.dirty_log.guest import Page, Vcpu, Vm

MMU = "arch/x86/kvm/mmu/mmu.c"
ROOTS = KernelFile(MMU, "kvm_mmu_sync_roots()", "7.2.8")
CHILDREN = KernelFile(MMU, "mmu_sync_children()", "7.2.8")
PAGE = KernelFile(MMU, "__kvm_sync_page()", "7.2.8")
UNSYNC = KernelFile(MMU, "mmu_try_to_unsync_pages()", "7.2.8")
HOLDS = "hold mmu_lock while shadow pages are synchronized"


@step(
    "the guest on {vcpu} changes its PTE of {page}, which stays writable",
    source=UNSYNC,
    disturbance="guest-sync",
)
def change_gpte(w: World, vcpu: Vcpu, page: Page) -> None:
    when(w.the(Vm).shadow and vcpu.running and page.present and not page.changed)
    page.changed = True


@sequence(source=(ROOTS, CHILDREN, PAGE, MAKE, MARK, PUSH), disturbance="guest-sync", fair="weak")
def sync_roots(w: World, vcpu: Vcpu) -> Sections:
    vm = w.the(Vm)
    when(in_root(vcpu) and any(page.changed for page in w.all(Page)) and mmu_lock_free(w))
    vcpu.srcu = True
    logs = vm.logging
    vcpu.mmu_lock = w.part(HOLDS)
    yield "{vcpu} begins to synchronize its shadow pages; the memslot has a log: {logs}"
    for page in w.all(Page):
        if page.changed and page.present and not (vm.looks_for_room and ring_full(w, vcpu)):
            if logs:
                mark(w, vcpu, page)
            yield "{vcpu} is in make_spte() for {page}, which it synchronizes"
            page.changed = False
            page.writable = True
            page.dirty = True
            yield "{vcpu} has synchronized the SPTE of {page}, which is writable"
    vcpu.mmu_lock = False
    done(vcpu)
    yield "{vcpu} has synchronized its shadow pages"
