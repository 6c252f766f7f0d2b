"""Guest memory goes away while the VM lives: mmu_notifier, unregister_region, guest_memfd.

The mmu_notifiers of one mm run one after the other, that of the newest VM first, each to its end:
under mmu_lock the SPTEs of the page are zapped and a TLB flush is waited for; then, unlocked,
kvm_arch_guest_memory_reclaimed() flushes for SEV and SEV-ES but not for SNP, whose private memory
is not mapped by userspace. Only after the last notifier is the PTE cleared and the page freed.
A VM without a memslot over the page has nothing zapped and does not flush.

Not modelled: notifiers that may not block, the TLB flush of the host itself, a successor that loses
its pages again.
Source: kvm_mmu_notifier_invalidate_range_start() in virt/kvm/kvm_main.c,
__kvm_gmem_invalidate_start() in virt/kvm/guest_memfd.c, mn_hlist_invalidate_range_start() in
mm/mmu_notifier.c, sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, KernelCommit, KernelFile, Sections, World, sequence, when
from vmlitmus.model.hardware.cache import clflush_host_mapping
from vmlitmus.model.kvm.cache_flush.policy import writeback_caches
from vmlitmus.model.kvm.vcpu import request_tlb_flush
from vmlitmus.world import Host, Owner, Page, PageKind, ReclaimFlush, Role, Task, Vm, VmKind

RECLAIM = KernelCommit(
    "683412ccf612", "KVM: SEV: add cache flush to solve SEV cache incoherency issues"
)
RANGE_START = KernelFile(
    "virt/kvm/kvm_main.c", "kvm_mmu_notifier_invalidate_range_start()", "7.2.8"
)
RECLAIMED = KernelFile("arch/x86/kvm/svm/sev.c", "sev_guest_memory_reclaimed()", "7.2.8")
NEWEST_FIRST = KernelFile("mm/mmu_notifier.c", "mn_hlist_invalidate_range_start()", "7.2.8")
UNREGISTER = KernelFile("arch/x86/kvm/svm/sev.c", "sev_mem_enc_unregister_region()", "7.2.8")
GMEM = KernelFile("arch/x86/kvm/svm/sev.c", "sev_gmem_invalidate()", "7.2.8")
LAST_UNMAP_FREES = Assumption(
    "last-unmap-frees",
    "a page is freed only when no mm maps it any more, and each mm that lets go of it runs the "
    "notifiers of its VMs first",
    settled_by="for anonymous memory it is settled: range_start, with the flush, comes before the "
    "PTE is cleared; for memory with other references, who drops the last one",
)


def unused(w: World, page: Page) -> bool:
    """Say whether nothing keeps a page from being freed."""
    gone = not any(page in vm.has for vm in w.all(Vm))
    return not page.pinned and (gone or not w.assume(LAST_UNMAP_FREES))


def flushes_on_reclaim(vm: Vm) -> bool:
    """sev_guest_memory_reclaimed() returns early for a VM that is not SEV, and for SNP."""
    return vm.hook and vm.active and vm.kind != VmKind.SNP


def flushes_at(w: World, vm: Vm, place: ReclaimFlush) -> bool:
    """Say whether the notifier of a VM flushes at this place among its steps."""
    here = w.the(Host).reclaim_flush == place and w.part("flush on reclaim")
    return here and flushes_on_reclaim(vm)


def zap(w: World, task: Task, page: Page, vm: Vm) -> None:
    """Under mmu_lock: remove the SPTE of a page; ask for a TLB flush if there was one."""
    vm.mmu_lock = True
    vm.invalidating.add(page)
    if page in vm.mapped:
        vm.mapped.discard(page)
        request_tlb_flush(w, task, vm)


def first_of_mm(w: World, vm: Vm) -> bool:
    """Say whether the VM stands for its mm, and some VM of that mm has its notifier registered."""
    first = vm.role != Role.SUCCESSOR and not any(
        o.mm == vm.mm and o.index < vm.index for o in w.all(Vm)
    )
    return first and any(o.mm == vm.mm and o.notified for o in w.all(Vm))


def forget(w: World, vm: Vm, page: Page) -> None:
    """The mm of a VM does not map the page any more."""
    for other in w.all(Vm):
        if other.mm == vm.mm:
            other.has.discard(page)
            other.invalidating.discard(page)


@sequence(
    "{task} clears the PTE of {page} in the mm of {vm}",
    source=(RECLAIM, RANGE_START, RECLAIMED, NEWEST_FIRST, LAST_UNMAP_FREES),
    disturbance="reclaim",
)
def reclaim(w: World, task: Task, page: Page, vm: Vm) -> Sections:
    when(page.kind == PageKind.MEMORY and page.owner == Owner.GUEST and page in vm.has)
    when(first_of_mm(w, vm))
    task.walks = vm
    yield "{task} starts to call the mmu_notifiers for {page} in the mm of {vm}"
    for other in w.all(Vm):
        if other.mm == vm.mm and other.newer:
            yield from invalidate_range_start(w, task, other, page)
    for other in w.all(Vm):
        if other.mm == vm.mm and not other.newer:
            yield from invalidate_range_start(w, task, other, page)
    task.walks = None
    if page in vm.has:
        forget(w, vm, page)
        if unused(w, page):
            page.owner = Owner.FREE
    if w.the(Host).reclaim_flush == ReclaimFlush.AFTER_FREE:
        yield "{task} clears the PTE of {page} in the mm of {vm} and flushes after that"
        for other in w.all(Vm):
            if other.mm == vm.mm and flushes_on_reclaim(other):
                yield from writeback_caches(w, task, other, page)


def invalidate_range_start(w: World, task: Task, vm: Vm, page: Page) -> Sections:
    """The notifier of one VM."""
    if vm.notified and vm.memslot:
        if flushes_at(w, vm, ReclaimFlush.BEFORE_ZAP):
            yield from writeback_caches(w, task, vm, page)
        when(not vm.mmu_lock)
        zap(w, task, page, vm)
        yield "{task} takes mmu_lock of {vm}, zaps the SPTEs of {page} and requests a TLB flush"
        if flushes_at(w, vm, ReclaimFlush.BEFORE_WAIT):
            yield from writeback_caches(w, task, vm, page)
        if w.part("wait for the TLB flush"):
            when(not task.awaited)
        vm.mmu_lock = False
        yield "{task} has waited for the TLB flush of {vm} and drops mmu_lock"
        if flushes_at(w, vm, ReclaimFlush.AFTER_WAIT):
            yield from writeback_caches(w, task, vm, page)


@sequence("{task} unpins {page}", source=UNREGISTER, disturbance="unregister")
def unregister_region(w: World, task: Task, page: Page, vm: Vm) -> Sections:
    when(page.pinned and page.kind == PageKind.MEMORY and vm.active and vm.alive)
    when(vm.role == Role.OWNER or vm.role == Role.TARGET)
    when(not vm.kvm_lock and (page not in vm.has or w.the(Host).racing_vmm))
    vm.kvm_lock = True
    yield "{task} enters KVM_MEMORY_ENCRYPT_UNREG_REGION for {page}"
    if w.part("flush on unregister"):
        yield from writeback_caches(w, task, vm, page)
    page.pinned = False
    page.settled = True
    vm.kvm_lock = False
    if unused(w, page):
        page.owner = Owner.FREE


@sequence("{task} frees {page} of guest_memfd", source=GMEM, disturbance="punch-hole")
def gmem_invalidate(w: World, task: Task, page: Page) -> Sections:
    when(page.kind == PageKind.GMEM and page.present and page.owner == Owner.GUEST)
    page.present = False
    yield "{task} takes the invalidate_lock of {page}"
    for vm in w.all(Vm):
        if page in vm.has and vm.memslot:
            when(not vm.mmu_lock)
            zap(w, task, page, vm)
            yield "{task} invalidates {page} in guest_memfd and requests a TLB flush of {vm}"
            if w.part("wait for the TLB flush"):
                when(not task.awaited)
            vm.mmu_lock = False
            yield "{task} has waited for the TLB flush of guest_memfd in {vm}"
    if w.part("flush on gmem invalidate"):
        clflush_host_mapping(w, page)
        yield "{task} makes {page} shared in the RMP and executes CLFLUSH on it"
    for vm in w.all(Vm):
        vm.has.discard(page)
        vm.invalidating.discard(page)
    page.owner = Owner.FREE
