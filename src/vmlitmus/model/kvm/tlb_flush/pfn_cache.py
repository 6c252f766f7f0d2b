"""A gfn_to_pfn_cache: KVM's own mapping of a page of the VMM, kept until a notifier comes.

KVM writes through it where it must not sleep or fault: Xen's shared_info and vcpu_info, the clock.
It is found by a gfn, or by an address of the VMM, which need not be in any memslot.

Atomic sections: a refresh, under refresh_lock, takes gpc->lock; if the cache has a gfn and another
generation than the memslots, it finds the memslot and takes the address from it; a valid cache of
the same address stays as it is; else it is made invalid and the sequence number read. It gets the
pfn, with a reference; under gpc->lock the cache is valid if no notifier is under way and the number
has not moved, and the reference is dropped. A notifier increments mn_active_invalidate_count; makes
the caches of the range invalid under gpc->lock; the PTE is cleared and the page freed; range_end()
moves the sequence number; the count is decremented. A user looks at the cache under gpc->lock,
which it holds until it has written.

Up to 7.3.1 the sequence number is mmu_invalidate_seq, which range_end() moves only if it finds a
memslot. A memslot that is deleted is KVM_MEMSLOT_INVALID, which a notifier finds, until all who are
inside kvm->srcu have left; it is freed when they have left once more. A refresh is inside, except
that of KVM_SET_LAPIC, up to 7.3.1: it turns the LAPIC on and looks for an interrupt of Xen in
vcpu_info. A memslot may be created again with its gfn and its address.

A refresh that fails because of a notifier is tried again with its locks held; here it begins anew.
It reads count and number at once: two barriers see to it that it misses none. drop_memslot is the
deletion of memslot.py as pfn caches see it: without roots and vcpus.

Not load-bearing: "look at the generation of the memslots before a pfn cache is used": it keeps KVM
from a page of another address, and a memslot that comes back elsewhere is not modelled.

Not modelled: caches that are deactivated or get another gfn; that kvm_gpc_check() of a user fails
because of the length; mappings of pages without struct page.
Source: __kvm_gpc_refresh(), hva_to_pfn_retry(), mmu_notifier_retry_cache(),
gfn_to_pfn_cache_invalidate_start() and kvm_gpc_check() in virt/kvm/pfncache.c,
kvm_mmu_notifier_invalidate_range_end() in virt/kvm/kvm_main.c; kvm_apic_set_state() in
arch/x86/kvm/lapic.c, __kvm_xen_has_interrupt() in xen.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.tlb_flush.versions import OWN_SEQUENCE, XEN_SRCU
from vmlitmus.world.memory import Owner
from vmlitmus.world.tlb import Host, Page, PfnCache, Slot, Task, Vm

CACHE = "virt/kvm/pfncache.c"
REFRESH = KernelFile(CACHE, "__kvm_gpc_refresh()", "7.2.8")
GET_PFN = KernelFile(CACHE, "hva_to_pfn_retry()", "7.2.8")
RETRY = KernelFile(CACHE, "mmu_notifier_retry_cache()", "7.2.8")
INVALIDATE = KernelFile(CACHE, "gfn_to_pfn_cache_invalidate_start()", "7.2.8")
CHECK = KernelFile(CACHE, "kvm_gpc_check()", "7.2.8")
END = KernelFile("virt/kvm/kvm_main.c", "kvm_mmu_notifier_invalidate_range_end()", "7.2.8")
SWAP = KernelFile("virt/kvm/kvm_main.c", "kvm_swap_active_memslots()", "7.2.8")
SET_LAPIC = KernelFile("arch/x86/kvm/lapic.c", "kvm_apic_set_state()", "7.2.8")
HAS_INTERRUPT = KernelFile("arch/x86/kvm/xen.c", "__kvm_xen_has_interrupt()", "7.2.8")
INVALIDATES = "make pfn caches invalid before the PTE is cleared"
WAITS = "wait for the users of a pfn cache"
IN_PROGRESS = "look for a notifier under way before a pfn cache is valid"
SEQUENCE = "look at the sequence number before a pfn cache is valid"
GENERATION = "look at the generation of the memslots before a pfn cache is used"
SYNCHRONIZES = "wait for the refreshes of pfn caches before a memslot is gone"


def cached(w: World, page: Page) -> bool:
    """Say whether KVM may have a mapping of its own of the page."""
    return any(cache.page is page for cache in w.all(PfnCache))


def usable(w: World, cache: PfnCache) -> bool:
    """kvm_gpc_check(): a cache that was found by its gfn is of the memslots that are installed."""
    return cache.valid and (cache.by_hva or cache.current or not w.part(GENERATION))


def put_page(w: World, page: Page) -> None:
    """The page is freed where no PTE has it and nobody has a reference."""
    if not page.present and not any(c.page is page and c.held for c in w.all(PfnCache)):
        page.owner = Owner.FREE


def may_refresh(w: World, cache: PfnCache) -> bool:
    """Say whether refresh_lock and gpc->lock are free, and there is a reason to take them."""
    return not cache.refreshing and not cache.readers and not usable(w, cache)


def end_refresh(cache: PfnCache) -> None:
    """Drop refresh_lock, and leave srcu."""
    cache.refreshing = False
    cache.outside = False
    cache.awaited = False


def kvm_gpc_refresh(w: World, task: Task, cache: PfnCache) -> Sections:
    """Find the page of a cache, with refresh_lock held."""
    page = cache.page
    if not cache.by_hva and not cache.current:
        if page.slot != Slot.VALID:
            cache.valid = False
            end_refresh(cache)
            yield "{task} finds no memslot for {cache}, which is invalid"
            return
        cache.current = True
        cache.looking = True
        yield "{task} finds the memslot of {page} for {cache}, with gpc->lock held"
        if cache.slot_freed:
            w.the(Host).freed_memslot_read = True
        cache.slot_freed = False
        cache.looking = False
        if cache.valid:
            end_refresh(cache)
            yield "{task} takes the address from the memslot: {cache} has it already and is kept"
            return
    cache.valid = False
    cache.moved = False
    yield "{task} refreshes {cache}, which is invalid until then, and reads the sequence number"
    if not page.present:
        end_refresh(cache)
        yield "{task} finds no page for {cache}"
        return
    cache.held = True
    yield "{task} gets the pfn of the page, with a reference"
    under_way = page.vm.notifiers > 0 and w.part(IN_PROGRESS)
    cache.valid = not under_way and not (cache.moved and w.part(SEQUENCE))
    cache.held = False
    end_refresh(cache)
    put_page(w, page)
    if cache.valid:
        yield "{task} sees no notifier: {cache} is valid; the reference is dropped"
    else:
        yield "{task} sees a notifier: {cache} stays invalid; the reference is dropped"


@sequence(source=(REFRESH, GET_PFN, RETRY, OWN_SEQUENCE.source), disturbance="refresh", fair="weak")
def refresh(w: World, task: Task, cache: PfnCache) -> Sections:
    when(may_refresh(w, cache))
    cache.refreshing = True
    yield from kvm_gpc_refresh(w, task, cache)


@sequence(
    source=(SET_LAPIC, HAS_INTERRUPT, XEN_SRCU.source, REFRESH, RETRY),
    disturbance="set-lapic",
    fair="weak",
)
def set_lapic(w: World, task: Task, cache: PfnCache) -> Sections:
    when(may_refresh(w, cache))
    cache.refreshing = True
    cache.outside = not (w.the(Host).lapic_srcu or w.part(XEN_SRCU.part))
    yield "{task} is in KVM_SET_LAPIC, looks for an interrupt of Xen and has to refresh {cache}"
    yield from kvm_gpc_refresh(w, task, cache)


@sequence(source=(INVALIDATE, END, OWN_SEQUENCE.source), disturbance="unmap-cached", fair="weak")
def unmap_cached(w: World, task: Task, page: Page) -> Sections:
    vm = page.vm
    when(page.present and vm.alive and cached(w, page))
    vm.notifiers += 1
    yield "{task} unmaps {page} and increments mn_active_invalidate_count"
    if w.part(INVALIDATES):
        when(not any(c.page is page and c.looking for c in w.all(PfnCache)))
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
    when(usable(w, cache) and not cache.looking)
    cache.readers.add(task)
    yield "{task} has the lock of {cache} and finds it valid"
    if cache.page.owner == Owner.FREE:
        w.the(Host).freed_page_written = True
    cache.readers.discard(task)
    yield "{task} writes through {cache}"


def swap(w: World, page: Page, slot: Slot) -> None:
    """kvm_swap_active_memslots(): other memslots are installed, with another generation."""
    page.slot = slot
    for cache in w.all(PfnCache):
        if cache.page.vm is page.vm:
            cache.current = False
            cache.awaited = cache.refreshing and not cache.outside


def refreshed(w: World, vm: Vm) -> bool:
    """Say whether no refresh is left that was inside srcu when the memslots were swapped."""
    return not any(cache.page.vm is vm and cache.awaited for cache in w.all(PfnCache))


def free_memslot(w: World, page: Page) -> None:
    """kfree(), of whatever a refresh may have found."""
    for cache in w.all(PfnCache):
        if cache.page is page:
            cache.slot_freed = cache.looking


def slots_lock(w: World, vm: Vm) -> bool:
    """Say whether somebody is in kvm_set_memslot()."""
    return any(task.deleting is vm for task in w.all(Task))


@sequence(source=SWAP, disturbance="drop-memslot", fair="weak")
def drop_memslot(w: World, task: Task, page: Page) -> Sections:
    vm = page.vm
    when(page.slot == Slot.VALID and cached(w, page))
    when(not slots_lock(w, vm) and vm.notifiers == 0)
    task.deleting = vm
    swap(w, page, Slot.INVALID)
    yield "{task} makes the memslot of {page}, which has a pfn cache, KVM_MEMSLOT_INVALID"
    when((refreshed(w, vm) or not w.part(SYNCHRONIZES)) and vm.notifiers == 0)
    swap(w, page, Slot.GONE)
    yield "{task} has synchronized srcu and deletes the memslot of {page}"
    when(refreshed(w, vm) or not w.part(SYNCHRONIZES))
    free_memslot(w, page)
    task.deleting = None
    yield "{task} has synchronized srcu again and frees the memslot of {page}"


@step(
    "{task} creates the memslot of {page} again, with the same address",
    source=SWAP,
    disturbance="restore-memslot",
)
def restore_memslot(w: World, task: Task, page: Page) -> None:
    when(task.idle and page.slot == Slot.GONE and cached(w, page))
    when(not slots_lock(w, page.vm) and page.vm.notifiers == 0)
    swap(w, page, Slot.VALID)
