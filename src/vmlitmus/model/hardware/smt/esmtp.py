"""Enhanced SMT Protection: a sibling may also run a vcpu that the guest declared legal.

VMRUN stalls while a sibling executes in the host and exits with ILLSIB beside an illegal guest. Two
vcpus are legal together if both ask for ESMTP and their VMSAs have the same ASID, the same
VCPU_SIBLING_MASK, and VCPU_IDs that are equal outside it. Asking for both forms fails.

Not known, hence assumptions: what a stalled VMRUN is to the sibling's check, what ends a stall and
how long it may last, who gives way when two stall, whether a #VMEXIT waits for the sibling's.
Not modelled: a guest that halts without an intercept beside one of these.
Source: pull request 13128 of edk2, which fills the two fields.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World, when
from vmlitmus.model.hardware.smt.protection import (
    SmtHardware,
    beside_protected,
    passes_check,
    siblings_seen_idle,
)
from vmlitmus.model.hardware.smt.readings import (
    EXIT_WAITS,
    NMI_ENDS_STALL,
    ONE_STALL_EXITS,
    STALL_COUNTS_AS,
    STALL_ENDS,
    STALL_IS_BOUNDED,
)
from vmlitmus.world.smt_protection import Activity, Cpu, Event, Exit, Protection, Vcpu


def pair_is_legal(one: Vcpu, other: Vcpu) -> bool:
    """Say whether two vcpus may share a core."""
    if one.asks != Protection.ESMTP or other.asks != Protection.ESMTP or one.vm != other.vm:
        return False
    return one.mask == other.mask and one.group == other.group


def beside_illegal(w: World, vcpu: Vcpu) -> bool:
    """Say whether a sibling is in guest mode with an illegal vcpu."""
    return any(
        o is not vcpu
        and o.cpu.core is vcpu.cpu.core
        and o.cpu.activity == Activity.GUEST
        and not pair_is_legal(vcpu, o)
        for o in w.all(Vcpu)
    )


def in_legal_guest(w: World, vcpu: Vcpu, cpu: Cpu) -> bool:
    """Say whether a cpu is in guest mode, or in a stalled VMRUN, of a vcpu that is legal here."""
    there = cpu.activity == Activity.GUEST
    if w.assume(STALL_COUNTS_AS) == "guest" and cpu.activity == Activity.STALLED:
        there = True
    return there and any(o.cpu is cpu and pair_is_legal(vcpu, o) for o in w.all(Vcpu))


def core_is_legal(w: World, vcpu: Vcpu) -> bool:
    """Say whether every sibling is idle or runs a legal vcpu."""
    return all(
        o is vcpu.cpu
        or o.core is not vcpu.cpu.core
        or passes_check(w, o)
        or in_legal_guest(w, vcpu, o)
        for o in w.all(Cpu)
    )


def stall_ends(w: World, vcpu: Vcpu) -> bool:
    """Say whether something ends a stall that is not over; beside a protected vcpu nothing does."""
    if beside_protected(w, vcpu.cpu):
        return False
    return (
        (bool(w.assume(STALL_ENDS)) and vcpu.cpu.irq)
        or (bool(w.assume(NMI_ENDS_STALL)) and vcpu.cpu.event == Event.NMI)
        or bool(w.assume(STALL_IS_BOUNDED))
        or beside_illegal(w, vcpu)
        or gives_way(w, vcpu)
    )


def gives_way(w: World, vcpu: Vcpu) -> bool:
    """Say whether the sibling stalls with an illegal vcpu, and this one is to exit."""
    return bool(w.assume(ONE_STALL_EXITS)) and any(
        o.cpu.core is vcpu.cpu.core
        and o.cpu.index < vcpu.cpu.index
        and o.cpu.activity == Activity.STALLED
        and not pair_is_legal(vcpu, o)
        for o in w.all(Vcpu)
    )


def guest_beside(w: World, vcpu: Vcpu) -> bool:
    """Say whether a sibling is in guest mode."""
    return any(
        o is not vcpu.cpu and o.core is vcpu.cpu.core and o.activity == Activity.GUEST
        for o in w.all(Cpu)
    )


class Esmtp(SmtHardware):
    """CPUID name EnhSmtProtection; SEV_FEATURES bit 17. The older form still works."""

    def protects(self, w: World, vcpu: Vcpu) -> bool:
        return vcpu.asks in (Protection.SMTP, Protection.ESMTP)

    def wait_at_entry(self, w: World, vcpu: Vcpu) -> Sections:
        if vcpu.asks == Protection.ESMTP:
            vcpu.cpu.activity = Activity.STALLED
            yield "{vcpu} executes VMRUN, which stalls until the core is legal"
            when(core_is_legal(w, vcpu) or stall_ends(w, vcpu))

    def outcome(self, w: World, vcpu: Vcpu) -> Exit:
        if vcpu.asks == Protection.BOTH:
            return Exit.INVALID
        if vcpu.asks == Protection.SMTP:
            return Exit.NONE if siblings_seen_idle(w, vcpu.cpu) else Exit.IDLE_REQUIRED
        if vcpu.asks == Protection.ESMTP:
            if beside_illegal(w, vcpu) or gives_way(w, vcpu):
                return Exit.ILLSIB
            return Exit.NONE if core_is_legal(w, vcpu) else Exit.INTR
        return Exit.NONE

    def wait_at_exit(self, w: World, vcpu: Vcpu) -> Sections:
        if vcpu.asks == Protection.ESMTP and w.assume(EXIT_WAITS) and guest_beside(w, vcpu):
            vcpu.cpu.activity = Activity.EXITING
            yield "{vcpu} has an exit, which waits for the sibling's"
            when(not guest_beside(w, vcpu))
