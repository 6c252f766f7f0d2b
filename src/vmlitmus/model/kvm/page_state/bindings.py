"""What a guest_memfd knows of its memslots, and an invalidation that goes by it.

PUNCH_HOLE, a memory error and release find the memslots of a page in the bindings. Each that they
find is zapped, and an invalidation begins; the end looks at the bindings once more. So they have to
stay as they are in between. With a shadow root the zap walks the reverse maps of the memslot. Those
of its first page have the address 0 if they are missing, and the walk ends there.

Not modelled: a second guest_memfd; a memslot that has only a part of the page.
Source: __kvm_gmem_invalidate_start(), __kvm_gmem_invalidate_end() in virt/kvm/guest_memfd.c,
kvm_unmap_gfn_range() in arch/x86/kvm/mmu/mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.world.page_state import Host, Page, Place, Slot, Vcpu

ZAP = "zap the SPTE before the folio leaves the file"


def installed(w: World) -> bool:
    """Say whether a vcpu finds the memslot."""
    return all(slot.place == Place.INSTALLED for slot in w.all(Slot))


def bound(w: World) -> bool:
    """Say whether the bindings have the memslot."""
    return all(slot.bound for slot in w.all(Slot))


def dying(w: World) -> bool:
    """Say whether the last reference to the file is gone: get_file_active() fails."""
    host = w.the(Host)
    held = host.file_open or host.file_refs > 0 or any(vcpu.creates for vcpu in w.all(Vcpu))
    return not held


def has_file(w: World) -> bool:
    """Say whether a fault or populate gets at the guest_memfd of its memslot."""
    return all(slot.file and slot.bound and not dying(w) for slot in w.all(Slot))


def want_alone(w: World) -> None:
    """Arrive at down_write() of the invalidate_lock."""
    w.the(Host).invalidate_waiters += 1


def may_take(w: World) -> bool:
    """Say whether the invalidate_lock is free for one that wants it alone."""
    return not w.the(Host).invalidate_lock and w.the(Host).invalidate_shared == 0


def have_alone(w: World) -> None:
    """Return from down_write()."""
    w.the(Host).invalidate_waiters -= 1


def may_share(w: World) -> bool:
    """Say whether down_read() goes on: not where somebody waits until others share it no more."""
    host = w.the(Host)
    return not host.invalidate_lock and not (
        host.invalidate_shared > 0 and host.invalidate_waiters > 0
    )


def get_file(w: World) -> None:
    """fget(): nobody needs to know where no memslot comes or goes."""
    for _ in w.all(Slot):
        w.the(Host).file_refs += 1


def put_file(w: World) -> None:
    """fput()."""
    for _ in w.all(Slot):
        w.the(Host).file_refs -= 1


def lacks_tables(w: World) -> bool:
    """Say whether the memslot lacks what all are said to have since the first shadow root."""
    return w.the(Host).shadow_root and any(not slot.rmaps for slot in w.all(Slot))


def invalidate_start(w: World, page: Page, found: bool) -> None:
    """The SPTE goes, and no fault installs one until the end, if a memslot was found."""
    if found:
        page.invalidating += 1
        zap(w, page)


def zap(w: World, page: Page) -> None:
    """kvm_unmap_gfn_range()."""
    if lacks_tables(w) and not page.starts_slot:
        walk_missing(w)
    if w.part(ZAP):
        page.mapped = False


def walk_missing(w: World) -> None:
    """Reverse maps are walked that the memslot does not have, once all are said to have them."""
    host = w.the(Host)
    if host.shadow_root and not host.skips_missing:
        host.rmap_missing = True


def invalidate_end(w: World, page: Page, found: bool) -> None:
    """Faults that began before are stale."""
    if found:
        if page.invalidating == 0:
            w.the(Host).unbalanced = True
        else:
            page.invalidating -= 1
        for vcpu in w.all(Vcpu):
            if vcpu.fault is page:
                vcpu.moved = True
