"""INIT and SIPI: two events that a guest sends to one of its vcpus, to start it anew.

An INIT is stored over whatever apic->pending_events has, a SIPI sets its bit. The vcpu takes INIT
and resets itself, which takes a while, and only then looks for a SIPI: it takes INIT and SIPI by
two operations. A vcpu that is not INIT_RECEIVED ignores a SIPI. Until 3.10 the sender of an INIT
wrote the mp_state of the vcpu itself, which HLT writes too.
Atomic sections: the event; the request bit; the INIT bit with the beginning of the reset; the
mp_state; the SIPI bit with what it starts.

Not modelled: kick and wake-up, which other tests ask about; INIT of the BSP; SMM.
Source: __apic_accept_irq() and kvm_apic_accept_events() in arch/x86/kvm/lapic.c,
__kvm_emulate_halt() in arch/x86/kvm/x86.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.vcpu_wakeup.kick import set_request
from vmlitmus.model.kvm.vcpu_wakeup.versions import OWN_EVENTS
from vmlitmus.world.snp import MpState
from vmlitmus.world.vcpu_wakeup import INIT, SIPI, Host, Task, Vcpu

LAPIC = "arch/x86/kvm/lapic.c"
SEND = KernelFile(LAPIC, "__apic_accept_irq()", "7.2.8")
ACCEPT = KernelFile(LAPIC, "kvm_apic_accept_events()", "7.2.8")
HALT = KernelFile("arch/x86/kvm/x86.c", "__kvm_emulate_halt()", "7.2.8")


@step(
    "the guest on {task} begins to restart {vcpu} by INIT and SIPI",
    source=SEND,
    disturbance="init-sipi",
)
def begin_start(w: World, task: Task, vcpu: Vcpu) -> None:
    when(vcpu.ap and task.idle and task.target is None)
    task.target = vcpu


def set_sipi_bit(vcpu: Vcpu) -> None:
    """set_bit() of KVM_APIC_SIPI in apic->pending_events."""
    if vcpu.events in (0, INIT):
        vcpu.events = vcpu.events + SIPI


def send_sipi(w: World, task: Task, vcpu: Vcpu) -> Sections:
    """APIC_DM_STARTUP: ignored by a vcpu that is not INIT_RECEIVED when it takes it."""
    with w.locked("set_bit()"):
        set_sipi_bit(vcpu)
    vcpu.sipi_last = True
    yield "{task} sends a SIPI to {vcpu}"
    set_request(w, vcpu)
    yield "{task} makes KVM_REQ_EVENT of {vcpu} for the SIPI"


@sequence(
    "{task} has sent INIT and SIPI to {vcpu}", source=SEND, disturbance="init-sipi", fair="weak"
)
def start(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(vcpu.ap and task.target is vcpu)
    task.target = None
    vcpu.init_due = True
    vcpu.sipi_last = False
    if not w.part(OWN_EVENTS.part):
        vcpu.mp = MpState.INIT_RECEIVED
        yield "{task} makes the mp_state of {vcpu} INIT_RECEIVED"
        set_request(w, vcpu)
        yield "{task} makes a request of {vcpu} for the mp_state"
        return
    vcpu.events = INIT
    yield "{task} sends an INIT to {vcpu}"
    set_request(w, vcpu)
    yield "{task} makes KVM_REQ_EVENT of {vcpu} for the INIT"
    yield from send_sipi(w, task, vcpu)
    if w.the(Host).two_sipis:
        yield from send_sipi(w, task, vcpu)


@sequence(source=HALT, disturbance="ap-halts", fair="weak")
def ap_halts(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.ap and vcpu.mp == MpState.RUNNABLE)
    yield "{vcpu} exits for HLT"
    vcpu.mp = MpState.HALTED
    yield "{vcpu} is HALTED"


@sequence(source=ACCEPT, fair="weak")
def accept_events(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.ap and vcpu.events != 0)
    yield "{vcpu} sees that INIT or SIPI is pending"
    taken = 0
    with w.locked("test_and_clear_bit()"):
        if w.the(Host).snapshot:
            taken = vcpu.events
            vcpu.events = 0
        elif vcpu.events != SIPI:
            taken = INIT
            vcpu.events = vcpu.events - INIT
    yield "{vcpu} looks for an INIT"
    if taken != SIPI and taken != 0:
        vcpu.init_due = False
        yield "{vcpu} takes INIT and resets itself"
        vcpu.mp = MpState.INIT_RECEIVED
        yield "{vcpu} is INIT_RECEIVED"
    starts = taken != INIT and taken != 0
    if not w.the(Host).snapshot:
        with w.locked("test_and_clear_bit()"):
            starts = vcpu.events not in (0, INIT)
            if starts:
                vcpu.events = vcpu.events - SIPI
    yield "{vcpu} looks for a SIPI"
    with w.unobserved("only the vcpu itself writes its mp_state"):
        if starts and vcpu.mp == MpState.INIT_RECEIVED:
            vcpu.mp = MpState.RUNNABLE
    yield "{vcpu} starts if there was a SIPI and it is INIT_RECEIVED"
    w.barrier(by="smp_mb() in srcu_read_unlock()")
    yield "{vcpu} leaves kvm->srcu, to enter the guest or to block"


@step("{vcpu} sees that it is INIT_RECEIVED, and resets itself", source=ACCEPT, fair="weak")
def notice_init(w: World, vcpu: Vcpu) -> None:
    when(vcpu.ap and vcpu.idle and vcpu.init_due and vcpu.mp == MpState.INIT_RECEIVED)
    when(not w.part(OWN_EVENTS.part))
    vcpu.init_due = False
