"""What a flush owes to its caller, and what becomes of the mask."""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, World, condition
from vmlitmus.world import Cpu, Host, OtherAsid, Owner, Page, Role, Task, Vcpu, Vm

WRITEBACK = KernelFile("arch/x86/kvm/svm/sev.c", "sev_writeback_caches()", "7.2.8")
FREE_ASID = KernelFile("arch/x86/kvm/svm/sev.c", "sev_asid_free()", "7.2.8")
SET_UP = KernelFile("arch/x86/kvm/svm/sev.c", "sev_vcpu_create()", "7.2.8")
DF_FLUSH = KernelFile("arch/x86/kvm/svm/sev.c", "sev_flush_asids()", "7.2.8")
WBINVD = KernelFile("arch/x86/kvm/x86.c", "kvm_emulate_wbinvd_noskip()", "7.2.8")
MASK = KernelCommit("6f38f8c57464", "KVM: SVM: Flush cache only on CPUs running SEV guest")


@condition(
    "flush-falls-short",
    "a flush returned while a line that was dirty when it was called is still dirty",
    source=WRITEBACK,
    backed_by=("flush-owes",),
)
def flush_falls_short(w: World) -> bool:
    return any(task.short for task in w.all(Task))


@condition("flush-owes", "a flush is called while a line of its page is dirty", source=WRITEBACK)
def flush_owes(w: World) -> bool:
    return any(task.owed for task in w.all(Task))


@condition(
    "guest-wbinvd-falls-short",
    "a WBINVD of a guest has left a line in a cache that its vcpu dirtied before",
    source=WBINVD,
    backed_by=("dirty-line-left",),
)
def guest_wbinvd_falls_short(w: World) -> bool:
    return any(vcpu.fell_short for vcpu in w.all(Vcpu))


@condition(
    "vcpu-waits-for-write-back",
    "a vcpu is loaded on a cpu that was sent a write-back IPI and has not handled it",
    source=WRITEBACK,
)
def vcpu_waits(w: World) -> bool:
    return any(vcpu.cpu in task.targets for vcpu in w.all(Vcpu) for task in w.all(Task))


@condition(
    "unallocated-mask-used",
    "a flush reads have_run_cpus of a VM that has none",
    source=MASK,
    backed_by=("dirty-line-left",),
)
def unallocated_mask_used(w: World) -> bool:
    return w.the(Host).oops


@condition(
    "mask-left-behind",
    "a VM is gone and its have_run_cpus is still allocated",
    source=MASK,
    backed_by=("vm-destroyed",),
)
def mask_left_behind(w: World) -> bool:
    return any(not vm.alive and vm.has_mask for vm in w.all(Vm)) and all(
        task.idle for task in w.all(Task)
    )


@condition(
    "unregistered-page-dirty",
    "UNREG_REGION has returned, and a line of the region is still dirty",
    source=WRITEBACK,
    backed_by=("region-unregistered",),
)
def unregistered_page_dirty(w: World) -> bool:
    return any(p.settled and p in cpu.dirty for cpu in w.all(Cpu) for p in w.all(Page))


@condition(
    "stale-read",
    "a guest reads a line that the previous VM of its ASID left in a cache",
    source=WRITEBACK,
    backed_by=("page-reassigned", "successor-ran-there"),
)
def stale_read(w: World) -> bool:
    return any(vcpu.saw_stale for vcpu in w.all(Vcpu))


@condition(
    "successor-ran-there",
    "the next VM of an ASID ran on a cpu where the previous one had run last",
    source=WRITEBACK,
)
def successor_ran_there(w: World) -> bool:
    return any(
        one.vm.role != Role.SUCCESSOR
        and other.vm.role == Role.SUCCESSOR
        and one.last_cpu is not None
        and one.last_cpu is other.last_cpu
        for one in w.all(Vcpu)
        for other in w.all(Vcpu)
    )


@condition(
    "df-flush-refused",
    "firmware refuses DF_FLUSH, because an ASID was deactivated after the caches were written back",
    source=DF_FLUSH,
    backed_by=("successor-started",),
)
def df_flush_refused(w: World) -> bool:
    return w.the(Host).df_flush_refused


@condition(
    "asid-free-unflushed",
    "an ASID may be given to a VM, and caches were not written back since it was deactivated",
    source=FREE_ASID,
    backed_by=("successor-started", "asid-deactivated"),
)
def asid_free_unflushed(w: World) -> bool:
    host = w.the(Host)
    return host.other_asid == OtherAsid.FREE and not host.other_flushed


@condition("asid-deactivated", "the ASID of another VM was deactivated", source=FREE_ASID)
def asid_deactivated(w: World) -> bool:
    return w.the(Host).other_asid != OtherAsid.USED


@condition(
    "vcpu-not-set-up",
    "an SEV VM has a vcpu that was created before it was an SEV VM",
    source=SET_UP,
    backed_by=("sev-beside-creation",),
)
def vcpu_not_set_up(w: World) -> bool:
    return any(vm.active and vm.created and vm.plain_vcpu for vm in w.all(Vm))


@condition(
    "sev-beside-creation",
    "a VM is an SEV VM, and a KVM_CREATE_VCPU is under way or has returned",
    source=SET_UP,
)
def sev_beside_creation(w: World) -> bool:
    active = any(vm.active for vm in w.all(Vm))
    return active and any(vm.creating or vm.created for vm in w.all(Vm))


@condition("mirror-active", "a mirror has the encryption context and a mask", source=MASK)
def mirror_active(w: World) -> bool:
    return any(vm.role == Role.MIRROR and vm.active and vm.has_mask for vm in w.all(Vm))


@condition("vcpu-created", "KVM_CREATE_VCPU has returned for a vcpu", source=SET_UP)
def vcpu_created(w: World) -> bool:
    return any(vm.created for vm in w.all(Vm))


@condition("successor-started", "the next VM of an ASID is active", source=DF_FLUSH)
def successor_started(w: World) -> bool:
    return any(vm.role == Role.SUCCESSOR and vm.active for vm in w.all(Vm))


@condition("page-reused", "a freed page was written by its next owner", source=WRITEBACK)
def page_reused(w: World) -> bool:
    return any(p.owner in (Owner.HOST, Owner.DEVICE) for p in w.all(Page))


@condition("page-reassigned", "a freed page was given to the next VM", source=WRITEBACK)
def page_reassigned(w: World) -> bool:
    return any(
        page in vm.has for vm in w.all(Vm) if vm.role == Role.SUCCESSOR for page in w.all(Page)
    )


@condition("dirty-line-left", "a cpu on which no vcpu is loaded holds dirty lines", source=MASK)
def left_dirty(w: World) -> bool:
    return any(cpu.dirty and not any(vcpu.cpu is cpu for vcpu in w.all(Vcpu)) for cpu in w.all(Cpu))


@condition("dirty-on-two-cpus", "a page has dirty lines on two cpus", source=MASK)
def dirty_on_two_cpus(w: World) -> bool:
    return any(sum(1 for c in w.all(Cpu) if page in c.dirty) > 1 for page in w.all(Page))


@condition(
    "dirty-outside-mask",
    "a cpu that no have_run_cpus names holds dirty lines of a guest",
    source=MASK,
    backed_by=("dirty-on-two-cpus",),
)
def dirty_outside_mask(w: World) -> bool:
    return any(cpu.dirty and not any(cpu in vm.have_run for vm in w.all(Vm)) for cpu in w.all(Cpu))


@condition("vm-destroyed", "a VM is gone", source=MASK)
def vm_destroyed(w: World) -> bool:
    return any(not vm.alive and not vm.active for vm in w.all(Vm))


@condition("context-moved", "an encryption context was moved", source=MASK)
def context_moved(w: World) -> bool:
    return any(vm.role == Role.TARGET and vm.active for vm in w.all(Vm))


@condition("region-unregistered", "UNREG_REGION has returned for a page", source=WRITEBACK)
def region_unregistered(w: World) -> bool:
    return any(page.settled for page in w.all(Page))
