"""The host takes a page back, or changes how it is mapped: the mmu_notifier of KVM.

Atomic sections: under mmu_lock, mmu_invalidate_in_progress and the zap; if an SPTE was zapped, the
remote TLB flush, which is waited for; the unlock; the PTE cleared and the page freed; in
range_end(), under mmu_lock, mmu_invalidate_seq and the end of the invalidation. A second notifier
that finds no SPTE flushes nothing: it relies on mmu_lock, under which the first one waits.

A notifier counts in mn_active_invalidate_count from its first section to its last, and no memslot
is installed or deleted meanwhile. pfn_cache.py has the notifier of a page with a pfn cache.

The SPTEs of all roots are zapped, also of obsolete ones (memslot.py), so that KVM has no SPTE of a
page that is freed. The latter need no TLB flush: mmu_lock was held until each vcpu had left the
guest, and the vcpu loads another root before it enters again.

Not modelled: notifiers that may not block; the union of the ranges of several invalidations.
Source: kvm_mmu_notifier_invalidate_range_start(), kvm_handle_hva_range() in virt/kvm/kvm_main.c,
kvm_tdp_mmu_unmap_gfn_range() in arch/x86/kvm/mmu/tdp_mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.tlb_flush.pfn_cache import cached
from vmlitmus.model.kvm.tlb_flush.requests import flush_remote_tlbs
from vmlitmus.world.memory import Owner
from vmlitmus.world.tlb import Page, Task, Vcpu

START = KernelFile("virt/kvm/kvm_main.c", "kvm_mmu_notifier_invalidate_range_start()", "7.2.8")
HANDLE = KernelFile("virt/kvm/kvm_main.c", "kvm_handle_hva_range()", "7.2.8")
UNMAP = KernelFile("arch/x86/kvm/mmu/tdp_mmu.c", "kvm_tdp_mmu_unmap_gfn_range()", "7.2.8")
END = KernelFile("virt/kvm/kvm_main.c", "kvm_mmu_invalidate_end()", "7.2.8")
FLUSH = "flush remote TLBs when an SPTE was zapped"
OBSOLETE = "zap the SPTEs of obsolete roots too"
LOCKED = "hold mmu_lock until the remote TLBs are flushed"


def zap(w: World, task: Task, page: Page) -> Sections:
    """range_start(): after it no SPTE and no TLB has the page."""
    vm = page.vm
    when(not vm.mmu_lock)
    vm.mmu_lock = w.part(LOCKED)
    page.invalidating += 1
    zapped = page.mapped
    page.mapped = False
    if w.part(OBSOLETE):
        page.old = False
    yield "{task} zaps {page} under mmu_lock"
    if zapped and w.part(FLUSH):
        yield from flush_remote_tlbs(w, task, vm)
    if w.part(LOCKED):
        vm.mmu_lock = False


def invalidate_end(w: World, page: Page) -> None:
    """range_end(): faults that took mmu_invalidate_seq before are stale now."""
    page.invalidating -= 1
    page.vm.notifiers -= 1
    for vcpu in w.all(Vcpu):
        if vcpu.vm is page.vm and (vcpu.faulting is not None or vcpu.srcu):
            vcpu.moved = True


@sequence(source=(START, HANDLE, UNMAP, END), disturbance="reclaim", fair="weak")
def reclaim(w: World, task: Task, page: Page) -> Sections:
    when(page.present and page.vm.alive and not cached(w, page))
    page.vm.notifiers += 1
    yield "{task} calls the mmu_notifier for {page}, to take it back"
    yield from zap(w, task, page)
    yield "{task} is past range_start() and drops mmu_lock"
    page.present = False
    page.owner = Owner.FREE
    yield "{task} clears the PTE of {page} and frees it"
    when(not page.vm.mmu_lock)
    invalidate_end(w, page)
    yield "{task} calls range_end() for {page}"


@sequence(source=(START, HANDLE, UNMAP, END), disturbance="protect", fair="weak")
def protect(w: World, task: Task, page: Page) -> Sections:
    when(page.present and page.vm.alive and not cached(w, page))
    page.vm.notifiers += 1
    yield "{task} calls the mmu_notifier for {page}, which stays: NUMA hints, mprotect()"
    yield from zap(w, task, page)
    yield "{task} has had {page} zapped and drops mmu_lock"
    when(not page.vm.mmu_lock)
    invalidate_end(w, page)
    yield "{task} is done with {page}"
