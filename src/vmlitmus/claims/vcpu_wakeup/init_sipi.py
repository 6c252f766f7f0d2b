"""Whether an INIT resets its vcpu, and the SIPI after it starts it."""

from __future__ import annotations

from vmlitmus.claims.vcpu_wakeup.requests import all_returned
from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.snp import MpState
from vmlitmus.world.vcpu_wakeup import Vcpu

SEND = KernelFile("arch/x86/kvm/lapic.c", "__apic_accept_irq()", "7.2.8")
ACCEPT = KernelFile("arch/x86/kvm/lapic.c", "kvm_apic_accept_events()", "7.2.8")


def settled(w: World, vcpu: Vcpu) -> bool:
    """Say whether the vcpu has nothing to take, and nobody is about to send it something."""
    return all_returned(w) and vcpu.idle and vcpu.events == 0


@condition("init-sent", "a vcpu has not taken an INIT that was sent to it", source=SEND)
def init_sent(w: World) -> bool:
    return any(v.init_due for v in w.all(Vcpu))


@condition(
    "init-lost",
    "an INIT was sent, and its vcpu has nothing to take and will not reset itself",
    source=SEND,
    backed_by=("init-sent",),
)
def init_lost(w: World) -> bool:
    return any(settled(w, v) and v.init_due and v.mp != MpState.INIT_RECEIVED for v in w.all(Vcpu))


@condition("waits-for-sipi", "a vcpu has reset itself and waits for a SIPI", source=ACCEPT)
def waits_for_sipi(w: World) -> bool:
    return any(v.mp == MpState.INIT_RECEIVED for v in w.all(Vcpu))


@condition(
    "start-lost",
    "a vcpu waits for a SIPI although one came after the last INIT",
    source=ACCEPT,
    backed_by=("waits-for-sipi",),
)
def start_lost(w: World) -> bool:
    return any(settled(w, v) and v.sipi_last and v.mp == MpState.INIT_RECEIVED for v in w.all(Vcpu))
