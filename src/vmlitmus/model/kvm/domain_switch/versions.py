"""The fixes that tell kernel versions apart, and which version has which.

Each is a part. "5.1" has none but the IBPB at vcpu_load() and the L1D flush. READ names the
versions whose source was read.
"""

from __future__ import annotations

from vmlitmus.lang import Fix, KernelCommit

EVERY_CPU = Fix(
    "a freed VMCB is forgotten on every cpu",
    KernelCommit(
        "fd65d3142f73", "kvm: svm: Ensure an IBPB on all affected CPUs when freeing a vmcb"
    ),
    "4.20",
)
MDS_FIRST = Fix(
    "VERW at VM entry where L1D is not flushed",
    KernelCommit("650b68a0622f", "x86/kvm/vmx: Add MDS protection when L1D Flush is not active"),
    "5.2",
)
VMX_NESTED = Fix(
    "IBPB at nested VM exit on Intel",
    KernelCommit("2e7eab81425a", "KVM: VMX: Execute IBPB on emulated VM-exit when guest has IBRS"),
    "6.2",
)
RETURNS = Fix(
    "HLT exits stay on where siblings share return predictions",
    KernelCommit(
        "6f0f2d5ef895", "KVM: x86: Mitigate the cross-thread return address predictions bug"
    ),
    "6.2",
)
MDS_LATE = Fix(
    "VERW right before VM entry, whatever L1D does",
    KernelCommit("43fb862de8f6", "KVM/VMX: Move VERW closer to VMentry for MDS mitigation"),
    "6.8",
)
SVM_NESTED = Fix(
    "IBPB at nested VM exit on AMD",
    KernelCommit("656d9624bd21", "KVM: x86: Generalize IBRS virtualization on emulated VM-exit"),
    "6.16",
)
UNIFIED = Fix(
    "the vcpu is remembered, not its VMCB or VMCS",
    KernelCommit("54a1a24fea19", "KVM: x86: Unify cross-vCPU IBPB"),
    "6.16",
)
VMSCAPE = Fix(
    "IBPB before user mode after a guest ran",
    KernelCommit("2f8f173413f1", "x86/vmscape: Add conditional IBPB mitigation"),
    "6.17",
)
MMIO_LATE = Fix(
    "VERW for MMIO right before VM entry, whatever L1D does",
    KernelCommit(
        "e6ff1d61de51",
        "KVM: VMX: Handle MMIO Stale Data in VM-Enter assembly via ALTERNATIVES_2",
    ),
    "6.19",
)
FIXES = (
    EVERY_CPU,
    MDS_FIRST,
    VMX_NESTED,
    RETURNS,
    MDS_LATE,
    SVM_NESTED,
    UNIFIED,
    VMSCAPE,
    MMIO_LATE,
)
_5_2 = (EVERY_CPU, MDS_FIRST)
_6_2 = (*_5_2, VMX_NESTED, RETURNS)
VERSIONS = {
    "4.19": (),
    "5.1": (EVERY_CPU,),
    "5.2": _5_2,
    "6.2": _6_2,
    "6.8": (*_6_2, MDS_LATE),
    "6.1.176": (*_6_2, MDS_LATE, VMSCAPE),
    "6.12.107": (*_6_2, MDS_LATE, VMSCAPE),
    "6.16": (*_6_2, MDS_LATE, SVM_NESTED, UNIFIED),
    "7.1.13": FIXES,
    "7.2.8": FIXES,
    "6.12.117": (*_6_2, MDS_LATE, VMSCAPE),
    "6.12.118": (*_6_2, MDS_LATE, VMSCAPE),
    "7.2.13": FIXES,
    "7.3.4": FIXES,
}
READ = ("6.1.176", "6.12.107", "7.1.13", "7.2.8", "6.12.117", "6.12.118", "7.2.13", "7.3.4")
