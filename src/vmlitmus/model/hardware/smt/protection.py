"""What VMRUN checks of the siblings, and what holds a sibling while a protected vcpu runs.

This is the hardware without SMT Protection: VMRUN looks at no sibling and holds nobody. The forms
of SMT Protection override the moments. Which activities hardware takes for idle is said here for
all. "Supported by this cpu" is the class chosen; "asked for by this VMSA" is ``vcpu.asks``.

Not modelled: SMI, INIT, machine checks. Source: APM vol. 2, 15.36.17; the reply of K Prateek Nayak.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, Assumption, Hooks, Lore, Sections, World
from vmlitmus.world.smt_protection import Activity, Cpu, Exit, Protection, Vcpu

SMTP = Apm("15.36.17")
REPLY = Lore(
    "Re: [RFC PATCH 1/1] KVM: SEV: Add support for SMT Protection", "K Prateek Nayak", "2025-08-08"
)
COVER = Lore(
    "[RFC PATCH 0/1] KVM: SEV: Add support for SMT Protection", "Kim Phillips", "2025-08-07"
)
OFFLINE_IS_IDLE = Assumption(
    "offline-is-idle", "the VMRUN check takes a cpu in play_dead for idle: no source says so"
)
MWAIT_IS_IDLE = Assumption(
    "mwait-is-idle",
    "the VMRUN check takes MWAIT for idle: the reply names only HLT and C2",
    default=False,
)
WAKING_IS_IDLE = Assumption(
    "waking-is-idle",
    "the VMRUN check takes a cpu for idle that has a wake event pending but executes nothing yet: "
    "no source says so",
    default=False,
)
SIBLING_WAKES = Assumption(
    "sibling-wakes",
    "an event at an idle sibling of a running protected vcpu: the sibling is held and hardware "
    "writes IDLE_WAKEUP_ICR (held: the reply), or the vcpu exits with -3 and then the sibling "
    "wakes (exits: one reading of the cover letter), or the other way round (wakes)",
    default="held",
    choices=("held", "exits", "wakes"),
)
NMI_IS_HELD = Assumption(
    "nmi-is-held", "an NMI at a held sibling waits like any other wake event: no source says so"
)
UNSUPPORTED_FAILS = Assumption(
    "unsupported-fails",
    "VMRUN of a VMSA that asks for what the cpu does not support fails with VMEXIT_INVALID",
)


def seen_idle(w: World, cpu: Cpu) -> bool:
    """Say whether the VMRUN check takes a cpu for idle."""
    if cpu.activity == Activity.OFFLINE:
        return bool(w.assume(OFFLINE_IS_IDLE))
    if cpu.activity == Activity.MWAIT:
        return bool(w.assume(MWAIT_IS_IDLE))
    return cpu.activity in (Activity.HLT, Activity.C2)


def passes_check(w: World, cpu: Cpu) -> bool:
    """Say whether VMRUN succeeds beside a cpu as far as it is concerned."""
    waking = (cpu.irq or cpu.nmi) and not w.assume(WAKING_IS_IDLE)
    return seen_idle(w, cpu) and not waking


def siblings_seen_idle(w: World, cpu: Cpu) -> bool:
    """Say whether VMRUN takes all siblings of a cpu for idle."""
    return all(o is cpu or o.core is not cpu.core or passes_check(w, o) for o in w.all(Cpu))


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
    if w.assume(SIBLING_WAKES) == "wakes":
        return False
    return beside_protected(w, cpu)


def beside_protected(w: World, cpu: Cpu) -> bool:
    """Say whether a protected vcpu is in guest mode on a sibling."""
    return any(
        v.cpu is not cpu
        and v.cpu.core is cpu.core
        and v.cpu.activity == Activity.GUEST
        and w.use(SmtHardware).protects(w, v)
        for v in w.all(Vcpu)
    )


def pushed_out(w: World, vcpu: Vcpu) -> bool:
    """Say whether hardware ends guest mode itself, because a sibling has, or had, to wake."""
    if w.assume(SIBLING_WAKES) == "held" or not w.use(SmtHardware).protects(w, vcpu):
        return False
    if w.assume(SIBLING_WAKES) == "exits":
        return any(
            o is not vcpu.cpu and o.core is vcpu.cpu.core and seen_idle(w, o) and (o.irq or o.nmi)
            for o in w.all(Cpu)
        )
    return any(
        o is not vcpu.cpu and o.core is vcpu.cpu.core and not seen_idle(w, o) for o in w.all(Cpu)
    )
