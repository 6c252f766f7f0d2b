"""SMT Protection: every claim against every mechanism, under every reading of the manual."""

from __future__ import annotations

import itertools

from vmlitmus.litmus import Catalogue
from vmlitmus.model.hardware.smt.readings import READINGS
from vmlitmus.model.kvm.smt_protection.approaches import MECHANISMS
from vmlitmus.model.kvm.smt_protection.injection import EVENTINJ_AFTER
from vmlitmus.model.kvm.smt_protection.mechanism import Cookies

CELLS = [cell for test in Catalogue().tests("smt-protection") for cell in test.cells]
# With "hot-unplug" no guest runs on a host that halts.
BY_DEFAULT_ONLY = {"hot-unplug"}
CROSSED = {name: kind for name, kind in MECHANISMS.items() if name not in BY_DEFAULT_ONLY}
COOKIES = [name for name, kind in CROSSED.items() if kind.cookies is not Cookies.NONE]
ESMTP = {"stall-counts-as", "stall-ends", "nmi-ends-stall", "stall-is-bounded"}
ESMTP |= {"one-stall-exits", "exit-waits"}
RUNS = "leads_to vcpu-waits-to-run vcpu-runs"
SERVED = "leads_to sibling-interrupt-pending sibling-interrupts-served"
# With idle_cpu() nobody gets in under these readings: what would be lost or done is never reached.
NEVER_IN = {"guest-hlt-is-idle", "nmi-ends-stall", "stall-counts-as", "exit-waits"}
NEVER_IN |= {"one-stall-exits"}
OF_VMRUN = {"never injected-interrupt-lost", "never sleeps-while-atomic"}
CLAIMS = {  # a claim, and what stands for it where it cannot be asked as it is
    "never sibling-executes": ("possible sibling-executes",),
    "never idle-required": (),
    RUNS: ("recoverable vcpu-runs", "recoverable first-vcpu-runs"),
    SERVED: ("recoverable interrupts-served",),
    "never injected-interrupt-lost": (),
    "never sleeps-while-atomic": (),
    "recoverable first-vcpu-runs": (),
    "recoverable second-vcpu-runs": (),
    "never cookies-mixed-as-picked": (),
    "never cookies-mixed-executing": (),
    "never cookies-mixed-with-kernel": (),
}


def crossed() -> set[tuple[str, str, str, str]]:
    """Return each claim with a mechanism and a value of an assumption that some cell sets."""
    found = set()
    for cell in CELLS:
        mechanism = cell.tables.get("host", {}).get("mechanism", "none")
        for name, value in cell.assume.items():
            found.add((str(cell.claim), mechanism, name, str(value)))
    return found


def wanted() -> list[tuple[str, str, str, str]]:
    """Return what has to be there; no VMRUN of an ESMTP vcpu exits with -3."""
    result = []
    for reading, claim in itertools.product((*READINGS, EVENTINJ_AFTER), CLAIMS):
        if claim == "never idle-required" and reading.name in ESMTP:
            continue
        values = [str(v) for v in reading.choices or (True, False) if v != reading.default]
        mechanisms = COOKIES if "cookies" in claim else list(CROSSED)
        if claim in OF_VMRUN and reading.name in NEVER_IN:
            mechanisms = [m for m in mechanisms if m != "idle-cpu-wait"]
        result += [(claim, m, reading.name, v) for m in mechanisms for v in values]
    return result


def test_every_claim_is_asked_of_every_mechanism_under_every_reading() -> None:
    there = crossed()
    missing = [
        (claim, *rest)
        for claim, *rest in wanted()
        if not any((c, *rest) in there for c in (claim, *CLAIMS[claim]))
    ]
    assert len(wanted()) > 2000
    assert not missing
