"""Event injection: from the virtual APIC to the guest, and what a failed entry does to it.

kvm_cpu_get_interrupt() moves a vector from the IRR to the ISR, svm_inject_irq() writes it to
EVENTINJ, a successful VMRUN delivers it, and the guest's EOI clears the ISR. After each VMRUN, and
before the exit handler, svm_complete_interrupts() empties KVM's own queue and fills it again from
EXITINTINFO alone. A vector that is in the ISR, but nowhere on its way to the guest, is lost; and it
blocks its whole class and the lower ones, because no EOI will come.

What a VMRUN that exits with -3 leaves in EVENTINJ is an assumption with three values. Who queues
the event again is a mechanism: the exit handler has EVENTINJ only, svm_complete_interrupts() still
has the queue, and has to make KVM_REQ_EVENT, without which vcpu_enter_guest() does not look at it.
Not modelled: NMIs and exceptions as events, AVIC, alternate injection, svm_cancel_injection() of an
entry that is called off after the injection (it puts what is in EVENTINJ back into the queue).
Source: arch/x86/kvm/svm/svm.c, arch/x86/kvm/lapic.c; APM vol. 2, 15.20.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, Assumption, Hooks, KernelFile, World
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.world.smt_protection import Vcpu, Vector

INJECT = KernelFile("arch/x86/kvm/svm/svm.c", "svm_inject_irq()", "7.2.8")
COMPLETE = KernelFile("arch/x86/kvm/svm/svm.c", "svm_complete_interrupts()", "7.2.8")
EVENTINJ = Apm("15.20")
EVENTINJ_AFTER = Assumption(
    "eventinj-after-failed-entry",
    "what a VMRUN that fails with -3 leaves of its event: EVENTINJ cleared as on every #VMEXIT "
    "(APM vol. 3, VMRUN), EVENTINJ kept, or the event moved to EXITINTINFO",
    default="cleared",
    choices=("cleared", "kept", "moved"),
    settled_by=(
        "the APM on VMRUN (vol. 3) and on exit code -3, or a test on such hardware: "
        "EVENTINJ and EXITINTINFO after a VMRUN that failed"
    ),
)


class Requeue(Hooks):
    """As in the RFC: nobody queues the event of a failed entry again."""

    def complete(self, w: World, vcpu: Vcpu) -> Vector:
        """Return what svm_complete_interrupts() leaves in KVM's queue after -3."""
        return Vector.NONE

    def handle(self, w: World, vcpu: Vcpu) -> Vector:
        """Return what the exit handler of -3 queues again; the queue is empty by then."""
        return Vector.NONE


class FromEventinj(Requeue):
    """An exit handler that calls svm_cancel_injection(): what is left in EVENTINJ is queued."""

    def handle(self, w: World, vcpu: Vcpu) -> Vector:
        return vcpu.event_inj


class FromQueue(Requeue):
    """svm_complete_interrupts() leaves the queue alone after -3: it has what went to EVENTINJ."""

    def complete(self, w: World, vcpu: Vcpu) -> Vector:
        return vcpu.injected


def deliverable(vcpu: Vcpu) -> bool:
    """Say whether the virtual APIC has a vector above those in service."""
    if Vector.IPI in vcpu.isr:
        return False
    return Vector.IPI in vcpu.irr or (Vector.TIMER in vcpu.irr and Vector.TIMER not in vcpu.isr)


def window(vcpu: Vcpu) -> bool:
    """svm_enable_irq_window(): the guest exits when it can take an interrupt that waits."""
    return deliverable(vcpu) and vcpu.handling == Vector.NONE


def inject(vcpu: Vcpu) -> None:
    """kvm_check_and_inject_events(): first what is queued, then the highest vector of the IRR."""
    if vcpu.injected == Vector.NONE and vcpu.handling == Vector.NONE and deliverable(vcpu):
        vcpu.injected = Vector.IPI if Vector.IPI in vcpu.irr else Vector.TIMER
        vcpu.irr.discard(vcpu.injected)
        vcpu.isr.add(vcpu.injected)
    if vcpu.injected != Vector.NONE:
        vcpu.event_inj = vcpu.injected


def deliver(vcpu: Vcpu) -> None:
    """A successful VMRUN: the guest takes the event of EVENTINJ."""
    if vcpu.event_inj != Vector.NONE:
        vcpu.handling = vcpu.event_inj
    vcpu.event_inj = Vector.NONE
    vcpu.injected = Vector.NONE


def fail_entry(w: World, vcpu: Vcpu) -> None:
    """A VMRUN without a guest: hardware, svm_complete_interrupts(), then the exit handler."""
    moved = vcpu.event_inj
    if w.assume(EVENTINJ_AFTER) == "kept":
        moved = Vector.NONE
    else:
        vcpu.event_inj = Vector.NONE
    if w.assume(EVENTINJ_AFTER) == "cleared":
        moved = Vector.NONE
    complete_interrupts(w, vcpu, moved)
    again = w.use(Requeue).handle(w, vcpu)
    if vcpu.injected == Vector.NONE and again != Vector.NONE:
        vcpu.injected = again
        vcpu.event_inj = Vector.NONE


def complete_interrupts(w: World, vcpu: Vcpu, moved: Vector) -> None:
    """svm_complete_interrupts() after -3: the queue is what EXITINTINFO has, or what it is left."""
    left = w.use(Requeue).complete(w, vcpu)
    if w.use(SmtMechanism).requeues(w):
        left = vcpu.injected
    if moved == Vector.NONE and left != Vector.NONE:
        moved = left
        vcpu.event_inj = Vector.NONE
    vcpu.injected = moved
