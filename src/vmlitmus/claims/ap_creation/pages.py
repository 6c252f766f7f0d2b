"""Pages: freed ones, VMSAs taken back, the hugepage erratum, and kdump."""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, World, condition
from vmlitmus.world.memory import Owner
from vmlitmus.world.snp import Asid, Host, Page, Vcpu, Vm

INVALIDATE = KernelCommit(
    "d1a3c2162334", "KVM: SEV: Forcefully invalidate SNP VMSA if its backing gmem page is zapped"
)
ERRATUM = KernelFile("arch/x86/kvm/svm/sev.c", "snp_safe_alloc_page_node()", "7.2.8")
OVERLAP = KernelFile("arch/x86/virt/svm/sev.c", "rmpupdate()", "7.2.8")
KDUMP = KernelCommit(
    "d2062cc1b1c3", "x86/sev: Do not touch VMSA pages during SNP guest memory kdump"
)
RACE = KernelCommit("309d28576f0a", "KVM: SVM: Fix SNP AP destroy race with VMRUN")


@condition(
    "freed-page-held",
    "a page that guest_memfd freed is in use as a VMSA, or still assigned to the guest",
    source=INVALIDATE,
    backed_by=("page-freed",),
)
def freed_page_held(w: World) -> bool:
    return any(
        p.owner != Owner.GUEST and p.asid == Asid.THIS and (p.in_use or p.assigned)
        for p in w.all(Page)
    )


@condition(
    "next-owner-faults",
    "the host took an RMP fault on a page that was freed to it",
    source=INVALIDATE,
    backed_by=("page-reused",),
)
def next_owner_faults(w: World) -> bool:
    return w.the(Host).rmp_fault


@condition("other-vm-has-page", "a freed page is a VMSA of another VM", source=INVALIDATE)
def other_vm_has_page(w: World) -> bool:
    return any(page.asid == Asid.OTHER for page in w.all(Page))


@condition("page-reused", "a freed page was written by its next owner", source=INVALIDATE)
def page_reused(w: World) -> bool:
    return any(page.owner == Owner.HOST for page in w.all(Page))


@condition(
    "rmpadjust-meets-in-use",
    "the guest's RMPADJUST found a VMSA in use after AP_CREATION had returned",
    source=RACE,
    backed_by=("vmsa-given-up",),
)
def rmpadjust_meets_in_use(w: World) -> bool:
    return any(page.met_in_use for page in w.all(Page))


@condition(
    "vmsa-given-up",
    "AP_CREATION has returned and a VMSA is no longer needed, or the guest has cleared "
    "EFER.SVME in one",
    source=RACE,
)
def vmsa_given_up(w: World) -> bool:
    return any(v.retired for v in w.all(Vcpu)) or any(not page.svme for page in w.all(Page))


@condition(
    "vmsa-page-leaked",
    "the guest gave up on a VMSA page after FAIL_INUSE",
    source=RACE,
    backed_by=("vmsa-retired",),
)
def vmsa_page_leaked(w: World) -> bool:
    return any(page.leaked for page in w.all(Page))


@condition(
    "false-rmp-fault",
    "the host took an RMP fault on a hugepage although it accessed no VMSA in it",
    source=ERRATUM,
    backed_by=("request-made",),
)
def false_rmp_fault(w: World) -> bool:
    return w.the(Host).false_fault


@condition(
    "guest-accesses-page", "guest code is at a page: its read or RMPADJUST has begun", source=KDUMP
)
def guest_accesses_page(w: World) -> bool:
    return any(accesses(vcpu) for vcpu in w.all(Vcpu))


@condition("guest-access-over", "no read or RMPADJUST of guest code has begun", source=KDUMP)
def guest_access_over(w: World) -> bool:
    return not any(accesses(vcpu) for vcpu in w.all(Vcpu))


def accesses(vcpu: Vcpu) -> bool:
    return vcpu.reading is not None or vcpu.adjusting is not None


@condition("page-punched", "the VMM's punch hole is under way", source=OVERLAP)
def page_punched(w: World) -> bool:
    return w.the(Vm).invalidating is not None


@condition("punch-over", "no punch hole is under way", source=OVERLAP)
def punch_over(w: World) -> bool:
    return w.the(Vm).invalidating is None


@condition(
    "next-owner-overwritten",
    "a stale line of a launch VMSA was written back over data of the page's next owner",
    source=KernelFile("arch/x86/kvm/svm/sev.c", "sev_flush_encrypted_page()", "7.2.8"),
    backed_by=("launch-page-reused",),
)
def next_owner_overwritten(w: World) -> bool:
    return w.the(Host).overwritten


@condition(
    "launch-page-reused",
    "a launch VMSA that was given back has a new owner",
    source=KernelFile("arch/x86/kvm/svm/sev.c", "sev_flush_encrypted_page()", "7.2.8"),
)
def launch_page_reused(w: World) -> bool:
    owners = (Owner.HOST, Owner.DEVICE)
    return any(page.launch and page.owner in owners for page in w.all(Page))


@condition(
    "launch-page-freed",
    "a launch VMSA was given back",
    source=KernelFile("arch/x86/kvm/svm/sev.c", "sev_flush_encrypted_page()", "7.2.8"),
)
def launch_page_freed(w: World) -> bool:
    return any(page.launch and page.owner != Owner.GUEST for page in w.all(Page))


@condition(
    "freed-launch-page-is-vmsa",
    "a vcpu's VMSA is a launch page that was given back",
    source=INVALIDATE,
    backed_by=("launch-page-freed",),
)
def freed_launch_page_is_vmsa(w: World) -> bool:
    return any(
        v.vmsa is p and p.launch and p.owner != Owner.GUEST
        for v in w.all(Vcpu)
        for p in w.all(Page)
    )
