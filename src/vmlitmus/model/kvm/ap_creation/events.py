"""What else reaches a vcpu: INIT, SIPI, NMI, the PV unhalt hypercall, and interrupts.

All of them end with kvm_vcpu_kick(), which does not wait. A LAPIC that is off, as the reset leaves
it, accepts no interrupt; the guest turns it on once it runs, at the earliest.

Not modelled: a KVM_REQ_NMI that outlives the reset of a vcpu that was blocked, and wakes it for
nothing; an NMI that comes after the reset does the same. So do KVM_REQ_PMI, a synthetic timer of
Hyper-V and an event channel of Xen, which kvm_vcpu_has_events() looks at too.

Source: __apic_accept_irq() in arch/x86/kvm/lapic.c, kvm_inject_nmi(), kvm_vcpu_has_events() in
x86.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.hardware.rmp import free_to_act
from vmlitmus.model.kvm.ap_creation.kick import KICK, kick
from vmlitmus.world.snp import Vcpu

ACCEPT_IRQ = KernelFile("arch/x86/kvm/lapic.c", "__apic_accept_irq()", "7.2.13")
NMI = KernelFile("arch/x86/kvm/x86.c", "kvm_inject_nmi()", "7.2.13")


@step("{vcpu} sends INIT to {target}", source=ACCEPT_IRQ, disturbance="init")
def send_init(w: World, vcpu: Vcpu, target: Vcpu) -> None:
    when(free_to_act(vcpu) and target in vcpu.asks)
    target.init = True
    target.sipi = False
    kick(target)


@step("{vcpu} sends SIPI to {target}", source=ACCEPT_IRQ, disturbance="sipi")
def send_sipi(w: World, vcpu: Vcpu, target: Vcpu) -> None:
    when(free_to_act(vcpu) and target in vcpu.asks)
    target.sipi = True
    kick(target)


@step("{vcpu} unhalts {target} by KVM_HC_KICK_CPU", source=ACCEPT_IRQ, disturbance="unhalt")
def unhalt(w: World, vcpu: Vcpu, target: Vcpu) -> None:
    when(free_to_act(vcpu) and target in vcpu.asks)
    target.unhalted = True
    kick(target)


@step("an NMI for {target} becomes pending", source=NMI, disturbance="nmi")
def inject_nmi(w: World, target: Vcpu) -> None:
    when(not target.bsp)
    target.nmi = True
    kick(target)


@step(
    "an interrupt for {target} arrives and kicks it",
    source=(ACCEPT_IRQ, KICK),
    disturbance="interrupt",
)
def interrupt(w: World, target: Vcpu) -> None:
    when(not target.bsp)
    if target.apic:
        target.irq = True
    kick(target)
