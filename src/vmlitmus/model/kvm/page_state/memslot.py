"""A memslot with guest_memfd comes and goes, and so does the guest_memfd.

KVM_SET_USER_MEMORY_REGION2 is under slots_lock. To create a memslot, it gets the file, allocates
the metadata under slots_arch_lock, installs the memslot, waits for srcu, and lets go of the file.
That wait is for nobody who has the memslot, as it was not installed before. Up to 7.2 it
binds the memslot to the guest_memfd first of all; 7.3.2 does so when the metadata is there, with
slots_arch_lock held until the memslot is installed.

To delete a memslot, it installs an INVALID copy, waits for vcpus (srcu) and zaps what the memslot
maps; it copies the metadata back from the copy, removes the memslot, waits once more, unbinds and
frees it. The bindings have the memslot itself until then. The first shadow root of the VM
allocates reverse maps and a write-track table for the memslots that are installed, under
slots_arch_lock. Then it says that all memslots have them. A fault that began before may have the
memslot which the copy replaced.

The last reference to the file is gone before kvm_gmem_release() runs: it waits for slots_lock. A
memslot that is deleted meanwhile is unbound from the dying guest_memfd, up to 7.2 without the
invalidate_lock.

Not modelled: xa_store_range() without memory; a memslot that is moved, which guest_memfd refuses.
Source: kvm_set_memslot() and kvm_invalidate_memslot() in virt/kvm/kvm_main.c, kvm_gmem_unbind() and
kvm_gmem_release() in virt/kvm/guest_memfd.c, mmu_first_shadow_root_alloc() in
arch/x86/kvm/mmu/mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.page_state.bindings import (
    bound,
    dying,
    get_file,
    have_alone,
    invalidate_end,
    invalidate_start,
    may_take,
    put_file,
    want_alone,
)
from vmlitmus.model.kvm.page_state.rmp import leave_file
from vmlitmus.model.kvm.page_state.versions import BIND_LATE, LOCK_DYING
from vmlitmus.world.page_state import Host, Page, Place, Slot, Task, Vcpu

MAIN = "virt/kvm/kvm_main.c"
GMEM = "virt/kvm/guest_memfd.c"
SET = KernelFile(MAIN, "kvm_set_memslot()", "7.2.8")
BIND = KernelFile(GMEM, "kvm_gmem_bind()", "7.2.8")
INVALIDATE = KernelFile(MAIN, "kvm_invalidate_memslot()", "7.2.8")
UNBIND = KernelFile(GMEM, "kvm_gmem_unbind()", "7.2.8")
RELEASE = KernelFile(GMEM, "kvm_gmem_release()", "7.2.8")
SHADOW = KernelFile("arch/x86/kvm/mmu/mmu.c", "mmu_first_shadow_root_alloc()", "7.2.8")
SRCU = "wait for vcpus before a memslot is zapped"
ZAP_ALL = "zap what a memslot maps before it is unbound"
SLOTS_LOCK = "release takes slots_lock"
BIND_LOCK = "a memslot is bound under the invalidate_lock"


@sequence(source=(SET, BIND, BIND_LATE.source), disturbance="create-memslot", fair="strong")
def create_memslot(w: World, task: Task, slot: Slot) -> Sections:
    host = w.the(Host)
    when(slot.place == Place.NONE and host.file_open and not host.slots_lock)
    host.slots_lock = True
    slot.place = Place.NEW
    slot.file = True
    get_file(w)
    yield "{task} makes {slot} under slots_lock and has a reference to the guest_memfd"
    if not w.part(BIND_LATE.part):
        when(may_take(w) or not w.part(BIND_LOCK))
        slot.bound = True
        put_file(w)
        yield "{task} binds {slot}, which has no metadata yet, and drops the reference"
    when(not host.slots_arch_lock)
    if host.metadata_fails:
        if w.part(BIND_LATE.part):
            free_new(w, slot)
            put_file(w)
            yield "{task} finds no memory for the metadata of {slot} and frees it"
            return
        yield "{task} finds no memory for the metadata of {slot}"
        yield from unbind(w, task, slot)
        free_new(w, slot)
        yield "{task} frees {slot}, which was never installed"
        return
    host.slots_arch_lock = True
    slot.rmaps = host.shadow_root
    yield "{task} allocates the metadata of {slot} and keeps slots_arch_lock"
    if w.part(BIND_LATE.part):
        when(may_take(w) or not w.part(BIND_LOCK))
        slot.bound = True
        yield "{task} binds {slot}, which has its metadata"
    slot.place = Place.INSTALLED
    host.slots_arch_lock = False
    yield "{task} installs {slot} and drops slots_arch_lock"
    if w.part(BIND_LATE.part):
        put_file(w)
    host.slots_lock = False
    yield "{task} has synchronized srcu and drops slots_lock"


def free_new(w: World, slot: Slot) -> None:
    """kfree() of a memslot that was not installed."""
    slot.place = Place.FREED
    slot.file = False
    w.the(Host).slots_lock = False


@sequence(source=(INVALIDATE, SET, UNBIND), disturbance="delete-memslot", fair="strong")
def delete_memslot(w: World, task: Task, slot: Slot) -> Sections:
    host = w.the(Host)
    when(slot.place == Place.INSTALLED and not host.slots_lock and not host.slots_arch_lock)
    host.slots_lock = True
    slot.place = Place.INVALID
    slot.copy_rmaps = slot.rmaps
    yield "{task} installs an INVALID copy of {slot} and drops slots_arch_lock"
    when(not (faults(w) or ages(w, copy=False)) or not w.part(SRCU))
    if w.part(ZAP_ALL):
        for page in w.all(Page):
            page.mapped = False
    yield "{task} has synchronized srcu and zaps what {slot} maps"
    when(not host.slots_arch_lock)
    slot.rmaps = slot.copy_rmaps
    slot.place = Place.REMOVED
    yield "{task} copies the metadata of {slot} back, removes it and drops slots_arch_lock"
    when(not (faults(w) or ages(w, copy=True)) or not w.part(SRCU))
    if slot.file:
        yield "{task} has synchronized srcu again and finds {slot} bound"
        yield from unbind(w, task, slot)
    slot.place = Place.FREED
    slot.rmaps = False
    slot.copy_rmaps = False
    host.slots_lock = False
    yield "{task} frees {slot}"


def faults(w: World) -> bool:
    """Say whether a vcpu is inside srcu with the memslot."""
    return any(vcpu.fault is not None for vcpu in w.all(Vcpu))


def ages(w: World, copy: bool) -> bool:
    """Say whether a task is inside srcu with the memslot, or with its copy if that counts too."""
    return any(
        t.ages is not None and not t.outside and (copy or not t.has_copy) for t in w.all(Task)
    )


def unbind(w: World, task: Task, slot: Slot) -> Sections:
    """kvm_gmem_unbind() of a memslot with a file."""
    host = w.the(Host)
    alone = dying(w) and not w.part(LOCK_DYING.part)
    holds = not dying(w) and not w.part(LOCK_DYING.part)
    if holds:
        get_file(w)
    if not alone:
        want_alone(w)
    yield "{task} reads the guest_memfd of {slot} in kvm_gmem_unbind()"
    when(may_take(w) or alone)
    if not alone:
        have_alone(w)
    if host.released:
        host.file_misused = True
    slot.bound = False
    slot.file = False
    if holds:
        put_file(w)
    yield "{task} takes {slot} out of the bindings"


@step("{task} closes guest_memfd", source=RELEASE, disturbance="close-gmem")
def close_gmem(w: World, task: Task) -> None:
    when(task.idle and w.the(Host).file_open and len(w.all(Slot)) > 0)
    w.the(Host).file_open = False


@sequence(source=RELEASE, disturbance="close-gmem", fair="strong")
def release_gmem(w: World, task: Task) -> Sections:
    host = w.the(Host)
    when(dying(w) and not host.releasing)
    when(not host.slots_lock or not w.part(SLOTS_LOCK))
    host.releasing = True
    host.slots_lock = host.slots_lock or w.part(SLOTS_LOCK)
    want_alone(w)
    yield "{task} drops the last reference and takes slots_lock in kvm_gmem_release()"
    when(may_take(w))
    have_alone(w)
    for page in w.all(Page):
        invalidate_start(w, page, bound(w))
        invalidate_end(w, page, bound(w))
    for slot in w.all(Slot):
        if slot.bound:
            slot.file = False
        slot.bound = False
    host.released = True
    if w.part(SLOTS_LOCK):
        host.slots_lock = False
    yield "{task} zaps all memslots of the guest_memfd and frees its bindings"
    when(not host.inode_held)
    host.evicting = True
    yield "{task} drops the last reference to the inode of the guest_memfd"
    for page in w.all(Page):
        when(not page.locked)
        if page.in_file:
            leave_file(w, page)
        yield "{task} truncates {page}, to evict the inode of the guest_memfd"
    host.inode_gone = True
    yield "{task} evicts the inode of the guest_memfd"


@step(
    "{vcpu} allocates the first shadow root, and tables for the memslots that are installed",
    source=SHADOW,
    disturbance="shadow-root",
)
def first_shadow_root(w: World, vcpu: Vcpu) -> None:
    host = w.the(Host)
    when(vcpu.idle and not host.shadow_root and not host.slots_arch_lock)
    host.shadow_root = True
    for slot in w.all(Slot):
        if slot.place == Place.INSTALLED:
            slot.rmaps = True
        if slot.place == Place.INVALID:
            slot.copy_rmaps = True
