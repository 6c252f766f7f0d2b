"""The guest's timer, an IPI from another vcpu, and the handlers that end with an EOI.

The timer is one-shot: the handler of one timer interrupt sets the next, so a lost one is the last.
Its vector is the lower of the two, so an IPI may come in before a timer interrupt but not the other
way round. A handler goes on where it was when the guest runs again, so one that gets to run again
and again comes to its end: fair="strong". Source: arch/x86/kvm/lapic.c; the guest is Linux.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.world.smt_protection import Activity, Vcpu, Vector

TIMER = KernelFile("arch/x86/kvm/lapic.c", "apic_timer_fn()", "7.2.8")
EOI = KernelFile("arch/x86/kvm/lapic.c", "apic_set_eoi()", "7.2.8")
ACCEPT = KernelFile("arch/x86/kvm/lapic.c", "__apic_accept_irq()", "7.2.8")


def request(vcpu: Vcpu, vector: Vector) -> None:
    """Set a vector in the IRR; a vcpu with IRQs off is kicked, and takes its exit at once."""
    vcpu.irr.add(vector)
    if vcpu.cpu.irqs_off:
        vcpu.cpu.irq = True


@step("{vcpu}'s guest timer expires", source=TIMER, fair="weak")
def timer_expires(w: World, vcpu: Vcpu) -> None:
    when(vcpu.armed)
    vcpu.armed = False
    request(vcpu, Vector.TIMER)


@step("{vcpu} is sent an IPI by another vcpu", source=ACCEPT, disturbance="guest-ipi")
def guest_ipi(w: World, vcpu: Vcpu) -> None:
    when(Vector.IPI not in vcpu.irr)
    request(vcpu, Vector.IPI)


@step("{vcpu} handles its interrupt ({vcpu.handling}) and writes EOI", source=EOI, fair="strong")
def guest_eoi(w: World, vcpu: Vcpu) -> None:
    when(vcpu.cpu.activity == Activity.GUEST and vcpu.handling != Vector.NONE)
    vcpu.isr.discard(vcpu.handling)
    if vcpu.handling == Vector.TIMER:
        vcpu.armed = True
    vcpu.handling = Vector.NONE
