"""The history of AP creation in KVM: each fix with its part, and the fixes of each version.

Refactorings without an effect of their own are left out (c6e129fb2ad2, 46332437e1c5, 5279d6f7e43d,
0060569e4f18, 42a39ad5d592). Where a release got a fix in a point release, that is said here:
98ade8c48c28 is in 6.12.117, 7.1.13 and 7.2.8, d1a3c2162334 in 7.2.8. 7.2.13 is as 7.2.8. In 7.3.4
the look of 624bf3440d72 stands in kvm_lock_all_vcpus(), where it only warns.
Source: the trees of the versions in READ; for the others the commits, or what UNREAD says.
"""

from __future__ import annotations

from vmlitmus.lang import Fix, KernelCommit, KernelFile, Lore

HALTED = "park a destroyed vcpu in HALTED"
LOOKUP = "look the VMSA up in guest_memfd, and nothing else"
TRACKED = "track the guest's VMSA by snp_has_guest_vmsa"
START_UNINITIALIZED = "start an UNINITIALIZED target"
START_INIT_RECEIVED = "start an INIT_RECEIVED target"
MASKS = "save the host DR masks"
NO_DRS = "save no host DR0..DR3"
REFUSE = "refuse VMRUN without a VMSA"
CHECK_FIRST = "check before the target is changed"
FEATURES = "compare all SEV_FEATURES"
DIRTY = "mark the VMCB dirty first"
CONSUME = "consume the pending GPA even on failure"
WAIT_FLAG = "flag the request with KVM_REQUEST_WAIT"
WAIT_KICK = "let the kick honour KVM_REQUEST_WAIT"
ALLOWED = "configure ALLOWED_SEV_FEATURES"
LOCK_VCPUS = "LAUNCH_FINISH locks all vcpus"
SYNC_ONCE = "refuse to sync an encrypted VMSA"
NO_CREATING = "refuse LAUNCH_FINISH while a vcpu is being created"
RUNNABLE = "RUNNABLE even if the VMSA is unusable"
INVALIDATE = "invalidate the VMSA with its gmem page"
MARK_GUEST = "mark a guest VMSA even if it is invalid"
CREATE_LOCKED = "hold kvm->lock until the new vcpu is online"

_MERGED = KernelCommit("e366f92ea99e", "KVM: SEV: Support SEV-SNP AP Creation NAE event")
_RFC = Lore(
    "[PATCH RFC v8 47/56] KVM: SVM: Support SEV-SNP AP Creation NAE event",
    "Michael Roth",
    "2023-02-20",
)
_HOTPLUG = Lore("[PATCH] KVM: SEV: Enable SNP AP CPU hotplug", "Jethro Beekman", "2026-01-19")
_RACE = KernelCommit("309d28576f0a", "KVM: SVM: Fix SNP AP destroy race with VMRUN")
_DRAFT = Lore(
    "Re: [PATCH] KVM: SVM: Fix SNP AP destroy race with VMRUN", "Sean Christopherson", "2025-03-17"
)


def _fix(part: str, release: str, commit: str, subject: str) -> Fix:
    return Fix(part, KernelCommit(commit, f"KVM: {subject}"), release)


FIXES = (
    Fix(START_UNINITIALIZED, _RFC, "RFC v8, not merged"),
    Fix(START_INIT_RECEIVED, _HOTPLUG, "not merged"),
    Fix(HALTED, _MERGED, "6.11"),
    Fix(LOOKUP, _MERGED, "6.11"),
    Fix(TRACKED, _MERGED, "6.11"),
    _fix(MASKS, "6.14", "b2653cd3b75f", "SVM: Save host DR masks on CPUs with DebugSwap"),
    _fix(
        NO_DRS,
        "6.14",
        "807cb9ce2ed9",
        "SVM: Don't rely on DebugSwap to restore host DR0..DR3",
    ),
    _fix(
        REFUSE,
        "6.15",
        "72d12715edcd",
        "SVM: Refuse to attempt VRMUN if an SEV-ES+ guest has an invalid VMSA",
    ),
    _fix(
        CHECK_FIRST,
        "6.15",
        "d26638bfcdfc",
        "SVM: Don't change target vCPU state on AP Creation VMGEXIT error",
    ),
    _fix(
        FEATURES,
        "6.15",
        "745ff82199b1",
        "SVM: Require AP's \"requested\" SEV_FEATURES to match KVM's view",
    ),
    _fix(
        DIRTY,
        "6.15",
        "e268beee4a25",
        "SVM: Mark VMCB dirty before processing incoming snp_vmsa_gpa",
    ),
    _fix(CONSUME, "6.15", "4e96f010afb2", 'SVM: Invalidate "next" SNP VMSA GPA even on failure'),
    Fix(WAIT_FLAG, _DRAFT, "6.16"),
    Fix(WAIT_KICK, _RACE, "6.16"),
    _fix(ALLOWED, "6.16", "b6bc164f41db", 'SEV: Configure "ALLOWED_SEV_FEATURES" VMCB Field'),
    _fix(
        LOCK_VCPUS,
        "7.1",
        "cb923ee6a80f",
        "SEV: Lock all vCPUs when synchronzing VMSAs for SNP launch finish",
    ),
    _fix(
        SYNC_ONCE,
        "7.1",
        "9b9f7962e3e8",
        "SEV: Reject attempts to sync VMSA of an already-launched/encrypted vCPU",
    ),
    _fix(
        NO_CREATING,
        "7.1",
        "624bf3440d72",
        "SEV: Disallow LAUNCH_FINISH if vCPUs are actively being created",
    ),
    _fix(
        RUNNABLE,
        "7.3, 7.2.8, 7.1.13, 6.12.117",
        "98ade8c48c28",
        "SEV: Mark vCPU RUNNABLE after AP_CREATE, even if VMSA is unusable",
    ),
    _fix(
        INVALIDATE,
        "7.3, 7.2.8",
        "d1a3c2162334",
        "SEV: Forcefully invalidate SNP VMSA if its backing gmem page is zapped",
    ),
    _fix(
        MARK_GUEST,
        "7.3",
        "98fb11aed12b",
        "SEV: Mark vCPU has having guest-provided VMSA even if its invalid",
    ),
    Fix(
        CREATE_LOCKED,
        KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "7.3.4"),
        "7.3",
    ),
)


def _with(*parts: str) -> tuple[Fix, ...]:
    return tuple(fix for fix in FIXES if fix.part in parts)


_V6_11 = (HALTED, LOOKUP, TRACKED)
_V6_15 = (*_V6_11, MASKS, NO_DRS, REFUSE, CHECK_FIRST, FEATURES, DIRTY, CONSUME)
_V6_16 = (*_V6_15, WAIT_FLAG, WAIT_KICK, ALLOWED)
_V7_1 = (*_V6_16, LOCK_VCPUS, SYNC_ONCE, NO_CREATING, RUNNABLE)
_V7_2 = (*_V7_1, INVALIDATE)
_V7_3 = (*_V7_2, MARK_GUEST, CREATE_LOCKED)
_V6_12_117 = (*_V6_11, MASKS, CHECK_FIRST, DIRTY, CONSUME, SYNC_ONCE, NO_CREATING, RUNNABLE)

# 6.12.107 checks first (3994-4062), as the stable series brought d26638bfcdfc, and has SYNC_ONCE
# (817) and NO_CREATING; pre_sev_run() refuses nothing (3524), the pending GPA stays after a failure
# and the VMCB is marked dirty at the end only (3911-3976). 6.12.117 does these two as 7.3.4 does
# (3960, 4019) and has RUNNABLE (4032); its pre_sev_run() refuses nothing either (3553). sev.c of
# 6.12.118 is the same file.
VERSIONS = {
    "rfc-v8": _with(START_UNINITIALIZED),
    "6.11": _with(*_V6_11),
    "6.12.107": _with(*_V6_11, MASKS, CHECK_FIRST, SYNC_ONCE, NO_CREATING),
    "6.15": _with(*_V6_15),
    "wait-flag-only": _with(*_V6_15, WAIT_FLAG),
    "6.16": _with(*_V6_16),
    "7.1.13": _with(*_V7_1),
    "7.2.8": _with(*_V7_2),
    "6.12.117": _with(*_V6_12_117),
    "6.12.118": _with(*_V6_12_117),
    "7.2.13": _with(*_V7_2),
    "7.3.4": _with(*_V7_3),
    "7.3": _with(*_V7_3),
}

READ = ("6.12.107", "6.12.117", "6.12.118", "7.1.13", "7.2.8", "7.2.13", "7.3.4")
UNREAD = {
    "rfc-v8": "the patch as posted",
    "wait-flag-only": "no release but a draft of 309d28576f0a",
    "7.3": "7.3.4 was",
}
