"""What the manual does not say of SMT Protection: one assumption for each silence.

An assumption names what the model does and, in its other values, what else a reader of the manual
may take it to mean. Where the model could not tell two things apart, one assumption names both.
PAUSE that is not intercepted is an instruction like any other here. The number of ILLSIB is not
known either, and changes nothing.
Source: APM vol. 2, 15.36.17, and what it leaves out; the two replies of 2025-08.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption

# What VMRUN treats as idle

OFFLINE_IS_IDLE = Assumption(
    "offline-is-idle",
    "the VMRUN check treats a cpu in play_dead as idle: no source says so",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: VMRUN beside a "
        "sibling that is offline"
    ),
)
MWAIT_IS_IDLE = Assumption(
    "mwait-is-idle",
    "the VMRUN check treats MWAIT (C1) as idle: the reply names only HLT and C2",
    default=False,
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: VMRUN beside a "
        "sibling in MWAIT"
    ),
)
DEEP_IS_IDLE = Assumption(
    "deep-is-idle",
    "the VMRUN check treats C-states deeper than C2, such as CC6, as idle: the reply names only "
    "HLT and C2",
    default=False,
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: VMRUN beside a "
        "sibling in CC6"
    ),
)
POLL_IS_IDLE = Assumption(
    "poll-is-idle",
    "the VMRUN check treats a cpu that polls as idle; probably not, because cpu_relax() is an "
    "instruction",
    default=False,
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: VMRUN beside a "
        "sibling with idle=poll"
    ),
)
SMM_IS_IDLE = Assumption(
    "smm-is-idle",
    "the VMRUN check treats a cpu in SMM as idle if it was in HLT before: no source says so",
    default=False,
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: VMRUN beside a "
        "sibling that gets SMIs in HLT"
    ),
)
GUEST_HLT_IS_IDLE = Assumption(
    "guest-hlt-is-idle",
    "the VMRUN check treats a sibling as idle if its guest executed HLT without an intercept: no "
    "source says so",
    default=False,
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: VMRUN beside a "
        "guest in HLT without an intercept"
    ),
)
WAKING_IS_IDLE = Assumption(
    "waking-is-idle",
    "the VMRUN check treats a cpu as idle if it has a wake event pending but executes nothing yet: "
    "no source says so",
    default=False,
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: VMRUN while a "
        "storm of interrupts wakes the sibling"
    ),
)
COVERS_ALL_SIBLINGS = Assumption(
    "covers-all-siblings",
    "with more than two threads in a core, all others are checked and held, not only the other one "
    "of a pair: no source says so",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: on a cpu with "
        "more than two threads in a core; none is known"
    ),
)

# What holds a sibling while a protected vcpu runs, and what lets it go

SIBLING_WAKES = Assumption(
    "sibling-wakes",
    "an event at an idle sibling of a running protected vcpu: the sibling is held and hardware "
    "writes IDLE_WAKEUP_ICR (held: the reply), or the vcpu exits with -3 and then the sibling "
    "wakes (exits: one reading of the cover letter), or the other way round (wakes)",
    default="held",
    choices=("held", "exits", "wakes"),
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: which of the "
        "two cpus executes first after an interrupt for the sibling"
    ),
)
NMI_IS_HELD = Assumption(
    "nmi-is-held",
    "an NMI or a machine check waits at a held sibling like any other wake event: no source says "
    "so of either",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: an NMI for a "
        "held sibling; of a machine check, only the APM"
    ),
)
SMI_IS_HELD = Assumption(
    "smi-is-held",
    "an SMI waits at a held sibling like any other wake event: no source says so",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: an SMI for a "
        "held sibling"
    ),
)
INIT_IS_HELD = Assumption(
    "init-is-held",
    "INIT and SIPI wait at an offline sibling of a running protected vcpu: no source says so",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: INIT and SIPI "
        "for an offline sibling of a running vcpu"
    ),
)
HELD_UNTIL_VMEXIT = Assumption(
    "held-until-vmexit",
    "a sibling is held until #VMEXIT even if an event for the vcpu's cpu comes in the same cycle "
    "as its own: no source says so",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: interrupts for "
        "both cpus at once, very often"
    ),
)
GUEST_HLT_HOLDS = Assumption(
    "guest-hlt-holds",
    "a protected vcpu that executed HLT without an intercept holds its sibling as a running one "
    "does: no source says so",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: an interrupt "
        "for the sibling of a vcpu in HLT without an intercept"
    ),
)

# What hardware writes to the ICR

UNSET_ICR_SENDS_NOTHING = Assumption(
    "unset-icr-sends-nothing",
    "an IDLE_WAKEUP_ICR that was never written sends an illegal vector, which is dropped; "
    "otherwise it ends guest mode all the same",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: an interrupt "
        "for a held sibling whose IDLE_WAKEUP_ICR is zero"
    ),
)
ICR_AS_IT_IS = Assumption(
    "icr-as-it-is",
    "in xAPIC mode IDLE_WAKEUP_ICR goes to the ICR as it is, so that the destination is in bits "
    "63:56, where vector | apicid << 32 has zero; otherwise hardware puts it there",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: the same in xAPIC mode"
    ),
)
ICR_BUSY_WAITS = Assumption(
    "icr-busy-waits",
    "hardware that finds the ICR busy writes IDLE_WAKEUP_ICR once it is free, and does not drop "
    "it: no source says so",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: an interrupt "
        "for a held sibling that has just sent an IPI"
    ),
)

# What a VMSA may ask for

UNSUPPORTED_FAILS = Assumption(
    "unsupported-fails",
    "VMRUN of a VMSA that asks for what the cpu does not support fails with VMEXIT_INVALID",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: VMRUN with the "
        "bit on a cpu without SMT Protection"
    ),
)

# What a VMRUN that stalls does (ESMTP)

STALL_COUNTS_AS = Assumption(
    "stall-counts-as",
    "what a VMRUN that stalls is to the sibling's check: the guest, so that two legal ones go on "
    "together, the host, so that neither does, or an idle cpu, so that one does: no source says so",
    default="guest",
    choices=("guest", "host", "idle"),
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: two ESMTP "
        "vcpus of one guest that enter at once"
    ),
)
STALL_ENDS = Assumption(
    "stall-ends",
    "an interrupt for the cpu ends a stalled VMRUN with an ordinary exit: no source says so",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: a stalled "
        "VMRUN and an interrupt for its cpu"
    ),
)
NMI_ENDS_STALL = Assumption(
    "nmi-ends-stall",
    "an NMI for the cpu, or an SMI, which the model cannot tell apart here, ends a stalled VMRUN: "
    "no source says so",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: a stalled "
        "VMRUN and an NMI for its cpu"
    ),
)
STALL_IS_BOUNDED = Assumption(
    "stall-is-bounded",
    "a VMRUN that stalls exits by itself after some time: no source says so",
    default=False,
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: a stalled "
        "VMRUN beside a sibling that never idles"
    ),
)
ONE_STALL_EXITS = Assumption(
    "one-stall-exits",
    "of two VMRUNs that stall beside each other and are illegal together, the one on the higher "
    "cpu exits with ILLSIB: no source says who gives way, or that anybody does",
    default=False,
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: two ESMTP "
        "vcpus of different guests that enter at once"
    ),
)
EXIT_WAITS = Assumption(
    "exit-waits",
    "hardware holds a #VMEXIT until the legal sibling has left guest mode too, and kicks it by "
    "IDLE_WAKEUP_ICR: no source says so",
    settled_by=(
        "the APM on SMT Protection (15.36.17), or a test on such hardware: an exit of one "
        "vcpu of a legal pair, and the time of the other's"
    ),
)

READINGS = (
    OFFLINE_IS_IDLE,
    MWAIT_IS_IDLE,
    DEEP_IS_IDLE,
    POLL_IS_IDLE,
    SMM_IS_IDLE,
    GUEST_HLT_IS_IDLE,
    WAKING_IS_IDLE,
    COVERS_ALL_SIBLINGS,
    SIBLING_WAKES,
    NMI_IS_HELD,
    SMI_IS_HELD,
    INIT_IS_HELD,
    HELD_UNTIL_VMEXIT,
    GUEST_HLT_HOLDS,
    UNSET_ICR_SENDS_NOTHING,
    ICR_AS_IT_IS,
    ICR_BUSY_WAITS,
    UNSUPPORTED_FAILS,
    STALL_COUNTS_AS,
    STALL_ENDS,
    NMI_ENDS_STALL,
    STALL_IS_BOUNDED,
    ONE_STALL_EXITS,
    EXIT_WAITS,
)
