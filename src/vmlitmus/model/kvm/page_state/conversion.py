"""The VMM takes pages back: PUNCH_HOLE, allocation, and the private attribute.

PUNCH_HOLE, under the invalidate_lock: the invalidation begins, the SPTE is zapped and TLBs flushed;
the folio leaves the file, under its lock, and is freed with its last reference; the invalidation
ends. An attribute changes between the two ends of an invalidation, under slots_lock.

Not modelled: the TLB flush in steps (topic tlb-flush); VMSA pages (topic ap-creation).
Source: kvm_gmem_punch_hole() in virt/kvm/guest_memfd.c, kvm_vm_set_mem_attributes() in
virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.page_state.fault import enter
from vmlitmus.model.kvm.page_state.rmp import put
from vmlitmus.world.memory import Owner
from vmlitmus.world.page_state import Host, Page, Task, Vcpu

PUNCH = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_punch_hole()", "7.2.8")
ATTRIBUTES = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_set_mem_attributes()", "7.2.8")
ALLOCATE = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_allocate()", "7.2.8")
ZAP = "zap the SPTE before the folio leaves the file"


def invalidate_start(w: World, page: Page) -> None:
    """The SPTE goes, and no fault installs one until the end."""
    page.invalidating += 1
    if w.part(ZAP):
        page.mapped = False


def invalidate_end(w: World, page: Page) -> None:
    """Faults that began before are stale."""
    page.invalidating -= 1
    for vcpu in w.all(Vcpu):
        if vcpu.fault is page:
            vcpu.moved = True


@sequence(source=PUNCH, disturbance="punch-hole", fair="weak")
def punch_hole(w: World, task: Task, page: Page) -> Sections:
    host = w.the(Host)
    when(page.in_file and not host.invalidate_lock)
    host.invalidate_lock = True
    invalidate_start(w, page)
    yield "{task} punches {page} out of guest_memfd: zaps it and flushes TLBs"
    when(not page.locked)
    page.in_file = False
    put(w, page)
    yield "{task} truncates {page}, which is freed with its last reference"
    invalidate_end(w, page)
    host.invalidate_lock = False
    yield "{task} ends the invalidation of {page}"


@step("{task} allocates a folio for {page} again", source=ALLOCATE, disturbance="allocate")
def allocate(w: World, task: Task, page: Page) -> None:
    when(task.idle and not page.in_file and not w.the(Host).invalidate_lock)
    when(page.owner == Owner.FREE)
    enter(w, page)


@sequence(source=ATTRIBUTES, disturbance="convert", fair="weak")
def convert(w: World, task: Task, page: Page) -> Sections:
    host = w.the(Host)
    when(not host.slots_lock)
    host.slots_lock = True
    invalidate_start(w, page)
    yield "{task} sets the attribute of {page}: zaps it and flushes TLBs"
    page.private = not page.private
    yield "{task} has stored the attribute of {page}"
    invalidate_end(w, page)
    host.slots_lock = False
    yield "{task} has converted {page}"
