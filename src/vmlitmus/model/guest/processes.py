"""A guest keeps two of its processes apart by an IBPB when it switches between them.

KVM does not intercept writes to PRED_CMD, so the barrier is executed on the cpu where the vcpu is.
What a process trained on another cpu stays there.

Not modelled: a guest that asks for the barrier only between some processes; L1 that keeps two L2s
apart, which is the same.
Source: vmx_recalc_msr_intercepts() in arch/x86/kvm/vmx/vmx.c, svm_recalc_msr_intercepts() in
arch/x86/kvm/svm/svm.c, which pass PRED_CMD through; switch_mm_irqs_off() in the guest.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.hardware.leftovers import execute
from vmlitmus.model.hardware.predictor import ibpb
from vmlitmus.world.domain_switch import Mode, Vcpu

PRED_CMD_VMX = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_recalc_msr_intercepts()", "7.2.8")
PRED_CMD_SVM = KernelFile("arch/x86/kvm/svm/svm.c", "svm_recalc_msr_intercepts()", "7.2.8")
GUEST_IBPB = "IBPB of the guest"


@step(
    "the guest on {vcpu} switches to its other process, with an IBPB",
    source=(PRED_CMD_VMX, PRED_CMD_SVM),
    disturbance="guest-switch",
)
def switch_process(w: World, vcpu: Vcpu) -> None:
    when(vcpu.mode == Mode.GUEST and vcpu.l1_other is not None and not vcpu.nested)
    if vcpu.cpu is not None:
        if w.part(GUEST_IBPB):
            ibpb(w, vcpu.cpu)
        vcpu.runs_other = not vcpu.runs_other
        execute(w, vcpu.cpu, vcpu.domain)
