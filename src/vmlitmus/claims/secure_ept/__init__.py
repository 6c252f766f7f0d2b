"""What must hold, or must be possible, of the private pages of a TD."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, TdxModule, World, condition
from vmlitmus.world.secure_ept.td import Cpu, Entry, Exit, Key, Mirror, Page, Task, Td, Vcpu

TDX = "arch/x86/kvm/vmx/tdx.c"
BUG = KernelFile(TDX, "tdx_sept_remove_leaf_spte()", "7.2.8")
NO_VCPUS = KernelFile(TDX, "tdh_do_no_vcpus()", "7.2.8")
RUN = KernelFile(TDX, "tdx_vcpu_run()", "7.2.8")
VIOLATION = KernelFile(TDX, "tdx_handle_ept_violation()", "7.2.8")
GMEM = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_punch_hole()", "7.2.8")
IRQOFF = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_handle_exit_irqoff()", "7.2.8")
LOAD = KernelFile(TDX, "tdx_vcpu_load()", "7.2.8")
INIT = KernelFile(TDX, "tdx_vcpu_init()", "7.2.8")
LISTS = KernelFile(TDX, "tdx_disassociate_vp()", "7.2.8")
DISABLE = KernelFile(TDX, "tdx_disable_virtualization_cpu()", "7.2.8")
FREE = KernelFile(TDX, "tdx_vcpu_free()", "7.2.8")
HKID = KernelFile(TDX, "tdx_mmu_release_hkid()", "7.2.8")
TRACKED = TdxModule("is_tlb_tracked()", "1.5.01")


@condition(
    "freed-page-reachable",
    "a vcpu runs on a cpu whose TLB holds a page that was freed",
    source=(GMEM, TRACKED),
    backed_by=("page-freed", "page-in-a-tlb"),
)
def freed_page_reachable(w: World) -> bool:
    return any(v.running and p in v.cpu.freed for v in w.all(Vcpu) for p in w.all(Page))


@condition(
    "removed-page-reachable",
    "a vcpu runs on a cpu whose TLB holds a page that the TDX module has removed",
    source=TRACKED,
    backed_by=("page-removed", "page-in-a-tlb"),
)
def removed_page_reachable(w: World) -> bool:
    return any(v.running and p in v.cpu.removed for v in w.all(Vcpu) for p in w.all(Page))


@condition(
    "freed-page-of-the-td",
    "a page was freed that the TDX module still has as the TD's",
    source=(GMEM, TRACKED),
    backed_by=("page-freed",),
)
def freed_page_of_the_td(w: World) -> bool:
    return any(page.freed and page.entry != Entry.FREE for page in w.all(Page))


@condition(
    "seamcall-fails",
    "a SEAMCALL fails that KVM counts on, and the VM ends",
    source=(BUG, NO_VCPUS),
    backed_by=("page-freed",),
)
def seamcall_fails(w: World) -> bool:
    return w.the(Td).bugged


@condition(
    "interrupt-handled-twice",
    "KVM is about to handle an interrupt that it has handled before",
    source=IRQOFF,
    backed_by=("vcpu-held-back", "interrupt-to-handle"),
)
def interrupt_handled_twice(w: World) -> bool:
    return any(
        v.stands_at("{vcpu} sets OUTSIDE_GUEST_MODE")
        and v.exit == Exit.INTERRUPT
        and not v.undelivered
        for v in w.all(Vcpu)
    )


@condition(
    "tables-disagree",
    "no lock is held, and mirror and Secure EPT do not have the same page",
    source=VIOLATION,
    backed_by=("page-freed",),
)
def tables_disagree(w: World) -> bool:
    locked = w.the(Td).mmu_lock or any(v.mmu_lock for v in w.all(Vcpu))
    return not locked and any(
        (page.mirror == Mirror.PRESENT) != (page.entry != Entry.FREE) for page in w.all(Page)
    )


@condition("page-freed", "guest_memfd has freed a page", source=GMEM)
def page_freed(w: World) -> bool:
    return any(page.freed for page in w.all(Page))


@condition("page-removed", "the TDX module has removed a page", source=TRACKED)
def page_removed(w: World) -> bool:
    return any(page.entry == Entry.FREE for page in w.all(Page))


@condition("page-in-a-tlb", "a TLB holds a page", source=TRACKED)
def page_in_a_tlb(w: World) -> bool:
    return any(page in v.cpu.tlb for v in w.all(Vcpu) for page in w.all(Page))


@condition("vcpu-held-back", "a vcpu stays outside because of wait_for_sept_zap", source=RUN)
def vcpu_held_back(w: World) -> bool:
    return any(
        v.stands_at("{vcpu} finds wait_for_sept_zap set and stays outside") for v in w.all(Vcpu)
    )


@condition("vcpu-runs", "a vcpu is in the TD", source=RUN)
def vcpu_runs(w: World) -> bool:
    return any(v.running for v in w.all(Vcpu))


@condition("interrupt-to-handle", "an interrupt has ended a run and is not handled", source=IRQOFF)
def interrupt_to_handle(w: World) -> bool:
    return any(v.undelivered for v in w.all(Vcpu))


@condition("hole-begun", "a hole is being punched", source=GMEM)
def hole_begun(w: World) -> bool:
    return any(not task.idle for task in w.all(Task))


@condition("hole-done", "no hole is being punched", source=GMEM)
def hole_done(w: World) -> bool:
    return all(task.idle for task in w.all(Task))


@condition("violation-to-resolve", "a vcpu waits for a page", source=VIOLATION)
def violation_to_resolve(w: World) -> bool:
    return any(v.wants is not None for v in w.all(Vcpu))


@condition("violations-resolved", "no vcpu waits for a page", source=VIOLATION)
def violations_resolved(w: World) -> bool:
    return all(v.wants is None for v in w.all(Vcpu))


@condition(
    "enter-refused",
    "TDH.VP.ENTER is refused because the vcpu is associated with another cpu",
    source=LOAD,
    backed_by=("vcpu-has-moved",),
)
def enter_refused(w: World) -> bool:
    return any(
        v.stands_at("TDH.VP.ENTER of {vcpu} is refused: it is associated with another cpu")
        for v in w.all(Vcpu)
    )


@condition(
    "initialization-refused",
    "TDH.VP.WR is refused in KVM_TDX_INIT_VCPU, and the VM ends",
    source=INIT,
    backed_by=("vcpu-associated",),
)
def initialization_refused(w: World) -> bool:
    return any(
        v.stands_at("TDH.VP.WR of {vcpu} is refused: it is associated with another cpu")
        for v in w.all(Vcpu)
    )


@condition(
    "vcpu-in-two-lists",
    "a vcpu is added to the list of a cpu while that of another still has it",
    source=LISTS,
    backed_by=("vcpu-has-moved",),
)
def vcpu_in_two_lists(w: World) -> bool:
    return any(len(v.listed) > 1 for v in w.all(Vcpu))


@condition(
    "associated-and-not-listed",
    "the TDX module has a vcpu associated with a cpu whose list does not have it",
    source=LISTS,
    backed_by=("vcpu-associated",),
)
def associated_and_not_listed(w: World) -> bool:
    return any(v.lp is not None and v.lp not in v.listed for v in w.all(Vcpu))


@condition(
    "associated-with-an-offline-cpu",
    "the TDX module has a vcpu associated with a cpu that is offline",
    source=DISABLE,
    backed_by=("cpu-offline", "vcpu-associated"),
)
def associated_with_an_offline_cpu(w: World) -> bool:
    return any(v.lp is not None and not v.lp.online for v in w.all(Vcpu))


@condition(
    "freed-vcpu-listed",
    "the list of a cpu has a vcpu that was freed",
    source=FREE,
    backed_by=("vcpu-freed",),
)
def freed_vcpu_listed(w: World) -> bool:
    return any(v.freed and len(v.listed) > 0 for v in w.all(Vcpu))


@condition("hkid-leaked", "the HKID of the TD is leaked", source=HKID, backed_by=("hkid-freed",))
def hkid_leaked(w: World) -> bool:
    return w.the(Td).key == Key.LEAKED


@condition("hkid-freed", "the HKID of the TD is free again", source=HKID)
def hkid_freed(w: World) -> bool:
    return w.the(Td).key == Key.FREED


@condition("td-ends", "the VMM has ended", source=HKID)
def td_ends(w: World) -> bool:
    return w.the(Td).ending


@condition("vcpu-freed", "a vcpu was freed", source=FREE)
def vcpu_freed(w: World) -> bool:
    return any(v.freed for v in w.all(Vcpu))


@condition("vcpu-associated", "the TDX module has a vcpu associated with a cpu", source=LOAD)
def vcpu_associated(w: World) -> bool:
    return any(v.lp is not None for v in w.all(Vcpu))


@condition("vcpu-has-moved", "a vcpu has been scheduled in on another cpu", source=LOAD)
def vcpu_has_moved(w: World) -> bool:
    return any(not v.out and v.kvm_cpu is not None and v.kvm_cpu != v.cpu for v in w.all(Vcpu))


@condition("cpu-offline", "a cpu is offline", source=DISABLE)
def cpu_offline(w: World) -> bool:
    return any(not cpu.online for cpu in w.all(Cpu))


CONDITIONS = (
    enter_refused,
    initialization_refused,
    vcpu_in_two_lists,
    associated_and_not_listed,
    associated_with_an_offline_cpu,
    freed_vcpu_listed,
    hkid_leaked,
    hkid_freed,
    td_ends,
    vcpu_freed,
    vcpu_associated,
    vcpu_has_moved,
    cpu_offline,
    freed_page_reachable,
    removed_page_reachable,
    freed_page_of_the_td,
    seamcall_fails,
    interrupt_handled_twice,
    tables_disagree,
    page_freed,
    page_removed,
    page_in_a_tlb,
    vcpu_held_back,
    vcpu_runs,
    interrupt_to_handle,
    hole_begun,
    hole_done,
    violation_to_resolve,
    violations_resolved,
)

__all__ = ["CONDITIONS"]
