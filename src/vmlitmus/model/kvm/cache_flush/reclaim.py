"""Guest memory goes away while the VM lives: mmu_notifier, unregister_region, guest_memfd.

Atomic sections of the notifier path: the zap under mmu_lock with the request for a TLB flush; the
wait for it; then kvm_arch_guest_memory_reclaimed(), which flushes for SEV and SEV-ES but not for
SNP, whose private memory is not mapped by userspace; then the page is freed.
Source: kvm_mmu_notifier_invalidate_range_start() in virt/kvm/kvm_main.c, sev.c of 7.2.13.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, KernelCommit, KernelFile, Sections, World, sequence, when
from vmlitmus.model.hardware.cache import clflush_host_mapping
from vmlitmus.model.kvm.cache_flush.policy import writeback_caches
from vmlitmus.model.kvm.vcpu import request_tlb_flush
from vmlitmus.world import Host, Owner, Page, PageKind, Task, Vm, VmKind

RECLAIM = KernelCommit(
    "683412ccf612", "KVM: SEV: add cache flush to solve SEV cache incoherency issues"
)
UNREGISTER = KernelFile("arch/x86/kvm/svm/sev.c", "sev_mem_enc_unregister_region()", "7.2.13")
GMEM = KernelFile("arch/x86/kvm/svm/sev.c", "sev_gmem_invalidate()", "7.2.13")
LAST_UNMAP_FREES = Assumption(
    "last-unmap-frees",
    "a page is freed only when no mm maps it any more, and each mm that lets go of it runs the "
    "notifiers of its VMs first",
)


def zap(w: World, task: Task, page: Page) -> None:
    """Remove the SPTEs of a page in the VMs whose mm let go of it; ask for a TLB flush."""
    for vm in w.all(Vm):
        if page not in vm.has:
            vm.mapped.discard(page)
    request_tlb_flush(w, task)


def unused(w: World, page: Page) -> bool:
    """Say whether nothing keeps a page from being freed."""
    gone = not any(page in vm.has for vm in w.all(Vm))
    return not page.pinned and (gone or not w.assume(LAST_UNMAP_FREES))


def flushes_on_reclaim(vm: Vm) -> bool:
    """sev_guest_memory_reclaimed() returns early for a VM that is not SEV, and for SNP."""
    return vm.active and vm.kind != VmKind.SNP


@sequence("{task} lets go of {page}", source=(RECLAIM, LAST_UNMAP_FREES), disturbance="reclaim")
def reclaim(w: World, task: Task, page: Page, vm: Vm) -> Sections:
    when(page.kind == PageKind.MEMORY and page.owner == Owner.GUEST and page in vm.has)
    when(not any(o.mm == vm.mm and o.index < vm.index for o in w.all(Vm)) and vm.alive)
    for other in w.all(Vm):
        if other.mm == vm.mm:
            other.has.discard(page)
    zap(w, task, page)
    yield "{task} zaps the SPTEs of {page} in {vm} and requests a TLB flush"
    if w.part("wait for the TLB flush"):
        when(not task.awaited)
        yield "{task} has waited for the TLB flush"
    for other in w.all(Vm):
        if other.mm == vm.mm and flushes_on_reclaim(other) and w.part("flush on reclaim"):
            yield from writeback_caches(w, task, other, page)
    if unused(w, page):
        page.owner = Owner.FREE


@sequence("{task} unpins {page}", source=UNREGISTER, disturbance="unregister")
def unregister_region(w: World, task: Task, page: Page, vm: Vm) -> Sections:
    when(page.pinned and page.kind == PageKind.MEMORY and vm.active and vm.index == 0)
    when(vm.alive and (page not in vm.has or w.the(Host).racing_vmm))
    yield "{task} enters KVM_MEMORY_ENCRYPT_UNREG_REGION for {page}"
    if w.part("flush on unregister"):
        yield from writeback_caches(w, task, vm, page)
    page.pinned = False
    page.settled = True
    if unused(w, page):
        page.owner = Owner.FREE


@sequence("{task} frees {page} of guest_memfd", source=GMEM, disturbance="punch-hole")
def gmem_invalidate(w: World, task: Task, page: Page) -> Sections:
    when(page.kind == PageKind.GMEM and page.present and page.owner == Owner.GUEST)
    page.present = False
    for vm in w.all(Vm):
        vm.has.discard(page)
    zap(w, task, page)
    yield "{task} invalidates {page} in guest_memfd and requests a TLB flush"
    if w.part("wait for the TLB flush"):
        when(not task.awaited)
        yield "{task} has waited for the TLB flush of guest_memfd"
    if w.part("flush on gmem invalidate"):
        clflush_host_mapping(w, page)
        yield "{task} makes {page} shared in the RMP and executes CLFLUSH on it"
    page.owner = Owner.FREE
