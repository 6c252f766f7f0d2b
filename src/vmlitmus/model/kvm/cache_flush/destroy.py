"""A VM goes away, its ASID is used again.

Order: mmu_notifier release (zap all, reclaimed() flush), then the wait for notifiers that are under
way; once no VM of the mm is left, memory that is not pinned can be freed; vcpus (VMSA flushed and
freed); sev_vm_destroy(): flush (before 6.17), mask freed, regions unpinned, DEACTIVATE. A mirror
holds a reference to its owner and has neither regions nor an ASID of its own: sev_vm_destroy() ends
for it before the flush. The source of a MOVE is no longer SEV and skips all of it.

Recycling the ASID, under kvm->lock and sev_bitmap_lock: WBINVD on all online cpus, then DF_FLUSH,
which firmware refuses if an ASID was deactivated in between: sev_deactivate_lock; then every ASID
in sev_reclaim_asid_bitmap is free. An ASID is deactivated first, and enters that bitmap later,
under sev_bitmap_lock.

Not modelled: DECOMMISSION, failing firmware commands; that 6.1.176 frees the vcpus after
sev_vm_destroy(), which has flushed all cpus by then.
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
from vmlitmus.model.kvm.cache_flush.reclaim import flushes_on_reclaim, forget, unused
from vmlitmus.world import Cpu, Host, OtherAsid, Owner, Page, PageKind, Role, Task, Vcpu, Vm

DESTROY = KernelFile("arch/x86/kvm/svm/sev.c", "sev_vm_destroy()", "7.2.8")
FLUSHES = KernelFile("arch/x86/kvm/svm/sev.c", "sev_vm_destroy()", "6.12.107")
DROPPED = KernelCommit("7e00013bd339", "KVM: SVM: Remove wbinvd in sev_vm_destroy()")
VMSA = KernelFile("arch/x86/kvm/svm/sev.c", "sev_flush_encrypted_page()", "7.2.8")
UNBIND = KernelFile("arch/x86/kvm/svm/sev.c", "sev_unbind_asid()", "7.2.8")
FREE_ASID = KernelFile("arch/x86/kvm/svm/sev.c", "sev_asid_free()", "7.2.8")
RECYCLE = KernelFile("arch/x86/kvm/svm/sev.c", "sev_flush_asids()", "7.2.8")
ALL_CPUS = KernelFile("arch/x86/lib/cache-smp.c", "wbinvd_on_all_cpus()", "7.2.8")


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


def held_by_mirror(w: World, vm: Vm) -> bool:
    """Say whether a mirror holds a reference: to the VM that has the encryption context."""
    return (
        vm.active
        and vm.role != Role.MIRROR
        and any(o.role == Role.MIRROR and o.active for o in w.all(Vm))
    )


def release_mm(w: World, vm: Vm) -> None:
    """mmu_notifier_unregister() returns; the mm's mappings end with the last of its VMs."""
    vm.notified = False
    if not any(o.mm == vm.mm and o.notified for o in w.all(Vm)):
        for page in w.all(Page):
            if page.kind == PageKind.MEMORY:
                forget(w, vm, page)
        free_memory(w)


def unpin_regions(w: World, vm: Vm) -> None:
    """Mirrors have no registered regions, and those of a MOVE's source have gone to the target."""
    if vm.active and vm.role != Role.MIRROR:
        for page in w.all(Page):
            page.pinned = False
        free_memory(w)


@sequence(
    "{task} deactivates the ASID of {vm}", source=(DESTROY, FLUSHES, DROPPED), disturbance="destroy"
)
def destroy(w: World, task: Task, vm: Vm) -> Sections:
    when(vm.alive and vm.role != Role.SUCCESSOR and not vm.locked and not vm.kvm_lock)
    when(not any(vcpu.vm is vm and vcpu.cpu is not None for vcpu in w.all(Vcpu)))
    when(not held_by_mirror(w, vm))
    vm.alive = False
    yield "{task} drops the last reference to {vm}"
    when(not vm.mmu_lock)
    vm.mapped.clear()
    yield "{task} unregisters the mmu_notifier of {vm}, which zaps everything"
    if flushes_on_reclaim(vm) and w.part("flush on reclaim"):
        yield from writeback_caches(w, task, vm, w.all(Page)[0])
    if w.part("wait for notifiers that are under way"):
        when(not any(o.walks is not None and o.walks.mm == vm.mm for o in w.all(Task)))
    release_mm(w, vm)
    yield "{task} has waited for all notifiers of {vm}; memory that is not pinned may be freed"
    for vcpu in w.all(Vcpu):
        if vcpu.vm is vm and vcpu.vmsa is not None:
            if w.part("flush on VMSA free"):
                flush_vmsa(w, vcpu.vmsa)
            vcpu.vmsa.owner = Owner.FREE
    yield "{task} frees the vcpus of {vm} and their VMSA pages"
    if vm.active and vm.role != Role.MIRROR and w.part("flush on destroy"):
        yield from writeback_caches(w, task, vm, w.all(Page)[0])
    if vm.active or w.part("free the mask of any VM"):
        vm.has_mask = False
    yield "{task} frees have_run_cpus of {vm}"
    unpin_regions(w, vm)
    yield "{task} unpins the regions of {vm}"
    vm.active = False


@sequence(
    "{task} starts {vm} with the recycled ASID", source=(RECYCLE, ALL_CPUS), disturbance="recycle"
)
def recycle_asid(w: World, task: Task, vm: Vm) -> Sections:
    host = w.the(Host)
    when(vm.role == Role.SUCCESSOR and not vm.active and not vm.kvm_lock)
    when(not any(other.active for other in w.all(Vm) if other is not vm))
    when(not host.bitmap_lock and not host.deactivate_lock)
    vm.kvm_lock = True
    host.bitmap_lock = w.part("sev_bitmap_lock")
    host.deactivate_lock = w.part("sev_deactivate_lock")
    if w.part("flush on ASID recycle"):
        for cpu in w.all(Cpu):
            if cpu.online:
                write_back_all(w, cpu, w.part("invalidate on ASID recycle"))
    host.wbinvd_seen = True
    host.other_flushed = True
    yield "{task} writes back all online cpus before DF_FLUSH"
    if w.the(Host).wbinvd_seen:
        w.the(Host).deactivate_lock = False
        yield "{task} executes DF_FLUSH"
        if w.the(Host).other_asid == OtherAsid.RECLAIMABLE:
            w.the(Host).other_asid = OtherAsid.FREE
        w.the(Host).bitmap_lock = False
        vm.kvm_lock = False
        vm.active = True
    else:
        w.the(Host).df_flush_refused = True
        w.the(Host).deactivate_lock = False
        w.the(Host).bitmap_lock = False
        vm.kvm_lock = False
        yield "{task} is refused DF_FLUSH by firmware (WBINVD_REQUIRED) and gets no ASID"


@step("the ASID of some other VM is deactivated", source=UNBIND, disturbance="other-deactivate")
def deactivate_other(w: World, host: Host) -> None:
    when(not host.deactivate_lock and host.wbinvd_seen)
    host.wbinvd_seen = False


@sequence(source=(UNBIND, FREE_ASID), disturbance="other-destroy")
def free_other(w: World, host: Host) -> Sections:
    when(host.other_asid == OtherAsid.USED and not host.deactivate_lock)
    host.wbinvd_seen = False
    host.other_flushed = False
    host.other_asid = OtherAsid.DEACTIVATED
    yield "the ASID of another VM, which is destroyed, is deactivated"
    when(not host.bitmap_lock)
    host.other_asid = OtherAsid.RECLAIMABLE
    if not w.part("set freed ASIDs aside"):
        host.other_asid = OtherAsid.FREE
    yield "the ASID of that VM is set in sev_reclaim_asid_bitmap"


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
