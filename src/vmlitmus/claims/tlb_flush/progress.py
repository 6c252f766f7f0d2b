"""Whether flush, fault and deletion come to an end, and who finds a vcpu that comes online."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.snp import Mode
from vmlitmus.world.tlb import Host, Page, Slot, Task, Vcpu, Vm

MAKE = KernelFile("virt/kvm/kvm_main.c", "kvm_make_vcpu_request()", "7.2.8")
SWAP = KernelFile("virt/kvm/kvm_main.c", "kvm_swap_active_memslots()", "7.2.8")
CREATE = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "7.2.8")
TRIES_AGAIN = "{vcpu}'s thread finds its fault on {page} stale and tries again"
PRE_FAULT = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_tdp_page_prefault()", "7.2.8")


@condition("flush-waits", "a task or vcpu waits for a vcpu to answer its flush", source=MAKE)
def flush_waits(w: World) -> bool:
    return any(len(task.awaits) > 0 for task in w.all(Task))


@condition("flush-answered", "no task or vcpu waits for a vcpu to answer its flush", source=MAKE)
def flush_answered(w: World) -> bool:
    return not any(len(task.awaits) > 0 for task in w.all(Task))


@condition(
    "request-ignored",
    "a vcpu runs with a flush request that was made before it entered, and no kick is on its way",
    source=MAKE,
    backed_by=("flush-waits",),
)
def request_ignored(w: World) -> bool:
    return any(v.running and v.flush and v.mode == Mode.IN_GUEST for v in w.all(Vcpu))


@condition("fault-pending", "the vcpu handles a page fault", source=MAKE)
def fault_pending(w: World) -> bool:
    return any(v.faulting is not None for v in w.all(Vcpu))


@condition("no-fault-pending", "no vcpu handles a page fault", source=MAKE)
def no_fault_pending(w: World) -> bool:
    return not any(v.faulting is not None for v in w.all(Vcpu))


@condition("memslot-being-deleted", "a task is in kvm_set_memslot()", source=SWAP)
def being_deleted(w: World) -> bool:
    return any(task.deleting is not None for task in w.all(Task))


@condition("memslot-deleted", "no task is in kvm_set_memslot()", source=SWAP)
def deleted(w: World) -> bool:
    return all(task.deleting is None for task in w.all(Task))


@condition("slot-invalid", "a memslot is KVM_MEMSLOT_INVALID", source=SWAP)
def slot_invalid(w: World) -> bool:
    return any(page.slot == Slot.INVALID for page in w.all(Page))


@condition("prefault-retries", "a prefault has found its fault stale", source=PRE_FAULT)
def prefault_retries(w: World) -> bool:
    return any(v.stands_at(TRIES_AGAIN) for v in w.all(Vcpu))


@condition("prefault-done", "no prefault is being tried again", source=PRE_FAULT)
def prefault_done(w: World) -> bool:
    return not any(v.stands_at(TRIES_AGAIN) for v in w.all(Vcpu))


@condition("vcpu-freed", "KVM_CREATE_VCPU has failed and freed its vcpu", source=CREATE)
def vcpu_freed(w: World) -> bool:
    return any(v.freed for v in w.all(Vcpu))


@condition(
    "freed-vcpu-used",
    "a task uses a vcpu that KVM_CREATE_VCPU has freed",
    source=CREATE,
    backed_by=("vcpu-freed",),
)
def freed_vcpu_used(w: World) -> bool:
    return w.the(Host).freed_vcpu_used


@condition("vcpu-created", "a vcpu has been created", source=CREATE)
def vcpu_created(w: World) -> bool:
    return any(v.counted and v.index > 0 for v in w.all(Vcpu))


@condition(
    "uncounted-vcpu-runs",
    "a vcpu runs that kvm_for_each_vcpu() does not reach",
    source=CREATE,
    backed_by=("vcpu-created",),
)
def uncounted_vcpu_runs(w: World) -> bool:
    return any(v.running and not v.counted for v in w.all(Vcpu))


@condition("early-run", "a vcpu is in KVM_RUN before its creation has returned", source=CREATE)
def early_run(w: World) -> bool:
    return any(v.in_run for v in w.all(Vcpu))


@condition("kvm-lock-free", "no KVM_CREATE_VCPU holds kvm->lock", source=CREATE)
def kvm_lock_free(w: World) -> bool:
    return all(vm.creating is None for vm in w.all(Vm))


@condition(
    "kvm-lock-waits-for-kvm-run",
    "KVM_CREATE_VCPU holds kvm->lock and waits for the mutex of a vcpu that is in KVM_RUN",
    source=CREATE,
    backed_by=("early-run",),
)
def kvm_lock_waits(w: World) -> bool:
    return any(v.in_run and v.creating and v.vm.creating == v for v in w.all(Vcpu))
