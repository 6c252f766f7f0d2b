"""What log, SPTEs, TLBs and PML buffers may say of a page while vcpus run."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.dirty_log.guest import Log, Page, Vcpu, Vm

API = KernelFile("Documentation/virt/kvm/api.rst", "KVM_GET_DIRTY_LOG", "7.2.8")
FLUSH = KernelFile("virt/kvm/kvm_main.c", "kvm_flush_remote_tlbs_memslot()", "7.2.8")
FIX = KernelFile("arch/x86/kvm/mmu/mmu.c", "fast_pf_fix_direct_spte()", "7.2.8")
DRAIN = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_flush_pml_buffer()", "7.2.8")
COMMIT = KernelFile("virt/kvm/kvm_main.c", "kvm_commit_memory_region()", "7.2.8")


@condition(
    "late-report",
    "a log lacks a page that had been written before the log was asked for",
    source=API,
    backed_by=("page-written",),
)
def late_report(w: World) -> bool:
    return w.the(Vm).late


@condition(
    "stale-translation",
    "no lock is held in the MMU, and a vcpu can write a page whose SPTE says that it is tracked",
    source=FLUSH,
)
def stale_translation(w: World) -> bool:
    vm = w.the(Vm)
    return not vm.mmu_lock and any(
        v.running and page in v.tlb and not (page.dirty if vm.pml else page.writable)
        for v in w.all(Vcpu)
        for page in w.all(Page)
    )


@condition(
    "unmarked-writable",
    "no lock is held in the MMU, a page can be written without a fault, and the log lacks it",
    source=FIX,
)
def unmarked_writable(w: World) -> bool:
    vm = w.the(Vm)
    return (
        not vm.mmu_lock
        and not vm.pml
        and vm.log != Log.RING
        and any(page.present and page.writable and not page.bit for page in w.all(Page))
    )


@condition("page-in-a-pml-buffer", "a PML buffer has a page", source=DRAIN)
def page_in_pml_buffer(w: World) -> bool:
    return any(v.pml for v in w.all(Vcpu))


@condition("pml-buffers-empty", "no PML buffer has a page", source=DRAIN)
def pml_buffers_empty(w: World) -> bool:
    return not any(v.pml for v in w.all(Vcpu))


@condition(
    "freed-bitmap-written",
    "a page is marked in a bitmap that has been freed",
    source=COMMIT,
    backed_by=("bitmap-freed",),
)
def freed_bitmap_written(w: World) -> bool:
    return w.the(Vm).freed_bitmap_written


@condition("bitmap-freed", "the dirty bitmap has been freed", source=COMMIT)
def bitmap_freed(w: World) -> bool:
    return w.the(Vm).bitmap_freed
