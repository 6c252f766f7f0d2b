"""Every claim of vcpu-wakeup against every mechanism, under both memory orders, barrier by barrier.

``pytest --wide tests/memory_order/test_every_claim.py``, some minutes. One search of a mechanism
tells of all claims that something never happens, one more of each claim that something has to;
vcpus enter any number of times. Under sequential consistency no barrier matters. What is reached
with all barriers in is a finding, or no fault of the mechanism:

- a TLB flush and a page that is ready are requests that wake nobody (``sleeper-forgotten``), and
  the second is no reason to kick while the guest is about to acknowledge (``request-ignored``);
- ``posted-before-the-last-device-goes`` and ``ap-is-started-twice`` are findings.

What need not be served in the end, with all barriers in: the interrupt of the first of these
findings; a TLB flush of a vcpu that sleeps; and the request that came with a SIPI which is taken
before it, where the vcpu then executes HLT with nothing else to do. What a guest or a scheduler may
do for ever without serving anything (a walk, a preemption, a restart) happens twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from vmlitmus.compiler import Machine, build
from vmlitmus.engine import run
from vmlitmus.lang import leads_to, never
from vmlitmus.model import TOPICS

MODEL = TOPICS["vcpu-wakeup"]
CLAIMS = (
    *("request-ignored", "sleeper-forgotten", "freed-page-walked", "freed-page-reachable"),
    *("dirty-line-left", "stale-spte", "page-unreported", "interrupt-unnoticed", "listed-twice"),
    *("sleeps-with-interrupt", "runs-with-inhibited-avic", "init-lost", "start-lost", "eoi-lost"),
    "stale-controls",
)
ENTRY = "smp_mb() in srcu_read_unlock() after IN_GUEST_MODE"
STATE = "the barrier in set_current_state()"
BIT = "the LOCK of set_bit() in kvm_make_request()"
MODE = "the LOCK of cmpxchg() in kvm_vcpu_exiting_guest_mode()"
WAKE = "smp_mb() in rcuwait_wake_up()"
WALK = "smp_store_mb() of READING_SHADOW_PAGE_TABLES"
POST = "the LOCKs of test_and_set_bit() of PIR and ON"
CLEAR = "the LOCK of clear_bit() of ON in vmx_sync_pir_to_irr()"
NOTHING: dict[str, str] = {}


@dataclass
class Mechanism:
    """What is allowed, what is reached in any case, and what each barrier keeps from being so."""

    allow: str
    reached: str = ""
    barriers: dict[str, str] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    at_most: dict[str, int] = field(default_factory=dict)


POSTED = {"kvm": {"apicv": "posted", "device": "assigned"}}
AVIC = {"kvm": {"apicv": "avic"}}
UNNOTICED = "interrupt-unnoticed sleeps-with-interrupt"
MECHANISMS = {
    "requests": Mechanism(
        "request halt preempt migration",
        "",
        {ENTRY: "request-ignored", STATE: "sleeper-forgotten", BIT: "", WAKE: ""}
        | {MODE: "request-ignored"},
        {"machine": {"spare_cpus": 1}},
    ),
    "shadow pages": Mechanism(
        "walk zap access guest-write",
        "",
        {ENTRY: "request-ignored freed-page-reachable dirty-line-left", BIT: "", MODE: ""}
        | {WALK: "freed-page-walked"},
        {"kvm": {"have_run_cpus": True}},
    ),
    "shadow pages of a vcpu that sleeps": Mechanism(
        "walk zap access request halt",
        "sleeper-forgotten",
        {ENTRY: "request-ignored freed-page-reachable", STATE: "", MODE: "request-ignored"}
        | {BIT: "", WAKE: "", WALK: "freed-page-walked"},
        at_most={"request": 2},
    ),
    "tracked writes": Mechanism(
        "emulated-write shadow-fault unshadow",
        "",
        {"smp_mb() in kvm_mmu_track_write()": "stale-spte", ENTRY: ""}
        | {"smp_mb() in account_shadowed()": "stale-spte"},
        {"machine": {"vcpus": 2}},
        {"unshadow": 1},
    ),
    "asynchronous page faults": Mechanism(
        "fault halt",
        "request-ignored",
        {ENTRY: "page-unreported", STATE: "page-unreported sleeper-forgotten", BIT: "", WAKE: ""}
        | {"smp_store_mb() of pageready_pending": ""},
        {"guest": {"async_pf": True}},
    ),
    "posted interrupts": Mechanism(
        "software-irq device-irq halt request",
        "",
        {ENTRY: "request-ignored interrupt-unnoticed", STATE: "sleeper-forgotten", BIT: ""}
        | {POST: UNNOTICED, CLEAR: UNNOTICED, MODE: "", WAKE: ""},
        POSTED,
        {"request": 1, "device-irq": 2, "software-irq": 2},
    ),
    "posted interrupts of a vcpu that migrates": Mechanism(
        "device-irq halt preempt migration",
        "",
        {ENTRY: "", STATE: "", CLEAR: UNNOTICED},
        {**POSTED, "machine": {"spare_cpus": 1}},
        {"device-irq": 2, "preempt": 2},
    ),
    "devices that come and go": Mechanism(
        "device-irq halt assign unassign",
        "sleeps-with-interrupt",
        {ENTRY: "request-ignored", STATE: "sleeper-forgotten"},
        {"kvm": {"apicv": "posted"}},
        {"assign": 1, "unassign": 1, "device-irq": 2},
    ),
    "APICv that is inhibited": Mechanism(
        "device-irq software-irq halt inhibit",
        "",
        {ENTRY: "runs-with-inhibited-avic", STATE: "", CLEAR: ""},
        {"kvm": {**POSTED["kvm"], "apicv_switchable": True}},
        {"inhibit": 2, "device-irq": 2, "software-irq": 1},
    ),
    "AVIC": Mechanism(
        "ipi avic-irq halt request",
        "",
        {ENTRY: "request-ignored interrupt-unnoticed", BIT: "", WAKE: ""}
        | {STATE: "sleeper-forgotten sleeps-with-interrupt", MODE: "interrupt-unnoticed"},
        AVIC,
        {"request": 1, "ipi": 2, "avic-irq": 2},
    ),
    "AVIC that is inhibited": Mechanism(
        "ipi avic-irq halt inhibit",
        "",
        {ENTRY: "request-ignored interrupt-unnoticed runs-with-inhibited-avic", BIT: "", WAKE: ""}
        | {STATE: "sleeper-forgotten sleeps-with-interrupt"},
        AVIC,
        {"inhibit": 2, "ipi": 2, "avic-irq": 1},
    ),
    "INIT and SIPI": Mechanism(
        "init-sipi ap-halts", "start-lost", NOTHING, {"guest": {"ap": True, "sipis": 2}}
    ),
}
REQUEST, INTERRUPT = "request-pending", "interrupt-pending"
BOTH = f"{REQUEST} {INTERRUPT}"
SERVED = {REQUEST: "request-served", INTERRUPT: "interrupt-taken"}
FOR_EVER = {
    "requests": {"request": 2, "preempt": 2},
    "shadow pages": {"zap": 2, "walk": 2},
    "shadow pages of a vcpu that sleeps": {"zap": 2, "walk": 2},
    "INIT and SIPI": {"init-sipi": 2},
}
UNSERVED = {
    ("shadow pages of a vcpu that sleeps", ""): REQUEST,
    ("devices that come and go", ""): INTERRUPT,
    ("INIT and SIPI", ""): REQUEST,
    # under tso, without the barrier
    ("requests", ENTRY): REQUEST,
    ("requests", STATE): REQUEST,
    ("shadow pages", ENTRY): REQUEST,
    ("asynchronous page faults", ENTRY): REQUEST,
    ("asynchronous page faults", STATE): REQUEST,
    ("posted interrupts", ENTRY): BOTH,
    ("posted interrupts", STATE): REQUEST,
    ("posted interrupts", POST): INTERRUPT,
    ("posted interrupts", CLEAR): INTERRUPT,
    ("posted interrupts of a vcpu that migrates", CLEAR): INTERRUPT,
    ("devices that come and go", ENTRY): REQUEST,
    ("devices that come and go", STATE): REQUEST,
    ("AVIC", ENTRY): BOTH,
    ("AVIC", STATE): BOTH,
    ("AVIC", MODE): INTERRUPT,
    ("AVIC that is inhibited", ENTRY): BOTH,
    ("AVIC that is inhibited", STATE): BOTH,
}
CASES = [
    (name, memory, off)
    for name, mechanism in MECHANISMS.items()
    for memory in ("sc", "tso")
    for off in ("", *mechanism.barriers)
]


def machine_of(name: str, memory: str, off: str, at_most: dict[str, int]) -> Machine:
    """Return the machine of a mechanism, without one of its barriers."""
    mechanism = MECHANISMS[name]
    machine = {**mechanism.tables.get("machine", {}), "memory": memory}
    if memory == "tso":
        machine["store_buffer"] = 5
    return build(
        MODEL,
        {**mechanism.tables, "machine": machine},
        allow=tuple(mechanism.allow.split()),
        at_most={**mechanism.at_most, **at_most},
        without=frozenset({off} if off else ()),
    )


@pytest.mark.wide
@pytest.mark.parametrize(("name", "memory", "off"), CASES)
def test_what_is_reached(name: str, memory: str, off: str) -> None:
    """Exactly what the mechanism says, of all claims."""
    mechanism = MECHANISMS[name]
    built = machine_of(name, memory, off, {})
    found = run(built, never("request-ignored"), engine="compiled", observe=CLAIMS).observed
    expected = {*mechanism.reached.split()}
    if memory == "tso" and off:
        expected |= {*mechanism.barriers[off].split()}
    assert {claim for claim in CLAIMS if found[claim]} == expected


@pytest.mark.wide
@pytest.mark.parametrize(("name", "memory", "off"), CASES)
def test_what_need_not_be_served(name: str, memory: str, off: str) -> None:
    """Exactly what the table says, of requests and interrupts."""
    built = machine_of(name, memory, off, FOR_EVER.get(name, {}))
    found = {
        sent
        for sent, served in SERVED.items()
        if run(built, leads_to(sent, served), engine="compiled").verdict.value == "violated"
    }
    expected = {*UNSERVED.get((name, ""), "").split()}
    if memory == "tso" and off:
        expected |= {*UNSERVED.get((name, off), "").split()}
    assert found == expected
