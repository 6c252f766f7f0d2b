"""A VMM and the vcpu ioctls: KVM_RUN, and KVM_SET_MP_STATE, which no SNP check guards.

A signal takes a vcpu out of KVM_RUN; the VMM calls it again. A VMM that misbehaves sets an
mp_state of its own in between, or calls KVM_RUN again after it has failed.
Source: kvm_arch_vcpu_ioctl_set_mpstate() in arch/x86/kvm/x86.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.world.snp import Fault, MpState, Vcpu

RUN = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_ioctl_run()", "7.2.13")
SET = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_ioctl_set_mpstate()", "7.2.13")


MP_STATE = "set-mp-state"


def may_set(vcpu: Vcpu) -> bool:
    """Say whether a vcpu ioctl gets vcpu->mutex; the BSP is left in peace."""
    outside = vcpu.idle and vcpu.online and not vcpu.in_run
    return outside and not vcpu.bsp and not vcpu.held


@step("{vcpu} leaves KVM_RUN for a signal", source=RUN, disturbance="signal")
def signal(w: World, vcpu: Vcpu) -> None:
    when(vcpu.outside and not vcpu.bsp)
    vcpu.in_run = False


@step("the VMM calls KVM_RUN of {vcpu}", source=RUN, fair="weak")
def kvm_run(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.online and not vcpu.in_run and not vcpu.failed and not vcpu.held)
    vcpu.in_run = True


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
    when(vcpu.idle and vcpu.failed)
    vcpu.fault = Fault.NONE
