"""The fixes around TLB flushes that tell kernel versions apart, and which version has which.

READ names the versions whose source was read. 6.12.107 has the bump of the generation as a stable
commit, 6.1.176 does not; both lack two of the three commits of 6.14 about vcpus that come online.
Kernels before 6.14 sent flushes to every cpu of mm_cpumask, whose bit they set by a locked
instruction, so what the three fixes of switch_mm mend was no question there; 6.1.176 and 6.12.107
got the new way from the stable series. 6.1.176 has the part of fea4e317f9e7 that is in
should_flush_tlb(), but switch_mm_irqs_off() reads tlb_gen before it writes LOADED_MM_SWITCHING.
Neither has 83b0177a6c48 or needs it: both set the bit without testing it first, so that the locked
instruction is always there. They count as having that barrier. 7.3.4 holds kvm->lock to the end of
KVM_CREATE_VCPU, which no release before it did.
"""

from __future__ import annotations

from vmlitmus.lang import Fix, KernelCommit, KernelFile

FLUSH_KEPT = Fix(
    "a vcpu that is marked preempted is not marked again",
    KernelCommit("8c6de56a42e0", "x86/kvm: Be careful not to clear KVM_VCPU_FLUSH_TLB bit"),
    "5.6",
)
FLAG_XCHG = Fix(
    "record_steal_time() exchanges the flag in the guest's memory",
    KernelCommit("b043138246a4", "x86/KVM: Make sure KVM_VCPU_FLUSH_TLB flag is not missed"),
    "5.6",
)
LAST_NONE = Fix(
    "a new vcpu has entered on no cpu yet",
    KernelCommit("8a14fe4f0c54", "kvm: x86: Move last_cpu into kvm_vcpu_arch as last_vmentry_cpu"),
    "5.9",
)
SEV_FREE = Fix(
    "forget the last VMCB of an ASID that is freed",
    KernelCommit(
        "179c6c27bf48", "KVM: SVM: Fix off-by-one indexing when nullifying last used SEV VMCB"
    ),
    "5.14",
)
STALE_ROOT = Fix(
    "a fault in an obsolete root is stale",
    KernelCommit(
        "a955cad84cda", "KVM: x86/mmu: Retry page fault if root is invalidated by memslot update"
    ),
    "5.16",
)
NO_SP = Fix(
    "a root may have no shadow page",
    KernelCommit(
        "18c841e1f411", "KVM: x86: Retry page fault if MMU reload is pending and root has no sp"
    ),
    "5.16",
)
BOUNDARY = Fix(
    "a vcpu is marked preempted between instructions only",
    KernelCommit(
        "6cd88243c7e0",
        "KVM: x86: do not report a vCPU as preempted outside instruction boundaries",
    ),
    "5.19",
)
STORE_LATE = Fix(
    "a vcpu is stored when nothing can fail any more",
    KernelCommit("afb2acb2e3a3", "KVM: Fix vcpu_array[0] races"),
    "6.4",
)
GET_ONLINE = Fix(
    "kvm_get_vcpu() finds vcpus that are online only",
    KernelCommit("1e7381f3617d", "KVM: Explicitly verify target vCPU is online in kvm_get_vcpu()"),
    "6.14",
)
EACH_ONLINE = Fix(
    "kvm_for_each_vcpu() finds none while none is online",
    KernelCommit(
        "0664dc74e9d0",
        "KVM: Verify there's at least one online vCPU when iterating over all vCPUs",
    ),
    "6.14",
)
MUTEX = Fix(
    "vcpu->mutex is held until the vcpu is online",
    KernelCommit(
        "6e2b2358b3ef",
        "KVM: Grab vcpu->mutex across installing the vCPU's fd and bumping online_vcpus",
    ),
    "6.14",
)
WINDOW = Fix(
    "a cpu that switches to an mm gets its flushes",
    KernelCommit(
        "fea4e317f9e7", "x86/mm: Eliminate window where TLB flushes may be inadvertently skipped"
    ),
    "6.15",
)
WINDOW_FIRST = Fix(
    "LOADED_MM_SWITCHING is written before tlb_gen is read",
    KernelCommit(
        "fea4e317f9e7", "x86/mm: Eliminate window where TLB flushes may be inadvertently skipped"
    ),
    "6.15",
)
SET_BARRIER = Fix(
    "a barrier before tlb_gen where the bit of mm_cpumask is set already",
    KernelCommit("83b0177a6c48", "x86/mm: Fix SMP ordering in switch_mm_irqs_off()"),
    "6.18",
)
PREFAULT = Fix(
    "a prefault of a memslot that is being deleted fails",
    KernelCommit(
        "3ccbf6f47098",
        "KVM: x86/mmu: Return -EAGAIN if userspace deletes/moves memslot during prefault",
    ),
    "6.18",
)
GENERATION = Fix(
    "a cpu that comes online goes on counting ASID generations",
    KernelCommit(
        "25f744ffa0c8",
        "KVM: SVM: Bump asid_generation on CPU online to avoid ASID collision after hotplug",
    ),
    "7.2, 6.12.101",
)
FLUSH_OWED = Fix(
    "a flush outlives a VMRUN that fails, and the cpu owes that of all ASIDs",
    KernelFile("arch/x86/kvm/svm/svm.c", "svm_vcpu_run()", "7.2.13"),
    "7.3, 7.2.10, 6.12.117",
)
BOTH_VMCBS = Fix(
    "both VMCBs of a vcpu drop their generation on another cpu",
    KernelFile("arch/x86/kvm/svm/svm.c", "pre_svm_run()", "7.3.4"),
    "7.3.2, 6.12.117",
)
UNLOCKED = Fix(
    "KVM_CREATE_VCPU drops kvm->lock before it synchronizes the TSC",
    KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_postcreate()", "7.2.8"),
    "5.5",
)
OWN_SEQUENCE = Fix(
    "pfn caches have a sequence number of their own",
    KernelFile("virt/kvm/pfncache.c", "mmu_notifier_retry_cache()", "7.3.4"),
    "7.3.2",
)
XEN_SRCU = Fix(
    "KVM is inside srcu where it looks for an interrupt of Xen",
    KernelFile("arch/x86/kvm/xen.c", "__kvm_xen_has_interrupt()", "7.3.4"),
    "7.3.2, 6.12.117",
)
FIXES = (
    FLUSH_KEPT,
    FLAG_XCHG,
    LAST_NONE,
    SEV_FREE,
    STALE_ROOT,
    NO_SP,
    BOUNDARY,
    STORE_LATE,
    GET_ONLINE,
    EACH_ONLINE,
    MUTEX,
    WINDOW,
    WINDOW_FIRST,
    SET_BARRIER,
    PREFAULT,
    GENERATION,
    FLUSH_OWED,
    BOTH_VMCBS,
    UNLOCKED,
    OWN_SEQUENCE,
    XEN_SRCU,
)
_ONLINE = (GET_ONLINE, EACH_ONLINE, MUTEX)
_SWITCH = (WINDOW, WINDOW_FIRST, SET_BARRIER)
_KVM_5_19 = (FLUSH_KEPT, FLAG_XCHG, LAST_NONE, SEV_FREE, STALE_ROOT, NO_SP, BOUNDARY)
_6_1 = (*_KVM_5_19, STORE_LATE, GET_ONLINE)
_6_14 = (*_KVM_5_19, *_ONLINE)
_6_18 = (*_6_14, *_SWITCH, PREFAULT)
_VERSIONS = {
    "5.5": _SWITCH,
    "5.8": (*_SWITCH, FLUSH_KEPT, FLAG_XCHG),
    "5.13": (*_SWITCH, FLUSH_KEPT, FLAG_XCHG, LAST_NONE),
    "5.15": (*_SWITCH, FLUSH_KEPT, FLAG_XCHG, LAST_NONE, SEV_FREE),
    "5.16-rc5": (*_SWITCH, FLUSH_KEPT, FLAG_XCHG, LAST_NONE, SEV_FREE, STALE_ROOT),
    "5.18": (*_SWITCH, FLUSH_KEPT, FLAG_XCHG, LAST_NONE, SEV_FREE, STALE_ROOT, NO_SP),
    "5.19": (*_SWITCH, *_KVM_5_19),
    "6.1.176": (*_6_1, WINDOW, SET_BARRIER),
    "6.12.107": (*_6_1, *_SWITCH, GENERATION),
    "6.14": _6_14,
    "6.18": _6_18,
    "7.1.13": (*_6_18, GENERATION),
    "7.2.8": (*_6_18, GENERATION),
    "6.12.117": (*_6_1, *_SWITCH, GENERATION, FLUSH_OWED, BOTH_VMCBS, XEN_SRCU),
    "6.12.118": (*_6_1, *_SWITCH, GENERATION, FLUSH_OWED, BOTH_VMCBS, XEN_SRCU),
    "7.2.13": (*_6_18, GENERATION, FLUSH_OWED),
    "7.3": (*_6_18, GENERATION, FLUSH_OWED),
    "7.3.4": (*_6_18, GENERATION, FLUSH_OWED, BOTH_VMCBS, OWN_SEQUENCE, XEN_SRCU),
}
VERSIONS = {n: f if n == "7.3.4" else (*f, UNLOCKED) for n, f in _VERSIONS.items()}
READ = ("6.1.176", "6.12.107", "7.1.13", "7.2.8", "6.12.117", "6.12.118", "7.2.13", "7.3.4")
UNREAD = {"7.3": "7.3.4 was, which has three more fixes, of pre_svm_run() and of pfn caches"}
