"""VMRUN: with which VMSA, of which vcpu, and what may not happen there."""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelCommit, KernelFile, World, condition
from vmlitmus.world.memory import Owner
from vmlitmus.world.snp import Asid, Fault, MpState, Page, Vcpu

RACE = KernelCommit("309d28576f0a", "KVM: SVM: Fix SNP AP destroy race with VMRUN")
REFUSE = KernelCommit(
    "72d12715edcd", "KVM: SVM: Refuse to attempt VRMUN if an SEV-ES+ guest has an invalid VMSA"
)
VMRUN = Apm("15.36.12")
ASK = KernelFile("arch/x86/kvm/svm/sev.c", "sev_snp_ap_creation()", "7.2.8")
RUN = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_ioctl_run()", "7.2.8")


@condition(
    "old-vmsa-entered",
    "VMRUN was executed with a VMSA that AP_CREATION had replaced or destroyed when it returned",
    source=RACE,
    backed_by=("vmsa-retired",),
)
def old_vmsa_entered(w: World) -> bool:
    return any(vcpu.reentered for vcpu in w.all(Vcpu))


@condition("vmsa-retired", "AP_CREATION has returned and a VMSA is no longer needed", source=RACE)
def vmsa_retired(w: World) -> bool:
    return any(vcpu.retired for vcpu in w.all(Vcpu))


@condition(
    "vmrun-without-vmsa",
    "VMRUN was executed with an invalid VMSA pointer",
    source=REFUSE,
    backed_by=("vcpu-without-vmsa",),
)
def vmrun_without_vmsa(w: World) -> bool:
    return any(vcpu.fault == Fault.POINTER for vcpu in w.all(Vcpu))


@condition("vcpu-without-vmsa", "a vcpu has no VMSA", source=REFUSE)
def vcpu_without_vmsa(w: World) -> bool:
    return any(vcpu.vmsa is None for vcpu in w.all(Vcpu))


@condition(
    "vmrun-on-non-vmsa",
    "VMRUN was executed with a page that has no VMSA bit",
    source=VMRUN,
    backed_by=("vmsa-bit-gone",),
)
def vmrun_on_non_vmsa(w: World) -> bool:
    return any(vcpu.fault == Fault.NOT_VMSA for vcpu in w.all(Vcpu))


@condition("vmsa-bit-gone", "a page is no VMSA, or not one of the guest's", source=VMRUN)
def vmsa_bit_gone(w: World) -> bool:
    return any(not page.vmsa or not page.assigned for page in w.all(Page))


@condition(
    "vmrun-on-freed-page",
    "VMRUN succeeded with a page that guest_memfd had freed",
    source=VMRUN,
    backed_by=("page-freed",),
)
def vmrun_on_freed_page(w: World) -> bool:
    return any(vcpu.ran_freed for vcpu in w.all(Vcpu))


@condition("page-freed", "guest_memfd has freed a page", source=VMRUN)
def page_freed(w: World) -> bool:
    return any(page.owner != Owner.GUEST and not page.launch for page in w.all(Page))


@condition(
    "foreign-vmsa-entered",
    "VMRUN succeeded with a VMSA of another VM",
    source=VMRUN,
    backed_by=("other-vm-has-page",),
)
def foreign_vmsa_entered(w: World) -> bool:
    return any(
        v.running and v.vmsa is p and p.asid == Asid.OTHER for v in w.all(Vcpu) for p in w.all(Page)
    )


@condition(
    "two-vcpus-run-one-vmsa",
    "two vcpus are in the guest with one VMSA",
    source=VMRUN,
    backed_by=("vmsa-shared",),
)
def two_vcpus_run_one_vmsa(w: World) -> bool:
    return any(sum(1 for v in w.all(Vcpu) if v.running and v.vmsa is p) > 1 for p in w.all(Page))


@condition("vmrun-busy", "VMRUN met a VMSA in use", source=VMRUN, backed_by=("vmsa-shared",))
def vmrun_busy(w: World) -> bool:
    return any(vcpu.fault == Fault.BUSY for vcpu in w.all(Vcpu))


@condition("vmsa-shared", "two vcpus have the same page as VMSA", source=VMRUN)
def vmsa_shared(w: World) -> bool:
    return any(sum(1 for vcpu in w.all(Vcpu) if vcpu.vmsa is p) > 1 for p in w.all(Page))


@condition(
    "destroyed-vcpu-runs",
    "a vcpu entered the guest after its DESTROY had returned, and was not created again",
    source=RACE,
    backed_by=("vcpu-destroyed",),
)
def destroyed_vcpu_runs(w: World) -> bool:
    return any(vcpu.revived for vcpu in w.all(Vcpu))


@condition(
    "destroyed-vcpu-asks",
    "KVM went on with a request of a vcpu after its DESTROY had returned",
    source=ASK,
    backed_by=("vcpu-destroyed",),
)
def destroyed_vcpu_asks(w: World) -> bool:
    return any(vcpu.posthumous for vcpu in w.all(Vcpu))


@condition("vcpu-parked", "a destroyed vcpu is HALTED and executes nothing", source=RACE)
def vcpu_parked(w: World) -> bool:
    return any(
        v.destroyed and v.idle and not v.waiting and not v.update and v.mp_state == MpState.HALTED
        for v in w.all(Vcpu)
    )


@condition("vcpu-destroyed", "a DESTROY has returned", source=RACE)
def vcpu_destroyed(w: World) -> bool:
    return any(vcpu.destroyed for vcpu in w.all(Vcpu))


@condition(
    "taken-before-init",
    "a vcpu took a CREATE_ON_INIT although no INIT came",
    source=RACE,
    backed_by=("created-on-init",),
)
def taken_before_init(w: World) -> bool:
    return any(vcpu.early for vcpu in w.all(Vcpu))


@condition("created-on-init", "a CREATE_ON_INIT waits for its INIT", source=RACE)
def created_on_init(w: World) -> bool:
    return any(vcpu.on_init for vcpu in w.all(Vcpu))


@condition(
    "launch-vmsa-runs-after-request",
    "a vcpu runs its launch VMSA after AP_CREATION was accepted for it",
    source=RACE,
    backed_by=("vcpu-asked-for",),
)
def launch_vmsa_runs(w: World) -> bool:
    return any(v.running and v.vmsa is v.launch and v.asked is not None for v in w.all(Vcpu))


@condition("vcpu-asked-for", "AP_CREATION was accepted for a vcpu", source=RACE)
def vcpu_asked_for(w: World) -> bool:
    return any(vcpu.asked is not None for vcpu in w.all(Vcpu))


@condition(
    "kvm-run-fails", "KVM_RUN of a vcpu failed", source=RUN, backed_by=("vcpu-without-vmsa",)
)
def kvm_run_fails(w: World) -> bool:
    return any(vcpu.failed for vcpu in w.all(Vcpu))


@condition("created-vcpu-runs", "a vcpu runs with the VMSA that was asked for", source=RACE)
def created_vcpu_runs(w: World) -> bool:
    return any(v.running and v.asked is not None and v.vmsa is v.asked for v in w.all(Vcpu))


@condition(
    "stale-pointer-used",
    "a vcpu runs with another VMSA than vmsa_pa names",
    source=KernelCommit(
        "e268beee4a25", "KVM: SVM: Mark VMCB dirty before processing incoming snp_vmsa_gpa"
    ),
    backed_by=("vmsa-retired",),
)
def stale_pointer_used(w: World) -> bool:
    return any(vcpu.running and vcpu.clean and vcpu.cached is not vcpu.vmsa for vcpu in w.all(Vcpu))
