"""A memslot is deleted while a vcpu faults, or while KVM_PRE_FAULT_MEMORY runs.

Deletion: an invalid copy of the slot is made active, which waits until no notifier is under way,
and kvm->srcu synchronized; under mmu_lock the roots become invalid and each vcpu is asked to drop
them, with a wait; then the old roots are zapped and their pages freed, without a TLB flush: a vcpu
flushes when it loads another root, which it does before it enters again. The slot goes in the same
way, and srcu is synchronized again. A VM with private memory, or without
KVM_X86_QUIRK_SLOT_ZAP_ALL, keeps its roots: the SPTEs of the slot are zapped and TLBs flushed under
mmu_lock.

KVM_PRE_FAULT_MEMORY reloads the root once for a page, inside srcu, and then tries the fault again
as long as it is stale. It serves no request meanwhile; only a signal ends it. A try that follows
another gets its pfn when it has mmu_lock.

Not modelled: shadow pages, which are zapped with the first hold of mmu_lock, and flushed; signals.
Source: kvm_set_memslot() in virt/kvm/kvm_main.c, kvm_arch_flush_shadow_memslot(),
kvm_mmu_zap_all_fast() and kvm_tdp_page_prefault() in arch/x86/kvm/mmu/mmu.c,
kvm_tdp_mmu_zap_invalidated_roots() in arch/x86/kvm/mmu/tdp_mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.tlb_flush.fault import FAULTIN, STALE, begin, install, stale
from vmlitmus.model.kvm.tlb_flush.pfn_cache import (
    cached,
    free_memslot,
    refreshed,
    slots_lock,
    swap,
)
from vmlitmus.model.kvm.tlb_flush.reclaim import FLUSH
from vmlitmus.model.kvm.tlb_flush.requests import flush_remote_tlbs, kick
from vmlitmus.model.kvm.tlb_flush.run_loop import load_root
from vmlitmus.model.kvm.tlb_flush.versions import PREFAULT
from vmlitmus.world.memory import Owner
from vmlitmus.world.snp import Mode
from vmlitmus.world.tlb import Host, Page, Slot, Task, Vcpu, Vm

SET_MEMSLOT = KernelFile("virt/kvm/kvm_main.c", "kvm_set_memslot()", "7.2.8")
SWAP = KernelFile("virt/kvm/kvm_main.c", "kvm_swap_active_memslots()", "7.2.8")
ZAP_FAST = KernelFile("arch/x86/kvm/mmu/mmu.c", "__kvm_mmu_zap_all_fast_front_half()", "7.2.8")
FLUSH_SHADOW = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_arch_flush_shadow_memslot()", "7.2.8")
BACK_HALF = KernelFile("arch/x86/kvm/mmu/mmu.c", "__kvm_mmu_zap_all_fast_back_half()", "7.2.8")
PRE_FAULT = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_tdp_page_prefault()", "7.2.8")
ROOT = "ask each vcpu to drop its root in the section that invalidates it"
SYNC = "synchronize srcu after the slot was made invalid"
UNTIL_OUT = "hold mmu_lock until each vcpu has left the guest"


def synchronize(w: World, vm: Vm) -> None:
    """Note who is inside kvm->srcu now."""
    for vcpu in w.all(Vcpu):
        if vcpu.vm is vm:
            vcpu.waited = vcpu.srcu or vcpu.faulting is not None


def readers(w: World, vm: Vm) -> bool:
    """Say whether one of them still is."""
    inside = any(vcpu.vm is vm and vcpu.waited for vcpu in w.all(Vcpu))
    return inside or not refreshed(w, vm)


@sequence(
    source=(SET_MEMSLOT, SWAP, FLUSH_SHADOW, ZAP_FAST, BACK_HALF), disturbance="delete", fair="weak"
)
def delete_memslot(w: World, task: Task, page: Page) -> Sections:
    vm = page.vm
    when(page.slot == Slot.VALID and vm.alive)
    when(not slots_lock(w, vm) and vm.notifiers == 0)
    task.deleting = vm
    swap(w, page, Slot.INVALID)
    synchronize(w, vm)
    yield "{task} makes the memslot of {page} KVM_MEMSLOT_INVALID"
    if w.part(SYNC):
        when(not readers(w, vm))
    when(not vm.mmu_lock)
    vm.mmu_lock = w.part(UNTIL_OUT)
    if w.the(Host).zaps_slot:
        yield from zap_slot(w, task, page)
    else:
        yield from zap_roots(w, task, page)
    when(vm.notifiers == 0)
    swap(w, page, Slot.GONE)
    synchronize(w, vm)
    yield "{task} deletes the memslot of {page}"
    when(not readers(w, vm))
    free_memslot(w, page)
    task.deleting = None
    if not cached(w, page):
        page.owner = Owner.FREE
    yield "{task} has synchronized srcu and returns; the VMM unmaps {page}"


def zap_slot(w: World, task: Task, page: Page) -> Sections:
    """kvm_unmap_gfn_range(), with mmu_lock held to the end."""
    zapped = page.mapped
    page.mapped = False
    yield "{task} has synchronized srcu and zaps the SPTEs of {page} under mmu_lock"
    if zapped and w.part(FLUSH):
        yield from flush_remote_tlbs(w, task, page.vm)
    page.vm.mmu_lock = False
    yield "{task} has flushed the TLBs and drops mmu_lock"


def zap_roots(w: World, task: Task, page: Page) -> Sections:
    """kvm_mmu_zap_all_fast(), with mmu_lock held until each vcpu is out of the guest."""
    invalidate_roots(w, task, page)
    yield "{task} has synchronized srcu and invalidates the roots under mmu_lock"
    when(not task.awaits)
    if w.part(UNTIL_OUT):
        page.vm.mmu_lock = False
    yield "{task} has had each vcpu leave the guest and drops mmu_lock"
    when(not page.vm.mmu_lock)
    for other in w.all(Page):
        if other.vm is page.vm:
            other.old = False
    yield "{task} zaps the old roots and frees their page tables"


def invalidate_roots(w: World, task: Task, page: Page) -> None:
    """__kvm_mmu_zap_all_fast_front_half(): all roots are obsolete, the vcpus are told."""
    for vcpu in w.all(Vcpu):
        if vcpu.vm is page.vm:
            vcpu.obsolete = True
            if w.part(ROOT):
                vcpu.reload = True
                kick(w, task, vcpu)
    for other in w.all(Page):
        if other.vm is page.vm:
            other.old = other.mapped
            other.mapped = False


@sequence(source=(PRE_FAULT, FAULTIN, STALE), disturbance="prefault", fair="weak")
def pre_fault_memory(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(vcpu.cpu is not None and vcpu.mode == Mode.OUTSIDE and page.vm is vcpu.vm)
    when(not page.mapped and page.present and page.slot != Slot.GONE)
    vcpu.srcu = True
    load_root(w, vcpu)
    begin(w, vcpu)
    yield "{vcpu}'s thread enters KVM_PRE_FAULT_MEMORY for {page} and reloads its root"
    found = page.present
    yield "{vcpu}'s thread gets the pfn of {page}, if there is one"
    when(not page.vm.mmu_lock)
    while found and unsettled(w, vcpu, page):
        begin(w, vcpu)
        yield "{vcpu}'s thread finds its fault on {page} stale and tries again"
        when(not page.vm.mmu_lock)
        if w.the(Host).reloads_root and vcpu.reload:
            load_root(w, vcpu)
        found = page.present
    if found and page.slot == Slot.VALID:
        install(w, vcpu, page)
    vcpu.srcu = False
    vcpu.waited = False
    vcpu.moved = False
    yield "{vcpu}'s thread leaves KVM_PRE_FAULT_MEMORY"


def unsettled(w: World, vcpu: Vcpu, page: Page) -> bool:
    """Say whether the prefault is tried again."""
    if page.slot == Slot.INVALID:
        return not w.part(PREFAULT.part)
    return stale(w, vcpu, page)
