"""A VMM and the vcpu ioctls: KVM_RUN, KVM_GET_MP_STATE and KVM_SET_MP_STATE.

A signal takes a vcpu out of KVM_RUN; the VMM calls it again. Before the launch is finished it does
not call it. KVM_GET_MP_STATE accepts INIT and SIPI
before it answers, so that a CREATE_ON_INIT is taken outside KVM_RUN. A VMM that misbehaves sets an
mp_state of its own, which no SNP check guards, or calls KVM_RUN again after it has failed.

A page state change of several ranges exits to userspace for each: KVM_RUN first completes the exit,
which begins the next range, and looks at requests only when the list is done.
Source: kvm_arch_vcpu_ioctl_get_mpstate(), kvm_arch_vcpu_ioctl_set_mpstate(),
kvm_arch_vcpu_ioctl_run() in arch/x86/kvm/x86.c; snp_complete_one_psc() in svm/sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.rmp import free_to_act
from vmlitmus.model.kvm.ap_creation.debug_registers import exit_guest, vcpu_put
from vmlitmus.model.kvm.ap_creation.run_loop import accept_events
from vmlitmus.world.snp import Fault, MpState, Vcpu, Vm

RUN = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_ioctl_run()", "7.2.8")
GET = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_ioctl_get_mpstate()", "7.2.8")
PSC = KernelFile("arch/x86/kvm/svm/sev.c", "snp_complete_one_psc()", "7.2.8")
SET = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_ioctl_set_mpstate()", "7.2.8")


MP_STATE = "set-mp-state"


def may_set(vcpu: Vcpu) -> bool:
    """Say whether a vcpu ioctl gets vcpu->mutex; the BSP is left in peace."""
    outside = vcpu.idle and vcpu.online and not vcpu.in_run
    return outside and not vcpu.bsp and not vcpu.held


@step("{vcpu} leaves KVM_RUN for a signal", source=RUN, disturbance="signal")
def signal(w: World, vcpu: Vcpu) -> None:
    when(vcpu.outside and not vcpu.bsp)
    vcpu.in_run = False
    vcpu_put(vcpu)


@step("the VMM calls KVM_RUN of {vcpu}", source=RUN, fair="weak")
def kvm_run(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.online and not vcpu.in_run and not vcpu.failed and not vcpu.held)
    when(w.the(Vm).finished or not w.the(Vm).to_launch)
    vcpu.in_run = True


@sequence(source=GET, disturbance="get-mp-state")
def get_mp_state(w: World, vcpu: Vcpu) -> Sections:
    when(may_set(vcpu))
    yield "the VMM calls KVM_GET_MP_STATE of {vcpu}"
    yield from accept_events(w, vcpu)
    yield "KVM_GET_MP_STATE of {vcpu} says {vcpu.mp_state}"


@sequence(source=PSC, disturbance="page-state-change")
def change_page_states(w: World, vcpu: Vcpu) -> Sections:
    when(free_to_act(vcpu))
    exit_guest(w, vcpu)
    vcpu.in_run = False
    vcpu_put(vcpu)
    yield "{vcpu} executes VMGEXIT: two page state changes; KVM_RUN returns for the first"
    vcpu.posthumous = vcpu.posthumous or vcpu.destroyed
    yield "KVM_RUN of {vcpu} completes the first, and returns for the second"
    vcpu.in_run = True
    yield "KVM_RUN of {vcpu} completes the second, and goes on to vcpu_run()"


@step("the VMM makes {vcpu} {state} by KVM_SET_MP_STATE", source=SET, disturbance=MP_STATE)
def set_mp_state(w: World, vcpu: Vcpu, state: MpState) -> None:
    when(may_set(vcpu) and state != MpState.STOPPED and state != vcpu.mp_state)
    vcpu.mp_state = state
    if state == MpState.RUNNABLE:
        vcpu.unhalted = False


@step("the VMM makes {vcpu} SIPI_RECEIVED by KVM_SET_MP_STATE", source=SET, disturbance=MP_STATE)
def set_sipi_received(w: World, vcpu: Vcpu) -> None:
    when(may_set(vcpu))
    vcpu.mp_state = MpState.INIT_RECEIVED
    vcpu.sipi = True


@step("the VMM calls KVM_RUN of {vcpu}, which had failed", source=RUN, disturbance="run-again")
def run_again(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.failed and not vcpu.held)
    vcpu.fault = Fault.NONE
