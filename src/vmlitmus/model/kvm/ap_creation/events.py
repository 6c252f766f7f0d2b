"""What else reaches a vcpu: INIT, SIPI, NMI, the PV unhalt hypercall, and interrupts.

All of them end with kvm_vcpu_kick(), which does not wait. A LAPIC that is off, as the reset leaves
it, accepts no interrupt; the guest turns it on once it runs, at the earliest. Whoever sends an
interrupt looks at that first, and sets the bit in the IRR afterwards, without a lock: a reset in
between clears an IRR in which the bit is set after all. Later only kvm_apic_hw_enabled() is asked,
which the reset does not change, and whether the guest was interruptible at its last #VMEXIT, which
init_vmcb() does not change either.

Atomic sections: the look at the LAPIC; the bit in the IRR, with the kick.

Not modelled: a KVM_REQ_NMI that outlives the reset of a vcpu that was blocked, and wakes it for
nothing; an NMI that comes after the reset does the same. So do KVM_REQ_PMI, a synthetic timer of
Hyper-V and an event channel of Xen, which kvm_vcpu_has_events() looks at too, and in 6.12.107 and
6.12.117 an SMI, which 7.2.8 refuses for SNP guests. Two interrupts under
way at once; a kick that comes later than the event that it is for.

Source: __apic_accept_irq(), kvm_lapic_reset(), kvm_apic_has_interrupt() in arch/x86/kvm/lapic.c,
svm_deliver_interrupt(), svm_interrupt_blocked() in svm.c, kvm_inject_nmi(), kvm_vcpu_has_events()
in x86.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.rmp import free_to_act
from vmlitmus.model.kvm.ap_creation.kick import KICK, kick
from vmlitmus.world.snp import Host, Vcpu

ACCEPT_IRQ = KernelFile("arch/x86/kvm/lapic.c", "__apic_accept_irq()", "7.2.8")
DELIVER = KernelFile("arch/x86/kvm/svm/svm.c", "svm_deliver_interrupt()", "7.2.8")
NMI = KernelFile("arch/x86/kvm/x86.c", "kvm_inject_nmi()", "7.2.8")


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


@sequence(source=(ACCEPT_IRQ, DELIVER, KICK), disturbance="interrupt")
def interrupt(w: World, host: Host, target: Vcpu) -> Sections:
    when(not target.bsp and target.apic)
    yield "__apic_accept_irq() finds the LAPIC of {target} enabled"
    target.irq = True
    kick(target)
    yield "svm_deliver_interrupt() sets a bit in the IRR of {target} and kicks it"
