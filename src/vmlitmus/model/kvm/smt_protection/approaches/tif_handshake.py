"""The handshake sketched in the reply: TIF_SVM_PROTECTED on one side, TIF_IDLING on the other.

The vcpu's cpu sets TIF_SVM_PROTECTED and spins until the siblings show TIF_IDLING; the sibling's
idle loop, which core scheduling makes run, sees TIF_SVM_PROTECTED, chooses HLT or C2, writes
IDLE_WAKEUP_ICR, sets TIF_IDLING and executes STI; HLT. After -3 the vcpu tries again.

The sketch leaves open, hence assumptions: whether the spin has IRQs on, whether TIF_IDLING is ever
cleared, whether it is set when TIF_SVM_PROTECTED is not seen.

Not load-bearing: "the LOCK of set_tsk_thread_flag()": the flags may miss each other in the store
buffers, but a vcpu waits or is refused, and looks again when they are in memory.

Source: the reply of K Prateek Nayak, 2025-08-08.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, Sections, World, when
from vmlitmus.model.kvm.smt_protection.cookies import CookiePerVcpu
from vmlitmus.world.smt_protection import Cpu, Icr, IdleState, Vcpu

SPIN_IRQS_ON = Assumption(
    "handshake-spins-irqs-on",
    "the spin for TIF_IDLING is where IRQs are on and need_resched is looked at; the sketch puts "
    "it in the VMRUN path, where they are off",
    default=False,
    settled_by=("the author of the sketch, or a patch"),
)
IDLING_CLEARED = Assumption(
    "tif-idling-cleared",
    "the sibling clears TIF_IDLING when it leaves idle: the sketch does not show it",
    default=False,
    settled_by=("the author of the sketch, or a patch"),
)
IDLING_ALWAYS = Assumption(
    "tif-idling-always",
    "the idle loop sets TIF_IDLING whether or not it sees TIF_SVM_PROTECTED; the sketch's braces "
    "are not written",
    default=False,
    settled_by=("the author of the sketch, or a patch"),
)

FLAG_LOCK = "the LOCK of set_tsk_thread_flag()"


def siblings_show_idling(w: World, cpu: Cpu) -> bool:
    """Say whether all siblings of a cpu have TIF_IDLING."""
    with w.unobserved("with several siblings, one look at all of them"):
        return all(o is cpu or o.core is not cpu.core or o.idling for o in w.all(Cpu))


def sees_protected(w: World, cpu: Cpu) -> bool:
    """Say whether a sibling's current task has TIF_SVM_PROTECTED."""
    with w.unobserved("with several siblings, one look at all of them"):
        return any(o is not cpu and o.core is cpu.core and o.protected for o in w.all(Cpu))


def set_protected(w: World, vcpu: Vcpu) -> None:
    """set_tsk_thread_flag(): set_bit(), by a LOCKed operation."""
    with w.locked("set_bit() of TIF_SVM_PROTECTED", w.part(FLAG_LOCK)):
        vcpu.cpu.protected = True


def set_idling(w: World, cpu: Cpu, on: bool) -> None:
    """The same for TIF_IDLING."""
    with w.locked("set_bit() of TIF_IDLING", w.part(FLAG_LOCK)):
        cpu.idling = on


class TifHandshake(CookiePerVcpu):
    """A cookie per vcpu, and the handshake."""

    def prepare(self, w: World, vcpu: Vcpu) -> Sections:
        if w.assume(SPIN_IRQS_ON):
            set_protected(w, vcpu)
            yield "{vcpu} sets TIF_SVM_PROTECTED and spins, IRQs on"
            when(siblings_show_idling(w, vcpu.cpu) or vcpu.cpu.need_resched)

    def before_vmrun(self, w: World, vcpu: Vcpu) -> Sections:
        if not w.assume(SPIN_IRQS_ON):
            set_protected(w, vcpu)
            yield "{vcpu} sets TIF_SVM_PROTECTED and spins, IRQs off"
            when(siblings_show_idling(w, vcpu.cpu))
            yield "{vcpu} sees TIF_IDLING on its siblings"

    def waits(self, w: World, vcpu: Vcpu) -> bool:
        return vcpu.cpu.protected and not siblings_show_idling(w, vcpu.cpu)

    def wants_hlt(self, w: World, cpu: Cpu) -> bool:
        return sees_protected(w, cpu)

    def idle_enter(self, w: World, cpu: Cpu, state: IdleState) -> None:
        sees = sees_protected(w, cpu)
        if sees:
            cpu.icr = Icr.SIBLING
        if sees or w.assume(IDLING_ALWAYS):
            set_idling(w, cpu, True)

    def idle_exit(self, w: World, cpu: Cpu) -> None:
        if w.assume(IDLING_CLEARED):
            cpu.idling = False
