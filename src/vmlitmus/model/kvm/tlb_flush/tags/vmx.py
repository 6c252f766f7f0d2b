"""VMX with EPT: the tag is the VM's EPT root, and a flush is INVEPT, at once and on this cpu.

KVM_REQ_TLB_FLUSH flushes what is there of all roots, a root that is loaded only its own.

The vcpu's task may be moved between the test of the request and INVEPT, which then flushes the new
cpu. What is left on the old one is flushed when the vcpu comes back: vmx_vcpu_load_vmcs() makes
KVM_REQ_TLB_FLUSH when a VMCS is loaded on a cpu where it was not loaded last. Translations of the
guest's own page tables are the vcpu's, by its VPID.

Not modelled: shadow paging; nested EPT roots, which are zapped and flushed with L1's; cpus without
VPIDs, where each VM entry flushes.
Source: vmx_flush_tlb_all(), vmx_flush_tlb_current() and vmx_vcpu_load_vmcs() in
arch/x86/kvm/vmx/vmx.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sdm, World
from vmlitmus.model.kvm.tlb_flush.tag import Tags, forget, forget_all
from vmlitmus.world.tlb import Cpu, Vcpu

VMX = "arch/x86/kvm/vmx/vmx.c"
FLUSH_ALL = KernelFile(VMX, "vmx_flush_tlb_all()", "7.2.8")
LOAD_VMCS = KernelFile(VMX, "vmx_vcpu_load_vmcs()", "7.2.8")
INVEPT = Sdm("vol. 3C, 30.4.3")
AT_LOAD = "request a flush when a VMCS is loaded on another cpu"


class Vmx(Tags):
    """One tag for a VM: its EPT root."""

    def load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if vcpu.loaded_on is not cpu and w.part(AT_LOAD):
            vcpu.flush = True
        vcpu.loaded_on = cpu

    def flush(self, w: World, vcpu: Vcpu) -> None:
        if vcpu.cpu is not None:
            forget_all(w, vcpu.cpu)

    def flush_root(self, w: World, vcpu: Vcpu) -> None:
        """INVEPT of this root alone."""
        if vcpu.cpu is not None:
            forget(w, vcpu.cpu, vcpu.vm.index + 1)

    def before_vmrun(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        vcpu.asid = vcpu.vm.index + 1
