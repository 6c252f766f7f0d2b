"""The VMM takes pages back: PUNCH_HOLE, allocation, and the private attribute.

PUNCH_HOLE, under the invalidate_lock: the invalidation begins, the SPTE is zapped and TLBs flushed;
the folio leaves the file, under its lock, is made shared in the RMP, and is freed with its last
reference; the invalidation ends. An attribute changes between the two ends of an invalidation,
under slots_lock; that one goes by the memslots that are installed, not by the bindings.

Not modelled: the TLB flush in steps (topic tlb-flush); VMSA pages (topic ap-creation).
Source: kvm_gmem_punch_hole() in virt/kvm/guest_memfd.c, kvm_vm_set_mem_attributes() in
virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.page_state.bindings import (
    bound,
    get_file,
    installed,
    invalidate_end,
    invalidate_start,
    put_file,
)
from vmlitmus.model.kvm.page_state.fault import enter
from vmlitmus.model.kvm.page_state.rmp import leave_file
from vmlitmus.world.memory import Owner
from vmlitmus.world.page_state import Host, Page, Task

PUNCH = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_punch_hole()", "7.2.8")
ATTRIBUTES = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_set_mem_attributes()", "7.2.8")
ALLOCATE = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_allocate()", "7.2.8")


@sequence(source=PUNCH, disturbance="punch-hole", fair="weak")
def punch_hole(w: World, task: Task, page: Page) -> Sections:
    host = w.the(Host)
    when(page.in_file and not host.invalidate_lock and host.file_open)
    get_file(w)
    host.invalidate_lock = True
    invalidate_start(w, page, bound(w))
    yield "{task} punches {page} out of guest_memfd: zaps it and flushes TLBs"
    when(not page.locked)
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
