"""KVM_MEM_LOG_DIRTY_PAGES is switched on, or off, for a memslot; and a page is zapped.

On: a new memslot with a bitmap becomes active, srcu is synchronized, so that nobody goes by the
memslot without a log; with PML each vcpu is asked to switch it on, with a wait; all SPTEs lose
their W or D bits, by cmpxchg and with mmu_lock shared; the TLBs are flushed, with no lock but
slots_lock. Then the ioctl returns, and the VMM sends each page once.
With KVM_DIRTY_LOG_INITIALLY_SET all bits are set instead, and no SPTE changes. A dirty ring has no
bitmap on x86; the flag is not refused there.
Off: a memslot without the flag becomes active, srcu is synchronized, the bitmap is freed.

Not modelled: huge pages, which are split or write-protected; a second memslot; the deletion of one,
with which its log goes.
Source: kvm_set_memslot(), kvm_swap_active_memslots(), kvm_prepare_memory_region() and
kvm_commit_memory_region() in virt/kvm/kvm_main.c, kvm_mmu_slot_apply_flags() and
kvm_mmu_update_cpu_dirty_logging() in arch/x86/kvm/x86.c, wrprot_gfn_range() and
clear_dirty_gfn_range() in arch/x86/kvm/mmu/tdp_mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.dirty_log.bitmap import mmu_lock_free, track
from vmlitmus.model.kvm.dirty_log.run_loop import ask, may_share, request_flush
from vmlitmus.world.dirty_log.guest import Log, Page, Vcpu, Vm
from vmlitmus.world.dirty_log.userspace import Task

MAIN = "virt/kvm/kvm_main.c"
SWAP = KernelFile(MAIN, "kvm_swap_active_memslots()", "7.2.8")
PREPARE = KernelFile(MAIN, "kvm_prepare_memory_region()", "7.2.8")
COMMIT = KernelFile(MAIN, "kvm_commit_memory_region()", "7.2.8")
APPLY = KernelFile("arch/x86/kvm/x86.c", "kvm_mmu_slot_apply_flags()", "7.2.8")
UPDATE = KernelFile("arch/x86/kvm/x86.c", "kvm_mmu_update_cpu_dirty_logging()", "7.2.8")
WRPROT = KernelFile("arch/x86/kvm/mmu/tdp_mmu.c", "wrprot_gfn_range()", "7.2.8")
CLEAR_D = KernelFile("arch/x86/kvm/mmu/tdp_mmu.c", "clear_dirty_gfn_range()", "7.2.8")
ZAP = KernelFile("arch/x86/kvm/mmu/tdp_mmu.c", "kvm_tdp_mmu_unmap_gfn_range()", "7.2.8")
SYNC = "synchronize srcu after the memslot was replaced"
PML_ON = "ask each vcpu to switch PML on"
PML_WAIT = "wait until each vcpu has left the guest before D bits are cleared"
TRACKS_ALL = "have all pages tracked before logging is on"
FLUSHES_ALL = "flush TLBs before logging is on"


def replace_memslot(w: World, logging: bool) -> None:
    """Another object is active; note who is inside srcu now."""
    vm = w.the(Vm)
    vm.slots_lock = True
    vm.logging = logging
    for vcpu in w.all(Vcpu):
        vcpu.waited = vcpu.srcu


@sequence(
    source=(SWAP, PREPARE, COMMIT, APPLY, UPDATE, WRPROT, CLEAR_D),
    disturbance="start-logging",
    fair="weak",
)
def start_logging(w: World, task: Task) -> Sections:
    vm = w.the(Vm)
    when(not vm.logging and not vm.slots_lock and not vm.finished)
    replace_memslot(w, True)
    vm.bitmap_freed = False
    if vm.initially_set and vm.log != Log.RING:
        for page in w.all(Page):
            page.bit = True
    yield "{task} installs the memslot with KVM_MEM_LOG_DIRTY_PAGES"
    if w.part(SYNC):
        when(not any(v.waited for v in w.all(Vcpu)))
    vm.counted = True
    for vcpu in w.all(Vcpu):
        if vm.pml and vcpu.online and w.part(PML_ON):
            vcpu.update = True
            if w.part(PML_WAIT):
                ask(w, task, vcpu)
    yield "{task} has synchronized srcu, and asks each vcpu to switch PML on if KVM has it"
    when(not task.awaits)
    if not vm.initially_set:
        yield "{task} goes through all pages, to have them tracked"
        for page in w.all(Page):
            when(may_share(w))
            if w.part(TRACKS_ALL):
                track(w, page)
            yield "{task} has {page} tracked"
        if w.part(FLUSHES_ALL):
            request_flush(w, task)
        yield "{task} makes its request to flush TLBs, with no lock but slots_lock"
        when(not task.awaits)
    vm.slots_lock = False
    yield "{task} returns from KVM_SET_USER_MEMORY_REGION"
    if not vm.initially_set or vm.log == Log.RING:
        for page in w.all(Page):
            page.stale = False
    vm.copied = True
    yield "{task} sends each page once, unless all bits are set"


@sequence(source=(SWAP, PREPARE, COMMIT), disturbance="stop-logging", fair="weak")
def stop_logging(w: World, task: Task) -> Sections:
    vm = w.the(Vm)
    when(vm.logging and vm.copied and not vm.slots_lock and not vm.stopping)
    when(all(other.idle for other in w.all(Task)))
    replace_memslot(w, False)
    vm.copied = False
    yield "{task} installs the memslot without KVM_MEM_LOG_DIRTY_PAGES"
    if w.part(SYNC):
        when(not any(v.waited for v in w.all(Vcpu)))
    vm.bitmap_freed = True
    vm.counted = False
    for page in w.all(Page):
        page.bit = False
    vm.slots_lock = False
    yield "{task} has synchronized srcu and frees the bitmap"


@sequence(source=ZAP, disturbance="zap", fair="weak")
def zap(w: World, task: Task, page: Page) -> Sections:
    vm = w.the(Vm)
    when(page.present and mmu_lock_free(w))
    vm.mmu_lock = True
    page.present = False
    page.writable = False
    page.dirty = False
    page.changed = False
    request_flush(w, task)
    yield "{task} zaps {page} under mmu_lock and makes its request to flush TLBs"
    when(not task.awaits)
    vm.mmu_lock = False
    yield "{task} has had each vcpu leave the guest and drops the mmu_lock of its zap"
