"""A VM goes away, its ASID is used again.

Order: mmu_notifier release (zap all, reclaimed() flush), after which memory that is not pinned can
be freed; vcpus (VMSA flushed and freed); sev_vm_destroy(): flush (before 6.17), mask freed, regions
unpinned, DEACTIVATE. Recycling the ASID: WBINVD on all online cpus, then DF_FLUSH.

Not modelled: DECOMMISSION, failing firmware commands.
Source: kvm_destroy_vm() in virt/kvm/kvm_main.c, sev_vm_destroy() and sev_flush_asids() in sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.cache import (
    clflush_host_mapping,
    flush_page_everywhere,
    write_back_all,
)
from vmlitmus.model.kvm.cache_flush.policy import writeback_caches
from vmlitmus.model.kvm.cache_flush.reclaim import flushes_on_reclaim, unused
from vmlitmus.world import Cpu, Host, Owner, Page, PageKind, Role, Task, Vcpu, Vm

DESTROY = KernelFile("arch/x86/kvm/svm/sev.c", "sev_vm_destroy()", "7.2.13")
DROPPED = KernelCommit("7e00013bd339", "KVM: SVM: Remove wbinvd in sev_vm_destroy()")
VMSA = KernelFile("arch/x86/kvm/svm/sev.c", "sev_flush_encrypted_page()", "7.2.13")
RECYCLE = KernelFile("arch/x86/kvm/svm/sev.c", "sev_flush_asids()", "7.2.13")


def flush_vmsa(w: World, page: Page) -> None:
    """sev_flush_encrypted_page(): CLFLUSH on a coherent cpu, else VM_PAGE_FLUSH."""
    if not w.the(Host).sme_coherent:
        flush_page_everywhere(w, page)
    elif w.part("flush the VMSA on coherent cpus too"):
        clflush_host_mapping(w, page)


def free_memory(w: World) -> None:
    """Free what nobody maps and nobody pins."""
    for page in w.all(Page):
        if page.kind == PageKind.MEMORY and page.owner == Owner.GUEST and unused(w, page):
            page.owner = Owner.FREE


@sequence("{task} deactivates the ASID of {vm}", source=(DESTROY, DROPPED), disturbance="destroy")
def destroy(w: World, task: Task, vm: Vm) -> Sections:
    when(vm.alive and vm.role == Role.OWNER and not vm.locked)
    when(not any(vcpu.vm is vm and vcpu.cpu is not None for vcpu in w.all(Vcpu)))
    vm.alive = False
    yield "{task} drops the last reference to {vm}"
    vm.mapped.clear()
    for page in w.all(Page):
        if page.kind == PageKind.MEMORY:
            vm.has.discard(page)
    yield "{task} unregisters the mmu_notifier of {vm}, which zaps everything"
    if flushes_on_reclaim(vm) and w.part("flush on reclaim"):
        yield from writeback_caches(w, task, vm, w.all(Page)[0])
    free_memory(w)
    yield "{task} frees the memory of {vm} that is not pinned"
    for vcpu in w.all(Vcpu):
        if vcpu.vm is vm and vcpu.vmsa is not None:
            if w.part("flush on VMSA free"):
                flush_vmsa(w, vcpu.vmsa)
            vcpu.vmsa.owner = Owner.FREE
    yield "{task} frees the vcpus of {vm} and their VMSA pages"
    if vm.active and w.part("flush on destroy"):
        yield from writeback_caches(w, task, vm, w.all(Page)[0])
    if vm.active or w.part("free the mask of any VM"):
        vm.has_mask = False
    yield "{task} frees have_run_cpus of {vm}"
    for page in w.all(Page):
        page.pinned = False
    free_memory(w)
    yield "{task} unpins the regions of {vm}"
    vm.active = False


@sequence("{task} starts {vm} with the recycled ASID", source=RECYCLE, disturbance="recycle")
def recycle_asid(w: World, task: Task, vm: Vm) -> Sections:
    when(vm.role == Role.SUCCESSOR and not vm.active)
    when(not any(other.alive or other.active for other in w.all(Vm) if other is not vm))
    if w.part("flush on ASID recycle"):
        for cpu in w.all(Cpu):
            if cpu.online:
                write_back_all(w, cpu, w.part("invalidate on ASID recycle"))
    yield "{task} writes back all online cpus and executes DF_FLUSH"
    vm.active = True


@step("{page} is given to {vm}", source=RECYCLE, disturbance="recycle")
def give_page(w: World, page: Page, vm: Vm) -> None:
    when(vm.role == Role.SUCCESSOR and vm.active and page.owner == Owner.FREE)
    when(page.kind != PageKind.VMSA)
    page.owner = Owner.GUEST
    vm.has.add(page)
    vm.mapped.add(page)
    for cpu in w.all(Cpu):
        if page in cpu.dirty or page in cpu.clean:
            cpu.old.add(page)
