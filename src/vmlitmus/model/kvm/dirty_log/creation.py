"""A vcpu is created while logging is switched on: whether its VMCS has PML.

vmx_vcpu_create() and kvm_vcpu_reset() compute the VM-execution controls from the number of memslots
with a log, before the vcpu is online. kvm_make_all_cpus_request() misses it until then.
KVM_SET_CPUID2 computes the controls again, and a VMM calls it before the first KVM_RUN.

Not modelled: KVM_SET_CPUID2 at another time.
Source: kvm_vm_ioctl_create_vcpu() in virt/kvm/kvm_main.c, vmx_secondary_exec_control(),
vmx_vcpu_after_set_cpuid() in arch/x86/kvm/vmx/vmx.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.world.dirty_log.guest import Vcpu, Vm
from vmlitmus.world.dirty_log.userspace import Task

VMX = "arch/x86/kvm/vmx/vmx.c"
CREATE = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "7.2.8")
CONTROLS = KernelFile(VMX, "vmx_secondary_exec_control()", "7.2.8")
AFTER_CPUID = KernelFile(VMX, "vmx_vcpu_after_set_cpuid()", "7.2.8")
CPUID = "KVM_SET_CPUID2 computes whether PML is on"


@sequence(source=(CREATE, CONTROLS, AFTER_CPUID), disturbance="create-vcpu", fair="weak")
def create_vcpu(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(not vcpu.created and not w.the(Vm).stopping)
    vcpu.created = True
    vcpu.pml_on = w.the(Vm).counted
    yield "{task} is in KVM_CREATE_VCPU for {vcpu} and computes whether PML is on"
    vcpu.online = True
    yield "{task} has {vcpu} online"
    if w.part(CPUID):
        vcpu.pml_on = w.the(Vm).counted
    vcpu.in_run = True
    yield "{task} calls KVM_SET_CPUID2 for {vcpu}, and its thread KVM_RUN"
