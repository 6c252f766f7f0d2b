"""vcpu_run(): enter the guest, or block; and KVM_RUN of a vcpu that is UNINITIALIZED.

vcpu_enter_guest() runs with IRQs off from before it sets IN_GUEST_MODE until after #VMEXIT; between
its last look at the requests and VMRUN other cpus go on. vcpu_block() sleeps until the vcpu has an
event; a HALTED vcpu or one in AP reset hold then is RUNNABLE. In the other states it goes round
again, and KVM_REQ_UPDATE_PROTECTED_GUEST_STATE, which is an event, is taken by neither of the two
that do not enter the guest.

A SIPI ends an AP reset hold: KVM writes the GHCB, which is mapped from a VMGEXIT to the next entry.
Both this and the type of the hold are cleared at each entry, whatever the exit was.

Not modelled: fast paths, preemption, halt polling, other exits to userspace than those of
vmm/vcpu_ioctls.py, an AP reset hold by the MSR protocol.
Source: vcpu_enter_guest(), vcpu_block(), kvm_arch_vcpu_ioctl_run() in arch/x86/kvm/x86.c,
kvm_apic_accept_events() in lapic.c, pre_sev_run() in sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.rmp import VMRUN, answer, vmrun
from vmlitmus.model.kvm.ap_creation.debug_registers import (
    SWAP,
    exit_guest,
    prepare_switch_to_guest,
)
from vmlitmus.model.kvm.ap_creation.fixes import ALLOWED, REFUSE
from vmlitmus.model.kvm.ap_creation.update import kvm_vcpu_reset
from vmlitmus.world.snp import Fault, Host, Mode, MpState, Vcpu

X86 = "arch/x86/kvm/x86.c"
ENTER = KernelFile(X86, "vcpu_enter_guest()", "7.2.8")
PRE_SEV_RUN = KernelFile("arch/x86/kvm/svm/sev.c", "pre_sev_run()", "7.2.8")
BLOCK = KernelFile(X86, "vcpu_block()", "7.2.8")
EVENTS = KernelFile("arch/x86/kvm/lapic.c", "kvm_apic_accept_events()", "7.2.8")
SIPI = KernelFile("arch/x86/kvm/svm/sev.c", "sev_vcpu_deliver_sipi_vector()", "7.2.8")
HOLD_TYPE = "deliver a SIPI by the type of the AP reset hold"
IOCTL_RUN = KernelFile(X86, "kvm_arch_vcpu_ioctl_run()", "7.2.8")


@sequence(source=(ENTER, PRE_SEV_RUN, VMRUN), fair="weak")
def enter_guest(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.outside and vcpu.mp_state == MpState.RUNNABLE and not vcpu.held)
    when(not (vcpu.update or vcpu.reload or vcpu.init or vcpu.sipi))
    vcpu.mode = Mode.IN_GUEST
    vcpu.nmi = False
    vcpu.irq = False
    vcpu.ghcb = False
    vcpu.hold = False
    prepare_switch_to_guest(w, vcpu)
    yield "{vcpu} turns IRQs off, sets IN_GUEST_MODE and sees no request"
    if w.part(REFUSE) and vcpu.vmsa is None and not vcpu.blank:
        vcpu.fault = Fault.REFUSED
        answer(w, vcpu)
        yield "{vcpu} fails in pre_sev_run()"
        return
    vmrun(w, vcpu, w.the(Host).allowed_features and w.part(ALLOWED))
    if vcpu.fault != Fault.NONE:
        answer(w, vcpu)
        yield "{vcpu} executes VMRUN, which fails: {vcpu.fault}"
    else:
        yield "{vcpu} executes VMRUN with {vcpu.vmsa}"


@step("{vcpu} takes #VMEXIT and turns IRQs on", source=(ENTER, SWAP, Apm("15.6")))
def vmexit(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.mode == Mode.IN_GUEST)
    exit_guest(w, vcpu)


@step("{vcpu} takes #VMEXIT for the IPI and turns IRQs on", source=(ENTER, SWAP), fair="weak")
def vmexit_kicked(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.mode == Mode.EXITING)
    exit_guest(w, vcpu)


@step("{vcpu} executes HLT", source=BLOCK, disturbance="halt")
def halt(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and not vcpu.bsp)
    exit_guest(w, vcpu)
    vcpu.mp_state = MpState.HALTED


@step("{vcpu} executes VMGEXIT: AP reset hold", source=BLOCK, disturbance="reset-hold")
def reset_hold(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and not vcpu.bsp)
    exit_guest(w, vcpu)
    vcpu.mp_state = MpState.AP_RESET_HOLD
    vcpu.ghcb = True
    vcpu.hold = True


def writes_ghcb(w: World, vcpu: Vcpu) -> bool:
    """sev_vcpu_deliver_sipi_vector(): nothing at the first SIPI, later the answer to a hold."""
    return vcpu.sipied and (vcpu.hold or not w.part(HOLD_TYPE))


def accept_events(w: World, vcpu: Vcpu) -> Sections:
    """kvm_apic_accept_events(): INIT resets the vcpu; SIPI starts it if INIT was last."""
    if vcpu.init:
        vcpu.init = False
        vcpu.on_init = False
        yield "{vcpu} accepts INIT"
        yield from kvm_vcpu_reset(w, vcpu)
        if not vcpu.parked:
            vcpu.mp_state = MpState.RUNNABLE if vcpu.bsp else MpState.INIT_RECEIVED
    if vcpu.sipi:
        vcpu.sipi = False
        if vcpu.mp_state == MpState.INIT_RECEIVED:
            if not vcpu.ghcb and writes_ghcb(w, vcpu):
                vcpu.fault = Fault.OOPS
                yield "{vcpu} delivers the SIPI into a GHCB that is not mapped, and oopses"
                when(vcpu.fault != Fault.OOPS)
            vcpu.sipied = True
            vcpu.mp_state = MpState.RUNNABLE


@sequence(source=(EVENTS, SIPI), fair="weak")
def take_events(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.outside and vcpu.mp_state == MpState.RUNNABLE and (vcpu.init or vcpu.sipi))
    when(not vcpu.update and not vcpu.reload)
    yield from accept_events(w, vcpu)
    yield "{vcpu} has accepted events and is {vcpu.mp_state}"


@sequence(source=(BLOCK, EVENTS, SIPI), fair="weak")
def block(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.outside and vcpu.has_events)
    when(vcpu.mp_state != MpState.RUNNABLE and vcpu.mp_state != MpState.UNINITIALIZED)
    yield "{vcpu} wakes up in vcpu_block()"
    yield from accept_events(w, vcpu)
    sleeps = vcpu.mp_state == MpState.HALTED or vcpu.mp_state == MpState.AP_RESET_HOLD
    if sleeps and (not vcpu.parked or (vcpu.waiting and vcpu.update)):
        vcpu.mp_state = MpState.RUNNABLE
    if vcpu.mp_state == MpState.RUNNABLE:
        vcpu.unhalted = False
    yield "{vcpu} leaves vcpu_block() and is {vcpu.mp_state}"


@sequence(source=(IOCTL_RUN, EVENTS), fair="weak")
def run_uninitialized(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.outside and vcpu.has_events and vcpu.mp_state == MpState.UNINITIALIZED)
    yield "{vcpu}, which is UNINITIALIZED, wakes up in KVM_RUN"
    yield from accept_events(w, vcpu)
    yield "{vcpu} leaves KVM_RUN with -EAGAIN; the VMM calls it again"
