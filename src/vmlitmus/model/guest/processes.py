"""A guest keeps two of its processes apart by what it executes when it switches between them.

An IBPB for predictions, an L1D flush (PR_SPEC_L1D_FLUSH), VERW on its way to user mode for buffers.
KVM does not intercept writes to PRED_CMD and FLUSH_CMD, and cannot intercept VERW, so all three are
executed on the cpu where the vcpu is. What a process left on another cpu stays there. The same goes
for the guest's kernel and a process: the two change places without an exit too.

Not modelled: a guest that asks only between some processes; L1 that keeps two L2s apart, which is
the same.
Source: vmx_recalc_msr_intercepts() in arch/x86/kvm/vmx/vmx.c, svm_recalc_msr_intercepts() in
arch/x86/kvm/svm/svm.c, which pass both MSRs through; switch_mm_irqs_off() in the guest.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.hardware.leftovers import execute, flush_l1d, verw
from vmlitmus.model.hardware.predictor import follows, ibpb
from vmlitmus.world.domain_switch import Cpu, Follow, Mode, Vcpu

PRED_CMD_VMX = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_recalc_msr_intercepts()", "7.2.8")
PRED_CMD_SVM = KernelFile("arch/x86/kvm/svm/svm.c", "svm_recalc_msr_intercepts()", "7.2.8")
GUEST_IBPB = "IBPB of the guest"
GUEST_FLUSH = "L1D flush of the guest"
GUEST_VERW = "VERW of the guest"


def clear(w: World, cpu: Cpu) -> None:
    """What the guest executes between two processes."""
    if w.part(GUEST_IBPB):
        ibpb(w, cpu)
    if follows(w, Follow.L1D) and w.part(GUEST_FLUSH):
        flush_l1d(w, cpu)
    if w.part(GUEST_VERW):
        verw(w, cpu)


@step(
    "the guest on {vcpu} switches to its other process, and clears",
    source=(PRED_CMD_VMX, PRED_CMD_SVM),
    disturbance="guest-switch",
)
def switch_process(w: World, vcpu: Vcpu) -> None:
    when(vcpu.mode == Mode.GUEST and vcpu.l1_other is not None and not vcpu.nested)
    if vcpu.cpu is not None:
        clear(w, vcpu.cpu)
        vcpu.runs_other = not vcpu.runs_other
        execute(w, vcpu.cpu, vcpu.domain)
