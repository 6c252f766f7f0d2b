"""What a request may do to its target, and that it comes to something."""

from __future__ import annotations

from vmlitmus.lang import Ghcb, KernelCommit, KernelFile, Lore, World, condition
from vmlitmus.world.snp import Fault, Features, Host, MpState, Page, Vcpu

CHECKS = KernelCommit(
    "d26638bfcdfc", "KVM: SVM: Don't change target vCPU state on AP Creation VMGEXIT error"
)
CONSUME = KernelCommit("4e96f010afb2", 'KVM: SVM: Invalidate "next" SNP VMSA GPA even on failure')
FEATURES = KernelCommit(
    "745ff82199b1", "KVM: SVM: Require AP's \"requested\" SEV_FEATURES to match KVM's view"
)
SWAP = KernelCommit("b2653cd3b75f", "KVM: SVM: Save host DR masks on CPUs with DebugSwap")
CREATE = Ghcb("4.1.9")
RFC = Lore(
    "[PATCH RFC v8 47/56] KVM: SVM: Support SEV-SNP AP Creation NAE event",
    "Michael Roth",
    "2023-02-20",
)
LOOP = KernelFile("arch/x86/kvm/x86.c", "vcpu_run()", "7.2.8")


@condition(
    "rejected-request-acts",
    "a vcpu took a request that KVM had rejected, or one that was not the last",
    source=CHECKS,
    backed_by=("request-rejected",),
)
def rejected_request_acts(w: World) -> bool:
    return any(vcpu.wronged for vcpu in w.all(Vcpu))


@condition("request-rejected", "the last request for a vcpu was rejected", source=CHECKS)
def request_rejected(w: World) -> bool:
    return any(vcpu.rejected for vcpu in w.all(Vcpu))


@condition(
    "stale-gpa-installed",
    "a vcpu has a VMSA from guest_memfd that is not the one asked for last",
    source=CONSUME,
    backed_by=("stale-gpa-pending",),
)
def stale_gpa_installed(w: World) -> bool:
    return any(
        v.idle and not v.waiting and v.vmsa is not v.asked and v.vmsa is not v.launch
        for v in w.all(Vcpu)
        if v.vmsa is not None
    )


@condition(
    "stale-gpa-pending",
    "a vcpu has a pending GPA and waits for none",
    source=CONSUME,
)
def stale_gpa_pending(w: World) -> bool:
    return any(v.idle and v.pending is not None and not v.waiting for v in w.all(Vcpu))


@condition(
    "foreign-features-run",
    "a vcpu runs with SEV_FEATURES that KVM does not manage",
    source=FEATURES,
    backed_by=("request-made",),
)
def foreign_features_run(w: World) -> bool:
    return any(
        vcpu.running and vcpu.vmsa is page and page.features != Features.MANAGED
        for vcpu in w.all(Vcpu)
        for page in w.all(Page)
    )


@condition("request-made", "a CREATE was accepted or rejected", source=FEATURES)
def request_made(w: World) -> bool:
    return any(vcpu.asked is not None or vcpu.rejected for vcpu in w.all(Vcpu))


@condition(
    "host-breakpoint-missed",
    "a breakpoint of the host did not match: DR0..DR3 or their masks were not the host's",
    source=SWAP,
    backed_by=("request-made",),
)
def host_breakpoint_missed(w: World) -> bool:
    return w.the(Host).missed


@condition(
    "vmsa-runs-elsewhere",
    "a vcpu runs the VMSA that the guest made for another one",
    source=CREATE,
    backed_by=("vmsa-sent-elsewhere",),
)
def vmsa_runs_elsewhere(w: World) -> bool:
    return any(
        vcpu.running and vcpu.vmsa is page and page.meant is not None and page.meant is not vcpu
        for vcpu in w.all(Vcpu)
        for page in w.all(Page)
    )


@condition("vmsa-sent-elsewhere", "a CREATE names another vcpu than the guest means", source=CREATE)
def vmsa_sent_elsewhere(w: World) -> bool:
    return any(page.meant is not None for page in w.all(Page))


@condition(
    "vmsa-taken-outside-kvm-run",
    "a vcpu has the VMSA that was asked for, and its task is not in KVM_RUN",
    source=KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_ioctl_get_mpstate()", "7.2.8"),
)
def vmsa_taken_outside(w: World) -> bool:
    return any(v.asked is not None and v.vmsa is v.asked and not v.in_run for v in w.all(Vcpu))


@condition(
    "create-due",
    "a CREATE was accepted, and its target has neither run nor failed yet",
    source=CREATE,
)
def create_due(w: World) -> bool:
    return any(vcpu.due and not vcpu.failed for vcpu in w.all(Vcpu))


@condition("every-ap-runs", "each AP has run, or failed, after a CREATE", source=CREATE)
def every_ap_runs(w: World) -> bool:
    return all(v.bsp or (v.asked is not None and not v.due) for v in w.all(Vcpu))


@condition(
    "create-settled",
    "for each CREATE that was accepted, the target has run or failed",
    source=CREATE,
)
def create_settled(w: World) -> bool:
    return not any(vcpu.due and not vcpu.failed for vcpu in w.all(Vcpu))


@condition(
    "host-task-spins",
    "a vcpu task loops in KVM_RUN: it has an event that only vcpu_enter_guest() takes, and is "
    "in a state that does not lead there",
    source=LOOP,
    backed_by=("request-taken-up",),
)
def host_task_spins(w: World) -> bool:
    return any(spins(vcpu) for vcpu in w.all(Vcpu))


@condition(
    "host-oopses",
    "a vcpu task reads through a NULL pointer in the kernel, and dies with snp_vmsa_mutex",
    source=RFC,
    backed_by=("vcpu-asked-for",),
)
def host_oopses(w: World) -> bool:
    return any(vcpu.fault == Fault.OOPS for vcpu in w.all(Vcpu))


@condition("request-taken-up", "a vcpu has KVM_REQ_UPDATE_PROTECTED_GUEST_STATE", source=LOOP)
def request_taken_up(w: World) -> bool:
    return any(vcpu.update for vcpu in w.all(Vcpu))


@condition("host-tasks-sleep", "no vcpu task loops in KVM_RUN", source=LOOP)
def host_tasks_sleep(w: World) -> bool:
    return not any(spins(vcpu) for vcpu in w.all(Vcpu))


def spins(vcpu: Vcpu) -> bool:
    """Say whether vcpu_block(), or KVM_RUN of an UNINITIALIZED vcpu, returns at once for ever."""
    stuck = vcpu.mp_state in (MpState.UNINITIALIZED, MpState.INIT_RECEIVED, MpState.STOPPED)
    event = vcpu.update or vcpu.nmi or vcpu.irq or vcpu.unhalted
    alive = vcpu.in_run and vcpu.fault == Fault.NONE and not vcpu.locked
    return alive and stuck and event and not vcpu.init and not vcpu.sipi


@condition("requester-waits", "a vcpu waits for the answer to its IPI", source=CREATE)
def requester_waits(w: World) -> bool:
    return any(vcpu.awaits is not None for vcpu in w.all(Vcpu))


@condition("nobody-waits", "no vcpu waits for the answer to its IPI", source=CREATE)
def nobody_waits(w: World) -> bool:
    return not any(vcpu.awaits is not None for vcpu in w.all(Vcpu))
