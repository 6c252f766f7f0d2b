"""Do guest_memfd and its memslots agree, and do its locks come free again?"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.page_state import Host, Page, Place, Slot, Task, Vcpu

GMEM = "virt/kvm/guest_memfd.c"
START = KernelFile(GMEM, "__kvm_gmem_invalidate_start()", "7.2.8")
END = KernelFile(GMEM, "__kvm_gmem_invalidate_end()", "7.2.8")
UNBIND = KernelFile(GMEM, "kvm_gmem_unbind()", "7.2.8")
RELEASE = KernelFile(GMEM, "kvm_gmem_release()", "7.2.8")
WALK = KernelFile("arch/x86/kvm/mmu/mmu.c", "gfn_to_rmap()", "7.2.8")
TRACK = KernelFile("arch/x86/kvm/mmu/page_track.c", "kvm_gfn_is_write_tracked()", "7.2.8")
SET = KernelFile("virt/kvm/kvm_main.c", "kvm_set_memslot()", "7.2.8")
FAILURE = KernelFile("mm/memory-failure.c", "memory_failure()", "7.2.8")


@condition("memslot-installed", "vcpus find the memslot", source=SET)
def memslot_installed(w: World) -> bool:
    return any(slot.place == Place.INSTALLED for slot in w.all(Slot))


@condition("memslot-freed", "the memslot has been freed", source=SET)
def memslot_freed(w: World) -> bool:
    return any(slot.place == Place.FREED for slot in w.all(Slot))


@condition("gmem-released", "kvm_gmem_release() has freed the bindings", source=RELEASE)
def gmem_released(w: World) -> bool:
    return w.the(Host).released


@condition("shadow-root", "the VM has had a shadow root", source=WALK)
def shadow_root(w: World) -> bool:
    return w.the(Host).shadow_root


@condition(
    "missing-rmap-walked",
    "KVM walks reverse maps that the memslot does not have, from a small address",
    source=WALK,
    backed_by=("shadow-root",),
)
def missing_rmap_walked(w: World) -> bool:
    return w.the(Host).rmap_missing


@condition(
    "missing-track-read",
    "a fault reads a write-track table that its memslot does not have",
    source=TRACK,
    backed_by=("shadow-root", "page-mapped"),
)
def missing_track_read(w: World) -> bool:
    return w.the(Host).track_missing


@condition(
    "freed-memslot-used",
    "a fault, an invalidation, ageing or a zap goes on with a memslot that was freed",
    source=START,
    backed_by=("memslot-freed",),
)
def freed_memslot_used(w: World) -> bool:
    freed = any(slot.place == Place.FREED for slot in w.all(Slot))
    walks = any(task.walks is not None or task.ages is not None for task in w.all(Task))
    return freed and (walks or any(vcpu.fault is not None for vcpu in w.all(Vcpu)))


@condition(
    "freed-memslot-bound",
    "the bindings have a memslot that was freed",
    source=UNBIND,
    backed_by=("memslot-freed",),
)
def freed_memslot_bound(w: World) -> bool:
    return any(slot.place == Place.FREED and slot.bound for slot in w.all(Slot))


@condition(
    "freed-gmem-used",
    "unbind uses the bindings of a guest_memfd that were freed",
    source=UNBIND,
    backed_by=("gmem-released",),
)
def freed_gmem_used(w: World) -> bool:
    return w.the(Host).file_misused


@condition("inode-evicted", "the inode of the guest_memfd was evicted", source=RELEASE)
def inode_evicted(w: World) -> bool:
    return w.the(Host).inode_gone


@condition(
    "evicted-inode-used",
    "the handler of a memory error takes the invalidate_lock of an inode that was evicted",
    source=FAILURE,
    backed_by=("inode-evicted", "page-poisoned"),
)
def evicted_inode_used(w: World) -> bool:
    return w.the(Host).inode_misused


@condition(
    "invalidation-left-open",
    "an invalidation has no end, or an end had no beginning: nobody holds a lock of either",
    source=END,
)
def invalidation_left_open(w: World) -> bool:
    host = w.the(Host)
    held = host.invalidate_lock or host.slots_lock
    opened = any(page.invalidating > 0 for page in w.all(Page))
    return host.unbalanced or (opened and not held)


@condition("page-poisoned", "a page has a memory error", source=FAILURE)
def page_poisoned(w: World) -> bool:
    return any(page.poisoned for page in w.all(Page))


@condition("mf-mutex-held", "somebody handles a memory error", source=FAILURE)
def mf_mutex_held(w: World) -> bool:
    return w.the(Host).mf_mutex


@condition("no-memory-error-handled", "nobody handles a memory error", source=FAILURE)
def no_memory_error_handled(w: World) -> bool:
    return not w.the(Host).mf_mutex


@condition(
    "poisoned-page-mapped",
    "an SPTE maps a page whose memory error was handled",
    source=FAILURE,
    backed_by=("page-poisoned", "page-mapped"),
)
def poisoned_page_mapped(w: World) -> bool:
    handled = not w.the(Host).mf_mutex
    return handled and any(page.poisoned and page.mapped for page in w.all(Page))
