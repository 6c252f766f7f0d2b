"""Dirty rings: the VMM harvests entries, and KVM_RESET_DIRTY_RINGS has their pages tracked again.

A harvest takes no lock and is userspace alone. The ioctl holds slots_lock. It takes the harvested
entries of all rings, in the order of the rings, whoever has harvested them, and gathers a batch of
pages; it has these tracked again with mmu_lock held for writing. It drops slots_lock, and flushes
TLBs then, if it took an entry. At each entry it looks for a signal, since 6.17; if there
is one it returns, and the batch that it has gathered is lost. The VMM sees harvested entries that
are left, and calls again.

Not load-bearing: "a signal ends KVM_RESET_DIRTY_RINGS": it is what loses pages, where it is on.

Two entries of one page in one ring are one here; a batch has all pages. Entry and page are tied by
no bit: a page whose SPTE is writable is not pushed again.

Source: kvm_dirty_ring_reset(), kvm_reset_dirty_gfn() in virt/kvm/dirty_ring.c,
kvm_vm_ioctl_reset_dirty_pages() in virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, step, when
from vmlitmus.model.kvm.dirty_log.bitmap import ask_for_log, mmu_lock_free, report, track
from vmlitmus.model.kvm.dirty_log.run_loop import request_flush
from vmlitmus.model.kvm.dirty_log.versions import SIGNAL
from vmlitmus.world.dirty_log.guest import Page, Vcpu, Vm
from vmlitmus.world.dirty_log.userspace import Task

RING = "virt/kvm/dirty_ring.c"
RESET = KernelFile(RING, "kvm_dirty_ring_reset()", "7.2.8")
GFN = KernelFile(RING, "kvm_reset_dirty_gfn()", "7.2.8")
IOCTL = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_reset_dirty_pages()", "7.2.8")
TRACKS = "track harvested pages again"
RING_FLUSHES = "flush TLBs when ring entries were reset"


def harvest(w: World, task: Task) -> Sections:
    """The VMM reads the rings and marks the entries that it has read."""
    ask_for_log(w)
    for vcpu in w.all(Vcpu):
        for page in w.all(Page):
            if page in vcpu.pushed:
                vcpu.pushed.discard(page)
                vcpu.harvested.add(page)
                task.got.add(page)
    report(w)
    yield "{task} harvests the dirty rings"


def reset_dirty_rings(w: World, task: Task) -> Sections:
    """KVM_RESET_DIRTY_RINGS."""
    vm = w.the(Vm)
    when(not vm.slots_lock)
    vm.slots_lock = True
    ended = False
    yield "{task} is in KVM_RESET_DIRTY_RINGS with slots_lock"
    for page in w.all(Page):
        ended = ended or (task.signal and w.part(SIGNAL.part))
        if not ended and any(page in v.harvested for v in w.all(Vcpu)):
            for vcpu in w.all(Vcpu):
                vcpu.harvested.discard(page)
            task.batch.add(page)
            yield "{task} takes the entries of {page}"
    ended = ended or (task.signal and w.part(SIGNAL.part))
    took = len(task.batch) > 0
    if ended and not vm.finishes_batch:
        task.batch.clear()
        yield "{task} sees a signal and goes no further; it has pages in its batch: {took}"
    if len(task.batch) > 0:
        when(mmu_lock_free(w))
        for page in w.all(Page):
            if page in task.batch and w.part(TRACKS):
                track(w, page)
        task.batch.clear()
        yield "{task} has the pages of its batch tracked again"
    if not vm.flushes_first:
        vm.slots_lock = False
    yield "{task} has no more entries to reset"
    if took and w.part(RING_FLUSHES):
        request_flush(w, task)
        yield "{task} makes its request to flush TLBs after KVM_RESET_DIRTY_RINGS took entries"
        when(not task.awaits)
    if vm.flushes_first:
        vm.slots_lock = False
    task.signal = False
    yield "{task} returns from KVM_RESET_DIRTY_RINGS"


@step("{task} gets a signal", source=RESET, disturbance="signal")
def signal(w: World, task: Task) -> None:
    when(not task.idle and not task.signal)
    task.signal = True
