"""A vcpu goes from L1 to L2 and back, on each path that KVM has.

nested_svm_vmexit() and nested_vmx_vmexit() execute the IBPB. An SMI in L2 goes through them, and
RSM enters L2 again. vmx_leave_nested() goes through nested_vmx_vmexit(), so INIT, shutdown, ioctls
and a failed RSM do so under VMX. svm_leave_nested() makes the VMCB of L1 the current one and
executes no IBPB. INIT and shutdown get there only if L1 does not intercept them. A shutdown and a
failed RSM end KVM_RUN. With AMD_IBRS_SAME_MODE hardware keeps L2 from an L1 that has IBRS set.
KVM looks for IBRS alone: an L1 that has Automatic IBRS and no IBRS gets no barrier, although Linux
as L1 takes the one for the other.

Not modelled: an ioctl by another thread than the vcpu's; VM entries to L2 that fail.
Source: svm_leave_nested(), nested_svm_vmexit(), svm_check_nested_events() in
arch/x86/kvm/svm/nested.c; vmx_leave_nested(), __nested_vmx_vmexit() in
arch/x86/kvm/vmx/nested.c; kvm_vcpu_reset() in arch/x86/kvm/x86.c, emulator_leave_smm() in smm.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.kvm.domain_switch.buffers import NESTED_MARKS
from vmlitmus.model.kvm.domain_switch.ibpb import VcpuBarrier
from vmlitmus.model.kvm.domain_switch.run import may_handle
from vmlitmus.model.kvm.domain_switch.versions import SVM_NESTED, VMX_NESTED
from vmlitmus.model.scheduler.switching.threads import LOADS, vcpu_load
from vmlitmus.world.domain_switch import Host, Mode, Vcpu

NESTED_EXIT = KernelFile("arch/x86/kvm/x86.h", "kvm_nested_vmexit_handle_ibrs()", "7.2.8")
NESTED_RUN = KernelFile("arch/x86/kvm/vmx/nested.c", "nested_vmx_run()", "7.2.8")
LEAVE_SVM = KernelFile("arch/x86/kvm/svm/nested.c", "svm_leave_nested()", "7.2.8")
LEAVE_VMX = KernelFile("arch/x86/kvm/vmx/nested.c", "vmx_leave_nested()", "7.2.8")
RESET = KernelFile("arch/x86/kvm/x86.c", "kvm_vcpu_reset()", "7.2.8")
SHUTDOWN = KernelFile("arch/x86/kvm/svm/svm.c", "shutdown_interception()", "7.2.8")
ENTER_SMM = KernelFile("arch/x86/kvm/svm/svm.c", "svm_enter_smm()", "7.2.8")
LEAVE_SMM = KernelFile("arch/x86/kvm/smm.c", "emulator_leave_smm()", "7.2.8")


def to_l2(w: World, vcpu: Vcpu) -> None:
    """L2 is what runs next."""
    vcpu.nested = True
    if vcpu.cpu is not None and w.part(NESTED_MARKS):
        vcpu.cpu.l1tf_flush = True
    keep_mark(w, vcpu)


def to_l1(w: World, vcpu: Vcpu) -> None:
    """nested_svm_vmexit() or nested_vmx_vmexit()."""
    vcpu.nested = False
    keep_mark(w, vcpu)
    host = w.the(Host)
    owes = w.part(SVM_NESTED.part) if host.amd else w.part(VMX_NESTED.part)
    relies = vcpu.vm.asks_ibrs or (vcpu.vm.auto_ibrs and host.counts_auto)
    if vcpu.cpu is not None and relies and owes and not host.same_mode_ibrs:
        w.use(VcpuBarrier).nested_exit(w, vcpu, vcpu.cpu)


def leave_nested(w: World, vcpu: Vcpu) -> None:
    """kvm_leave_nested()."""
    if not w.the(Host).amd or w.the(Host).svm_leave_clears:
        to_l1(w, vcpu)
    else:
        vcpu.nested = False


def keep_mark(w: World, vcpu: Vcpu) -> None:
    """vmx_switch_vmcs(): current_vmcs follows, without an IBPB; on AMD nothing follows."""
    cpu = vcpu.cpu
    if cpu is not None and not w.the(Host).amd:
        other = vcpu.vmcb01 if vcpu.nested else vcpu.vmcb02
        if cpu.mark is other and other is not None:
            cpu.mark = vcpu.vmcb


@step("KVM takes {vcpu} from L1 to L2", source=NESTED_RUN, disturbance="nested")
def nested_run(w: World, vcpu: Vcpu) -> None:
    when(may_handle(vcpu) and vcpu.l2 is not None and not vcpu.nested and not vcpu.in_smm)
    to_l2(w, vcpu)


@step("KVM takes {vcpu} from L2 back to L1", source=NESTED_EXIT, disturbance="nested")
def nested_exit(w: World, vcpu: Vcpu) -> None:
    when(may_handle(vcpu) and vcpu.nested)
    to_l1(w, vcpu)


@step(
    "{vcpu} takes an INIT that ends L2",
    source=(RESET, LEAVE_SVM, LEAVE_VMX),
    disturbance="init-in-l2",
)
def init_in_l2(w: World, vcpu: Vcpu) -> None:
    when(may_handle(vcpu) and vcpu.nested)
    leave_nested(w, vcpu)


@step(
    "L2 of {vcpu} shuts down, which L1 does not intercept, and KVM_RUN returns",
    source=(SHUTDOWN, RESET, LEAVE_SVM),
    disturbance="shutdown-in-l2",
)
def shutdown_in_l2(w: World, vcpu: Vcpu) -> None:
    when(may_handle(vcpu) and vcpu.nested and not vcpu.handling and w.the(Host).amd)
    leave_nested(w, vcpu)
    vcpu.mode = Mode.OUT


@step(
    "an ioctl of the VMM takes {vcpu} out of L2",
    source=(LEAVE_SVM, LEAVE_VMX, *LOADS),
    disturbance="ioctl-in-l2",
)
def ioctl_in_l2(w: World, vcpu: Vcpu) -> None:
    when(vcpu.alive and vcpu.mode == Mode.USER and vcpu.nested)
    if vcpu.cpu is not None:
        vcpu.cpu.running = None
        vcpu_load(w, vcpu, vcpu.cpu)
    leave_nested(w, vcpu)
    vcpu.mode = Mode.OUT


@step(
    "{vcpu} takes an SMI, which is an exit from L2",
    source=(ENTER_SMM, NESTED_EXIT),
    disturbance="smi-in-l2",
)
def smi_in_l2(w: World, vcpu: Vcpu) -> None:
    when(may_handle(vcpu) and vcpu.nested)
    to_l1(w, vcpu)
    vcpu.in_smm = True


@step("{vcpu} executes RSM, which enters L2 again", source=LEAVE_SMM, disturbance="smi-in-l2")
def rsm(w: World, vcpu: Vcpu) -> None:
    when(may_handle(vcpu) and vcpu.in_smm)
    vcpu.in_smm = False
    to_l2(w, vcpu)


@step(
    "{vcpu} executes RSM, which enters L2, fails and leaves it: KVM_RUN returns",
    source=(LEAVE_SMM, LEAVE_SVM, LEAVE_VMX),
    disturbance="rsm-fails",
)
def rsm_fails(w: World, vcpu: Vcpu) -> None:
    when(may_handle(vcpu) and vcpu.in_smm and not vcpu.handling)
    vcpu.in_smm = False
    to_l2(w, vcpu)
    leave_nested(w, vcpu)
    vcpu.mode = Mode.OUT
