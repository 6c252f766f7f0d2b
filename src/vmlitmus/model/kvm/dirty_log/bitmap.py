"""KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG: bits are taken, and their pages tracked again.

Both hold slots_lock to the end, and kick running vcpus first if KVM has PML, without a wait. With
mmu_lock held for writing each word of bits is exchanged with 0, or the bits that the VMM names are
cleared, and the SPTEs of these pages lose their W bits, or with PML their D bits. mmu_lock is
dropped; the TLBs are flushed if a bit was taken; the VMM gets the log. With
KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 KVM_GET_DIRTY_LOG only copies the bits.

With KVM_DIRTY_LOG_INITIALLY_SET there may be huge pages, which are split when a bit was taken and
its page is not tracked yet. KVM drops mmu_lock there, to get a page table: others may zap the page,
and a fault may make its SPTE and mark it.

A word of bits is one page here. A fault that is fast, and whoever marks a page, take no lock: they
come between any two sections.

Not load-bearing: "clear the bit of the SPTE in one operation": a store of what was read can only
take rights away that a fault gave meanwhile, and the fault's mark is still to come. What the rule
for volatile SPTEs protects is the D bit of the host's page, and the pfn.

Not load-bearing: "hold slots_lock until the TLBs are flushed": each thread sends what it has
cleared itself, and its own flush comes before that. Of dirty rings that is not so (ring.py).

Not modelled: copy_to_user() that fails, after which the bits are gone; huge pages.
Source: kvm_get_dirty_log_protect(), kvm_clear_dirty_log_protect(), kvm_flush_remote_tlbs_memslot()
in virt/kvm/kvm_main.c, kvm_arch_sync_dirty_log() in arch/x86/kvm/x86.c,
kvm_arch_mmu_enable_log_dirty_pt_masked() in arch/x86/kvm/mmu/mmu.c, clear_dirty_pt_masked() in
arch/x86/kvm/mmu/tdp_mmu.c, tdp_mmu_clear_spte_bits() in arch/x86/kvm/mmu/tdp_iter.h,
tdp_mmu_split_huge_pages_root() in arch/x86/kvm/mmu/tdp_mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, when
from vmlitmus.model.kvm.dirty_log.run_loop import request_flush
from vmlitmus.world.dirty_log.guest import Log, Page, Vcpu, Vm
from vmlitmus.world.dirty_log.userspace import Task

MAIN = "virt/kvm/kvm_main.c"
GET = KernelFile(MAIN, "kvm_get_dirty_log_protect()", "7.2.8")
CLEAR = KernelFile(MAIN, "kvm_clear_dirty_log_protect()", "7.2.8")
FLUSH = KernelFile(MAIN, "kvm_flush_remote_tlbs_memslot()", "7.2.8")
SYNC = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_sync_dirty_log()", "7.2.8")
ENABLE = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_arch_mmu_enable_log_dirty_pt_masked()", "7.2.8")
MASKED = KernelFile("arch/x86/kvm/mmu/tdp_mmu.c", "clear_dirty_pt_masked()", "7.2.8")
SPLIT = KernelFile("arch/x86/kvm/mmu/tdp_mmu.c", "tdp_mmu_split_huge_pages_root()", "7.2.8")
BITS = KernelFile("arch/x86/kvm/mmu/tdp_iter.h", "tdp_mmu_clear_spte_bits()", "7.2.8")
KICKS = "kick running vcpus before the log is read"
BIT_FIRST = "take the bit before the page is tracked again"
ONE_OPERATION = "clear the bit of the SPTE in one operation"
FLUSHES = "flush TLBs before the ioctl returns"
LOCKED = "hold slots_lock until the TLBs are flushed"


def kick_all(w: World) -> None:
    """kvm_arch_sync_dirty_log(): have running vcpus leave the guest, and do not wait."""
    for vcpu in w.all(Vcpu):
        if w.the(Vm).pml and vcpu.running and w.part(KICKS):
            vcpu.kicked = True


def mmu_lock_free(w: World) -> bool:
    """Say whether mmu_lock can be taken for writing."""
    return not w.the(Vm).mmu_lock and not any(v.mmu_lock for v in w.all(Vcpu))


def track(w: World, page: Page) -> None:
    """Clear the W bit of the SPTE, or with PML its D bit."""
    if w.the(Vm).pml:
        page.dirty = False
    else:
        page.writable = False


def track_again(w: World, task: Task, page: Page) -> Sections:
    """tdp_mmu_clear_spte_bits()."""
    if w.part(ONE_OPERATION):
        track(w, page)
        yield "{task} has {page} tracked again"
        return
    writable = page.writable
    dirty = page.dirty
    yield "{task} reads the SPTE of {page}, which is to be tracked again"
    page.writable = writable
    page.dirty = dirty
    track(w, page)
    yield "{task} stores the SPTE of {page}, which is tracked again"


def take_bits(w: World, task: Task) -> Sections:
    """What the two ioctls share, from mmu_lock to the end."""
    vm = w.the(Vm)
    when(mmu_lock_free(w))
    vm.mmu_lock = True
    took = False
    yield "{task} takes mmu_lock for writing"
    for page in w.all(Page):
        if page.bit and (vm.log == Log.GET or page in task.got):
            took = True
            if w.part(BIT_FIRST):
                page.bit = False
                task.got.add(page)
                yield "{task} takes the bit of {page}"
                if vm.initially_set:
                    vm.mmu_lock = False
                    yield "{task} drops mmu_lock, to get a page table for a huge page"
                    when(mmu_lock_free(w))
                    vm.mmu_lock = True
                    yield "{task} takes mmu_lock again and splits the huge page"
                yield from track_again(w, task, page)
            else:
                yield from track_again(w, task, page)
                page.bit = False
                task.got.add(page)
                yield "{task} takes the bit of {page}, which is tracked already"
    vm.mmu_lock = False
    if not w.part(LOCKED):
        vm.slots_lock = False
    if took and w.part(FLUSHES):
        request_flush(w, task)
    yield "{task} drops mmu_lock and makes its request to flush TLBs, if it took a bit"
    when(not task.awaits)
    if w.part(LOCKED):
        vm.slots_lock = False


def get_dirty_log(w: World, task: Task) -> Sections:
    """KVM_GET_DIRTY_LOG."""
    vm = w.the(Vm)
    when(not vm.slots_lock)
    vm.slots_lock = True
    ask_for_log(w)
    kick_all(w)
    yield "{task} is in KVM_GET_DIRTY_LOG with slots_lock, and kicks running vcpus if KVM has PML"
    if vm.log == Log.CLEAR:
        for page in w.all(Page):
            if page.bit:
                task.got.add(page)
        vm.slots_lock = False
    else:
        yield from take_bits(w, task)
    report(w)
    yield "{task} gets the log"


def clear_dirty_log(w: World, task: Task) -> Sections:
    """KVM_CLEAR_DIRTY_LOG for the pages that the log named."""
    vm = w.the(Vm)
    when(not vm.slots_lock)
    vm.slots_lock = True
    kick_all(w)
    yield "{task} is in KVM_CLEAR_DIRTY_LOG with slots_lock"
    yield from take_bits(w, task)
    yield "{task} returns from KVM_CLEAR_DIRTY_LOG"


def ask_for_log(w: World) -> None:
    """Note which pages the log should name: those that differ from what was sent."""
    for page in w.all(Page):
        page.due = page.stale and not any(page in other.got for other in w.all(Task))


def report(w: World) -> None:
    """The VMM has the log: note whether it lacks such a page."""
    for page in w.all(Page):
        if page.due and not any(page in other.got for other in w.all(Task)):
            w.the(Vm).late = True
        page.due = False
