"""The VMM takes pages back: PUNCH_HOLE, allocation, and the private attribute.

PUNCH_HOLE, under the invalidate_lock: the invalidation begins, the SPTE is zapped and TLBs flushed;
the folio leaves the file, under its lock, is made shared in the RMP, and is freed with its last
reference; the invalidation ends. An attribute changes between the two ends of an invalidation,
under slots_lock; that one goes by the memslots that are installed, not by the bindings.

fallocate() goes through a range with the invalidate_lock shared, and takes the folio lock of each
page. Nobody else gets the lock shared once somebody waits for it alone. In a test without
fallocate() an allocation is one step.

Not modelled: the TLB flush in steps (topic tlb-flush); VMSA pages (topic ap-creation).
Source: kvm_gmem_punch_hole() in virt/kvm/guest_memfd.c, kvm_vm_set_mem_attributes() in
virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.page_state.bindings import (
    bound,
    get_file,
    have_alone,
    installed,
    invalidate_end,
    invalidate_start,
    may_share,
    may_take,
    put_file,
    want_alone,
)
from vmlitmus.model.kvm.page_state.fault import enter
from vmlitmus.model.kvm.page_state.rmp import leave_file
from vmlitmus.world.memory import Owner
from vmlitmus.world.page_state import Host, Page, Task

PUNCH = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_punch_hole()", "7.2.8")
ATTRIBUTES = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_set_mem_attributes()", "7.2.8")
ALLOCATE = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_allocate()", "7.2.8")
SHARED = KernelFile("kernel/locking/rwsem.c", "rwsem_down_read_slowpath()", "7.2.8")


@sequence(source=PUNCH, disturbance="punch-hole", fair="weak")
def punch_hole(w: World, task: Task, page: Page) -> Sections:
    host = w.the(Host)
    when(page.in_file and not host.invalidate_lock and host.file_open)
    get_file(w)
    if host.invalidate_shared > 0:
        want_alone(w)
        yield "{task} waits for the invalidate_lock, to punch {page} out of guest_memfd"
        when(may_take(w))
        have_alone(w)
    host.invalidate_lock = True
    invalidate_start(w, page, bound(w))
    yield "{task} punches {page} out of guest_memfd: zaps it and flushes TLBs"
    when(not page.locked)
    if page.in_file:
        leave_file(w, page)
    yield "{task} truncates {page}, which is freed with its last reference"
    invalidate_end(w, page, bound(w))
    host.invalidate_lock = False
    put_file(w)
    yield "{task} ends the invalidation of {page}"


@step("{task} allocates a folio for {page} again", source=ALLOCATE, disturbance="allocate")
def allocate(w: World, task: Task, page: Page) -> None:
    when(task.idle and not page.in_file and not w.the(Host).invalidate_lock)
    when(page.owner == Owner.FREE and w.the(Host).file_open)
    enter(w, page)


@sequence(source=(ALLOCATE, SHARED), disturbance="fallocate", fair="strong")
def fallocate(w: World, task: Task) -> Sections:
    host = w.the(Host)
    when(host.file_open and may_share(w))
    get_file(w)
    host.invalidate_shared += 1
    yield "{task} takes the invalidate_lock shared in fallocate()"
    for page in w.all(Page):
        when(not page.locked)
        if not page.in_file and page.owner == Owner.FREE:
            enter(w, page)
        yield "{task} gets the folio of {page} under its lock in fallocate()"
    host.invalidate_shared -= 1
    put_file(w)
    yield "{task} returns from fallocate()"


@sequence(source=ATTRIBUTES, disturbance="convert", fair="weak")
def convert(w: World, task: Task, page: Page) -> Sections:
    host = w.the(Host)
    when(not host.slots_lock)
    host.slots_lock = True
    invalidate_start(w, page, installed(w))
    yield "{task} sets the attribute of {page}: zaps it and flushes TLBs"
    page.private = not page.private
    yield "{task} has stored the attribute of {page}"
    invalidate_end(w, page, installed(w))
    host.slots_lock = False
    yield "{task} has converted {page}"
