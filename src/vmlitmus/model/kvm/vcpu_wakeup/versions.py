"""The fixes that tell kernel versions apart as to what reaches a vcpu, and which version has which.

READ names the versions whose source was read. 6.1.176 has neither barrier of 226d9b8f1688.
6.12.107 and 6.1.176 clear pageready_pending by a plain store, and let hardware see IsRunning on
every cpu. Both refresh the controls of APICv at the exit from L2, and 6.12.107 writes SVI.
"""

from __future__ import annotations

from vmlitmus.lang import Fix, KernelCommit, KernelFile

_TRACK = KernelCommit(
    "226d9b8f1688",
    "KVM: x86/mmu: Fix a largely theoretical race in kvm_mmu_track_write()",
)
TRACK_BARRIER = Fix("smp_mb() in kvm_mmu_track_write()", _TRACK, "6.10")
ACCOUNT_BARRIER = Fix("smp_mb() in account_shadowed()", _TRACK, "6.10")
ACK_BARRIER = Fix(
    "smp_store_mb() of pageready_pending",
    KernelCommit(
        "68c35f89d016",
        "KVM: x86: Fix a semi theoretical bug in kvm_arch_async_page_present_queued()",
    ),
    "6.19",
)
RECOMPUTE = Fix(
    "set ON at the load if PIR is not empty",
    KernelCommit("c112b5f50232", "KVM: x86: Recompute PID.ON when clearing PID.SN"),
    "5.0",
)
BY_VECTOR = Fix(
    "take a vcpu off the wakeup list whether or not a device is left",
    KernelCommit("8b306e2f3c41", "KVM: VMX: avoid double list add with VT-d posted interrupts"),
    "4.14",
)
OWN_EVENTS = Fix(
    "INIT and SIPI are events that the vcpu takes itself",
    KernelCommit("66450a21f996", "KVM: x86: Rework INIT and SIPI handling"),
    "3.10",
)
NO_PREEMPTION = Fix(
    "preemption is off while kvm_arch_vcpu_unblocking() runs",
    KernelCommit(
        "18869f26df1a",
        "KVM: x86: disable preemption around the call to kvm_arch_vcpu_{un|}blocking",
    ),
    "5.17",
)
INHIBITION = KernelCommit(
    "66fa226c131f", "KVM: SVM: fix race between interrupt delivery and AVIC inhibition"
)
VIRR_THEN_ACTIVE = Fix(
    "set the vIRR before apicv_active is read",
    INHIBITION,
    "5.17",
)
COMPLETE = Fix(
    "complete an IPI for which a vcpu exited as any other interrupt",
    INHIBITION,
    "5.17",
)
KEEP_PENDING = Fix(
    "leave irr_pending set when APICv is switched off",
    KernelCommit(
        "755c2bf87860",
        "KVM: x86: lapic: don't touch irr_pending in kvm_apic_update_apicv when inhibiting it",
    ),
    "5.17",
)
ALWAYS_SYNC = Fix(
    "look at PID.ON whether or not the vcpu has APICv",
    KernelCommit("37c4dbf337c5", "KVM: x86: check PIR even for vCPUs with disabled APICv"),
    "5.16",
)
AT_PUT = Fix(
    "change the descriptor at the put and the load",
    KernelCommit("d76fb40637fc", "KVM: VMX: Handle PI descriptor updates during vcpu_put/load"),
    "5.17",
)
UPDATE_SVI = Fix(
    "write SVI when APICv is switched on",
    KernelCommit("b2849bec936b", "KVM: VMX: Update SVI during runtime APICv activation"),
    "6.19",
)
REFRESH = Fix(
    "refresh the controls of APICv at the exit from L2",
    KernelCommit(
        "297631388309",
        "KVM: nVMX: Immediately refresh APICv controls as needed on nested VM-Exit",
    ),
    "6.19",
)
AT_ONCE = Fix(
    "write vmcs01 at once while L2 runs",
    KernelCommit(
        "2bf889a68fba",
        "KVM: nVMX: Switch to vmcs01 to refresh APICv controls on-demand if L2 is active",
    ),
    "7.0",
)
NO_IPIV = Fix(
    "IsRunning is never set on a cpu with erratum 1235",
    KernelCommit(
        "d921665e01ba", "KVM: SVM: Add enable_ipiv param, never set IsRunning if disabled"
    ),
    "6.17",
)
OWN_ENTRY = Fix(
    "a vcpu that is loaded or put writes its whole entry",
    KernelFile("arch/x86/kvm/svm/avic.c", "__avic_vcpu_load()", "7.1.13"),
    "6.17",
)
UNLINK_FIRST = Fix(
    "an IRTE leaves the list of its vcpu before it is changed",
    KernelFile("arch/x86/kvm/svm/avic.c", "avic_pi_update_irte()", "7.1.13"),
    "6.17",
)
FIRST_CHECK = Fix(
    "KVM_CREATE_VCPU looks for the id before it creates a vcpu",
    KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "7.3.4"),
    "7.3",
)
CLEAR_ENTRY = Fix(
    "a freed vcpu leaves the table of IPI targets",
    KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_vcpu_free()", "7.3.4"),
    "7.3",
)
NMI_KEEPS = Fix(
    "a #PF of an NMI's handler leaves the reason of an asynchronous #PF alone",
    KernelFile("arch/x86/kernel/kvm.c", "__kvm_handle_async_pf()", "7.2.13"),
    "7.3, 7.2.13, 6.12.115",
)
UP_TO_7_2 = (
    NO_PREEMPTION,
    VIRR_THEN_ACTIVE,
    COMPLETE,
    KEEP_PENDING,
    ALWAYS_SYNC,
    AT_PUT,
    UPDATE_SVI,
    REFRESH,
    AT_ONCE,
    NO_IPIV,
    OWN_EVENTS,
    BY_VECTOR,
    RECOMPUTE,
    TRACK_BARRIER,
    ACCOUNT_BARRIER,
    ACK_BARRIER,
    OWN_ENTRY,
    UNLINK_FIRST,
)
FIXES = (*UP_TO_7_2, FIRST_CHECK, CLEAR_ENTRY, NMI_KEEPS)
_IN_5_17 = (NO_PREEMPTION, VIRR_THEN_ACTIVE, COMPLETE, KEEP_PENDING, AT_PUT)
_OLD = (OWN_EVENTS, BY_VECTOR, RECOMPUTE, ALWAYS_SYNC, *_IN_5_17)
_IN_6_18 = (*_OLD, TRACK_BARRIER, ACCOUNT_BARRIER, NO_IPIV, OWN_ENTRY, UNLINK_FIRST)
_IN_6_12 = (*_OLD, TRACK_BARRIER, ACCOUNT_BARRIER, REFRESH, UPDATE_SVI)
VERSIONS = {
    "3.9": (),
    "4.13": (OWN_EVENTS,),
    "4.20": (OWN_EVENTS, BY_VECTOR),
    "5.15": (OWN_EVENTS, BY_VECTOR, RECOMPUTE),
    "5.16": (OWN_EVENTS, BY_VECTOR, RECOMPUTE, ALWAYS_SYNC),
    "6.1.176": (*_OLD, REFRESH),
    "6.12.107": _IN_6_12,
    "6.18": _IN_6_18,
    "7.1.13": UP_TO_7_2,
    "7.2.8": UP_TO_7_2,
    "6.12.117": (*_IN_6_12, NMI_KEEPS),
    "6.12.118": (*_IN_6_12, NMI_KEEPS),
    "7.2.13": (*UP_TO_7_2, NMI_KEEPS),
    "7.3.4": FIXES,
}
READ = ("6.1.176", "6.12.107", "7.1.13", "7.2.8", "6.12.117", "6.12.118", "7.2.13", "7.3.4")
