"""The host handles a memory error in a page of guest_memfd.

memory_failure() has mf_mutex, marks the page, and takes the folio lock. With it held it calls
kvm_gmem_error_folio(), which takes the invalidate_lock, zaps the page in all memslots of the
bindings and does not truncate it. From then on a fault finds the mark and fails. PUNCH_HOLE and
populate take the two locks in the other order, which is that of mm/filemap.c.

A handler that dropped the folio lock to take the two in that order (``invalidate-lock-first``)
would need a reference to the inode: it is the folio lock that keeps the inode from being evicted.
Once that has begun nobody gets one: igrab() fails. No memslot is bound by then.

A handler and fallocate() share the invalidate_lock. Of handlers there is one at a time.

Not modelled: what it sends to the tasks that have the page mapped; other holders of mf_mutex.
Source: memory_failure() in mm/memory-failure.c, kvm_gmem_error_folio() in virt/kvm/guest_memfd.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.page_state.bindings import bound, invalidate_end, may_share, zap
from vmlitmus.world.page_state import Host, Page, Slot, Task

FAILURE = KernelFile("mm/memory-failure.c", "memory_failure()", "7.2.8")
ERROR = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_error_folio()", "7.2.8")
HOLD_INODE = "hold the inode while the folio lock is dropped"


@sequence(source=(FAILURE, ERROR), disturbance="memory-error", fair="strong")
def memory_error(w: World, task: Task, page: Page) -> Sections:
    host = w.the(Host)
    when(page.in_file and not page.poisoned and not host.mf_mutex)
    host.mf_mutex = True
    page.poisoned = True
    yield "{task} is in memory_failure() for {page}, takes mf_mutex and marks the page"
    when(not page.locked)
    page.locked = True
    yield "{task} takes the folio lock of {page} in memory_failure()"
    if not page.in_file:
        page.locked = False
        host.mf_mutex = False
        yield "{task} finds {page} truncated"
        return
    if host.error_order:
        page.locked = False
        if host.evicting and w.part(HOLD_INODE):
            host.mf_mutex = False
            yield "{task} gets no reference to the inode, which is being evicted"
            return
        host.inode_held = w.part(HOLD_INODE)
        yield "{task} drops the folio lock of {page} again"
        when(may_share(w))
        if host.inode_gone:
            host.inode_misused = True
        host.invalidate_lock = True
        yield "{task} takes the invalidate_lock before the folio lock of {page}"
        when(not page.locked)
        page.locked = True
        yield "{task} has both locks of {page}"
        if not page.in_file:
            page.locked = False
            host.invalidate_lock = False
            host.inode_held = False
            host.mf_mutex = False
            yield "{task} finds {page} truncated meanwhile"
            return
    when(may_share(w) or host.error_order)
    host.invalidate_lock = True
    found = bound(w)
    if found:
        for slot in w.all(Slot):
            task.walks = slot
    yield "{task} looks {page} up in the bindings under the invalidate_lock"
    if found:
        page.invalidating += 1
        zap(w, page)
    task.walks = None
    yield "{task} zaps {page}, which has a memory error"
    invalidate_end(w, page, bound(w))
    page.locked = False
    host.invalidate_lock = False
    host.inode_held = False
    host.mf_mutex = False
    yield "{task} has handled the memory error of {page}"
