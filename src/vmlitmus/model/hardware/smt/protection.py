"""What VMRUN checks of the siblings, and what holds a sibling while a protected vcpu runs.

This is the hardware without SMT Protection: VMRUN looks at no sibling and holds nobody. The forms
of SMT Protection override the moments. Which activities hardware treats as idle is said here for
all; what the manual leaves open is in readings.py. "Supported by this cpu" is the class chosen;
"asked for by this VMSA" is ``vcpu.asks``.

Source: APM vol. 2, 15.36.17; the reply of K Prateek Nayak.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, Hooks, Lore, Sections, World
from vmlitmus.model.hardware.smt.readings import (
    COVERS_ALL_SIBLINGS,
    DEEP_IS_IDLE,
    GUEST_HLT_HOLDS,
    GUEST_HLT_IS_IDLE,
    HELD_UNTIL_VMEXIT,
    MWAIT_IS_IDLE,
    OFFLINE_IS_IDLE,
    POLL_IS_IDLE,
    SIBLING_WAKES,
    SMM_IS_IDLE,
    STALL_COUNTS_AS,
    UNSUPPORTED_FAILS,
    WAKING_IS_IDLE,
)
from vmlitmus.world.smt_protection import Activity, Cpu, Event, Exit, Host, Protection, Vcpu

SMTP = Apm("15.36.17")
REPLY = Lore(
    "Re: [RFC PATCH 1/1] KVM: SEV: Add support for SMT Protection", "K Prateek Nayak", "2025-08-08"
)
COVER = Lore(
    "[RFC PATCH 0/1] KVM: SEV: Add support for SMT Protection", "Kim Phillips", "2025-08-07"
)


def covered(w: World, cpu: Cpu, other: Cpu) -> bool:
    """Say whether another cpu of the core is one that SMT Protection is about."""
    if other is cpu or other.core is not cpu.core:
        return False
    return bool(w.assume(COVERS_ALL_SIBLINGS)) or other.index // 2 == cpu.index // 2


def seen_idle(w: World, cpu: Cpu) -> bool:
    """Say whether the VMRUN check treats a cpu as idle."""
    return (
        cpu.activity in (Activity.HLT, Activity.C2)
        or (bool(w.assume(OFFLINE_IS_IDLE)) and cpu.activity == Activity.OFFLINE)
        or (bool(w.assume(MWAIT_IS_IDLE)) and cpu.activity == Activity.MWAIT)
        or (bool(w.assume(DEEP_IS_IDLE)) and cpu.activity == Activity.C6)
        or (bool(w.assume(POLL_IS_IDLE)) and cpu.activity == Activity.POLL)
        or (bool(w.assume(SMM_IS_IDLE)) and cpu.activity == Activity.SMM)
        or (bool(w.assume(GUEST_HLT_IS_IDLE)) and cpu.activity == Activity.GUEST_HLT)
        or (w.assume(STALL_COUNTS_AS) == "idle" and cpu.activity == Activity.STALLED)
    )


def has_event(cpu: Cpu) -> bool:
    """Say whether something is pending that wakes an idle cpu; an offline one has IRQs off."""
    irq = cpu.irq and cpu.activity != Activity.OFFLINE
    return irq or monitor_hit(cpu) or cpu.event != Event.NONE


def monitor_hit(cpu: Cpu) -> bool:
    """Say whether the word that a cpu in MWAIT monitors has been written."""
    return cpu.activity == Activity.MWAIT and cpu.need_resched


def passes_check(w: World, cpu: Cpu) -> bool:
    """Say whether VMRUN succeeds beside a cpu as far as it is concerned."""
    return seen_idle(w, cpu) and (bool(w.assume(WAKING_IS_IDLE)) or not has_event(cpu))


def siblings_seen_idle(w: World, cpu: Cpu) -> bool:
    """Say whether VMRUN treats all siblings of a cpu as idle."""
    return all(not covered(w, cpu, o) or passes_check(w, o) for o in w.all(Cpu))


class SmtHardware(Hooks):
    """A cpu without SMT Protection."""

    def protects(self, w: World, vcpu: Vcpu) -> bool:
        """Say whether this cpu protects a vcpu with this VMSA."""
        return False

    def wait_at_entry(self, w: World, vcpu: Vcpu) -> Sections:
        """VMRUN may wait here."""
        yield from ()

    def outcome(self, w: World, vcpu: Vcpu) -> Exit:
        """VMRUN checks; Exit.NONE: the guest runs."""
        if vcpu.asks != Protection.NONE and w.assume(UNSUPPORTED_FAILS):
            return Exit.INVALID
        return Exit.NONE

    def wait_at_exit(self, w: World, vcpu: Vcpu) -> Sections:
        """#VMEXIT may wait here."""
        yield from ()


def held(w: World, cpu: Cpu) -> bool:
    """Say whether hardware keeps an idle cpu idle, whatever arrives, beside a vcpu."""
    if w.assume(SIBLING_WAKES) == "wakes" or not seen_idle(w, cpu):
        return False
    return beside_protected(w, cpu)


def beside_protected(w: World, cpu: Cpu) -> bool:
    """Say whether a protected vcpu is in guest mode on a sibling, so that this cpu is held."""
    return any(
        covered(w, v.cpu, cpu)
        and w.use(SmtHardware).protects(w, v)
        and (v.cpu.activity == Activity.GUEST or holds_in_hlt(w, v))
        and (w.assume(HELD_UNTIL_VMEXIT) or not v.cpu.irq)
        for v in w.all(Vcpu)
    )


def holds_in_hlt(w: World, vcpu: Vcpu) -> bool:
    """Say whether a vcpu that halts in guest mode holds its siblings."""
    if w.the(Host).hlt_intercept or not w.assume(GUEST_HLT_HOLDS):
        return False
    return vcpu.cpu.activity == Activity.GUEST_HLT


def pushed_out(w: World, vcpu: Vcpu) -> bool:
    """Say whether hardware ends guest mode itself, because a sibling has, or had, to wake."""
    if w.assume(SIBLING_WAKES) == "held" or not w.use(SmtHardware).protects(w, vcpu):
        return False
    if w.assume(SIBLING_WAKES) == "exits":
        return any(covered(w, vcpu.cpu, o) and seen_idle(w, o) and has_event(o) for o in w.all(Cpu))
    return any(covered(w, vcpu.cpu, o) and not seen_idle(w, o) for o in w.all(Cpu))
