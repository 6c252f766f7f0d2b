"""A gfn_to_pfn_cache: KVM's own mapping of a page of the VMM, kept until a notifier comes.

KVM writes through it where it must not sleep or fault: Xen's shared_info and vcpu_info, the clock.
It is found by a gfn, or by an address of the VMM, which need not be in any memslot.

Atomic sections: a refresh, under refresh_lock, makes the cache invalid under gpc->lock and reads
the sequence number; it gets the pfn, with a reference; under gpc->lock the cache is valid if no
notifier is under way and the number has not moved, and the reference is dropped. A notifier
increments mn_active_invalidate_count; makes the caches of the range invalid under gpc->lock; the
PTE is cleared and the page freed; range_end() moves the sequence number; the count is decremented.
A user looks at the cache under gpc->lock, which it holds until it has written.

Up to 7.3.1 the sequence number is mmu_invalidate_seq, which range_end() moves only if it finds a
memslot. A cache by a gfn has its address from a memslot that was valid when the refresh began. A
refresh is inside kvm->srcu, and a memslot that is deleted is KVM_MEMSLOT_INVALID, which a notifier
finds, until all who are inside have left. Besides, the generation of the memslots is another one
then, so that the cache is not used.

A refresh that fails because of a notifier is tried again with its locks held; here it begins anew.
It reads count and number at once: two barriers see to it that it misses none.

Not modelled: caches that are deactivated or get another gfn; that kvm_gpc_check() of a user fails
because of the length; mappings of pages without struct page.
Source: hva_to_pfn_retry(), mmu_notifier_retry_cache(), gfn_to_pfn_cache_invalidate_start() and
kvm_gpc_check() in virt/kvm/pfncache.c, kvm_mmu_notifier_invalidate_range_end() in
virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.tlb_flush.versions import OWN_SEQUENCE
from vmlitmus.world.memory import Owner
from vmlitmus.world.tlb import Host, Page, PfnCache, Slot, Task

CACHE = "virt/kvm/pfncache.c"
REFRESH = KernelFile(CACHE, "hva_to_pfn_retry()", "7.2.8")
RETRY = KernelFile(CACHE, "mmu_notifier_retry_cache()", "7.2.8")
INVALIDATE = KernelFile(CACHE, "gfn_to_pfn_cache_invalidate_start()", "7.2.8")
CHECK = KernelFile(CACHE, "kvm_gpc_check()", "7.2.8")
END = KernelFile("virt/kvm/kvm_main.c", "kvm_mmu_notifier_invalidate_range_end()", "7.2.8")
SWAP = KernelFile("virt/kvm/kvm_main.c", "kvm_swap_active_memslots()", "7.2.8")
INVALIDATES = "make pfn caches invalid before the PTE is cleared"
WAITS = "wait for the users of a pfn cache"
IN_PROGRESS = "look for a notifier under way before a pfn cache is valid"
SEQUENCE = "look at the sequence number before a pfn cache is valid"
GENERATION = "look at the generation of the memslots before a pfn cache is used"
SYNCHRONIZES = "wait for the refreshes of pfn caches before a memslot is gone"


def usable(w: World, cache: PfnCache) -> bool:
    """kvm_gpc_check(): a cache that was found by its gfn is of the memslots that are installed."""
    installed = cache.by_hva or cache.page.slot == Slot.VALID
    return cache.valid and (installed or not w.part(GENERATION))


def put_page(w: World, page: Page) -> None:
    """The page is freed where no PTE has it and nobody has a reference."""
    if not page.present and not any(c.page is page and c.held for c in w.all(PfnCache)):
        page.owner = Owner.FREE


@sequence(source=(REFRESH, RETRY, OWN_SEQUENCE.source), disturbance="refresh", fair="weak")
def refresh(w: World, task: Task, cache: PfnCache) -> Sections:
    page = cache.page
    when(not cache.refreshing and not usable(w, cache))
    when(cache.by_hva or page.slot == Slot.VALID)
    when(not cache.readers)
    cache.refreshing = True
    cache.valid = False
    cache.moved = False
    yield "{task} refreshes {cache}, which is invalid until then, and reads the sequence number"
    if not page.present:
        cache.refreshing = False
        cache.awaited = False
        yield "{task} finds no page for {cache}"
        return
    cache.held = True
    yield "{task} gets the pfn of the page, with a reference"
    under_way = page.vm.notifiers > 0 and w.part(IN_PROGRESS)
    cache.valid = not under_way and not (cache.moved and w.part(SEQUENCE))
    cache.held = False
    cache.refreshing = False
    cache.awaited = False
    put_page(w, page)
    if cache.valid:
        yield "{task} sees no notifier: {cache} is valid; the reference is dropped"
    else:
        yield "{task} sees a notifier: {cache} stays invalid; the reference is dropped"


@sequence(source=(INVALIDATE, END, OWN_SEQUENCE.source), disturbance="unmap-cached", fair="weak")
def unmap_cached(w: World, task: Task, page: Page) -> Sections:
    vm = page.vm
    when(page.present and vm.alive and any(c.page is page for c in w.all(PfnCache)))
    vm.notifiers += 1
    yield "{task} unmaps {page} and increments mn_active_invalidate_count"
    if w.part(INVALIDATES):
        if w.part(WAITS):
            when(not any(c.page is page and c.readers for c in w.all(PfnCache)))
        for cache in w.all(PfnCache):
            if cache.page is page:
                cache.valid = False
        yield "{task} makes the pfn caches of {page} invalid"
    else:
        yield "{task} leaves the pfn caches of {page} as they are"
    page.present = False
    put_page(w, page)
    yield "{task} clears the PTE of {page}; it is freed unless KVM has a reference"
    if page.slot != Slot.GONE or w.part(OWN_SEQUENCE.part):
        for cache in w.all(PfnCache):
            if cache.page.vm is vm:
                cache.moved = True
        yield "{task} calls range_end(), which moves the sequence number"
    else:
        yield "{task} calls range_end(), which finds no memslot and moves no number"
    vm.notifiers -= 1
    yield "{task} decrements mn_active_invalidate_count"


@sequence(source=CHECK, disturbance="write-cached", fair="weak")
def write_cached(w: World, task: Task, cache: PfnCache) -> Sections:
    when(usable(w, cache))
    cache.readers.add(task)
    yield "{task} has the lock of {cache} and finds it valid"
    if cache.page.owner == Owner.FREE:
        w.the(Host).freed_page_written = True
    cache.readers.discard(task)
    yield "{task} writes through {cache}"


@sequence(source=SWAP, disturbance="drop-memslot", fair="weak")
def drop_memslot(w: World, task: Task, page: Page) -> Sections:
    when(page.slot == Slot.VALID and page.vm.notifiers == 0)
    when(any(c.page is page for c in w.all(PfnCache)))
    page.slot = Slot.INVALID
    for cache in w.all(PfnCache):
        if cache.page.vm is page.vm:
            cache.awaited = cache.refreshing
    yield "{task} makes the memslot of {page}, which has a pfn cache, KVM_MEMSLOT_INVALID"
    if w.part(SYNCHRONIZES):
        when(not any(c.page.vm is page.vm and c.awaited for c in w.all(PfnCache)))
    when(page.vm.notifiers == 0)
    page.slot = Slot.GONE
    yield "{task} has synchronized srcu and deletes the memslot of {page}"
