"""Every table that the pages show is asked again with each bound one higher, alone and together.

``pytest --wide tests/catalogue/test_growth.py``, hours; ``-k`` picks tables. A verdict that another
bound changes is either a fault of the model or an exception, which the page of the table explains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmlitmus.decide import Job
from vmlitmus.decide.growth import bounds, grow
from vmlitmus.engine import Limits
from vmlitmus.litmus import Catalogue
from vmlitmus.outcome import Verdict
from vmlitmus.outcome.growth import Grown, verdict_of
from vmlitmus.scenario import Cell
from vmlitmus.scenario import Test as Litmus

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = {name for p in PAGES for name in re.findall(r"vmlitmus table ([a-z0-9-]+)", p.read_text())}
CATALOGUE = Catalogue()
MATRICES = ("page-state", "domain-switch")  # topics whose further matrices are asked too
FURTHER = {t.name for n in MATRICES for t in CATALOGUE.tests(n) if len(t.cells) > 1 and not t.wide}
TABLES = [test for test in CATALOGUE.tests() if test.name in SHOWN | {"hint-by-event"} | FURTHER]
CELLS = [pytest.param(test, cell, id=cell.name) for test in TABLES for cell in test.cells]
SECONDS, MEMORY = 60.0, 3 << 30  # for one question

RUNS = "leads_to vcpu-waits-to-run vcpu-runs"
SERVED = "leads_to sibling-interrupt-pending sibling-interrupts-served"
SMT = "docs/topics/smt-protection.md"


def mechanisms(
    names: str, claim: str, bound: str, says: str
) -> dict[tuple[str, str], tuple[str, str]]:
    """Return exceptions of mechanism-by-claim."""
    cells = [f"mechanism-by-claim[mechanism={name},claim={claim}]" for name in names.split()]
    return {(cell, bound): (SMT, says) for cell in cells}


# cell, bound: page, what it says there
EXCEPTIONS: dict[tuple[str, str], tuple[str, str]] = {
    **mechanisms(
        "none core-scheduling", RUNS, "machine.cores", "a second core takes the user task away"
    ),
    **mechanisms(
        "none core-scheduling cookie-per-vcpu cookie-per-vm kernel-entry gang"
        " tif-handshake isolation",
        SERVED,
        "machine.cpus_per_core",
        "The one MSR then names one of two siblings",
    ),
    **mechanisms("cookie-per-vm gang", RUNS, "guest.vcpus", "Each keeps the other from running"),
    **mechanisms("isolation", RUNS, "guest.vcpus", "Cpu isolation keeps two such vcpus out"),
    **mechanisms("hot-unplug-outside", RUNS, "host.tasks", "a slice of that task comes before"),
    **mechanisms(
        "hot-unplug-outside", RUNS, "guest.vcpus", "with one more vcpu the two shut each other out"
    ),
    **{
        (f"policy-grid[cache_flush=v3,allow={allow}]", "machine.tasks"): (
            "README.md",
            "With two at once v3 is not safe either",
        )
        for allow in (
            "guest-write+eviction+reclaim+host-reuse",
            "guest-write+eviction+migration+reclaim+host-reuse",
        )
    },
    **{
        (
            f"proposed-table[smt=on,mode=warn,guest={guest},context={context},"
            f"forced_on=acknowledged,on_fatal={on_fatal}]",
            bound,
        ): ("docs/topics/split-lock.md", "takes the neighbour away in `proposed-table`")
        for bound in ("vm.1.vcpus", "vm")
        for guest in ("off", "warn", "fatal")
        for context in ("user", "kernel")
        for on_fatal in ("kill", "forward")
    },
    ("mode-claim-grid[mode=warn,claim=never stays-undetected]", "machine.cores"): (
        "docs/topics/split-lock.md",
        "one work item serves all cpus, and that can leave a core without detection",
    ),
    **{
        (
            f"smt-who-is-beside[siblings={siblings},claim=never guest-beside-tenant]",
            "machine.cores",
        ): (
            "docs/topics/domain-switch.md",
            "with all of them each VM has a core of its own",
        )
        for siblings in ("anybody", "cookies")
    },
    (
        "hint-by-event[hint=accurate-topology,allow=configuration+live-migration]",
        "host.2.cores",
    ): ("docs/topics/smt-topology.md", "a destination with as many cores as the VM has vcpus"),
    **{
        (cell, "machine.cores"): ("docs/topics/domain-switch.md", "Threads have cpus of their own")
        for cell in (
            "ibpb-load-without-entry[ibpb=at-load]",
            "l1d-two-tenants[l1d_flush=never]",
            "asking-thread-in-a-mixed-process[switch_mm=if-asked]",
            "opted-task-in-a-mixed-process[switch_mm=if-asked]",
        )
    },
    **{
        (f"smt-predictions[siblings={siblings},ibpb-covers-core=false]", "machine.cores"): (
            "docs/topics/domain-switch.md",
            "The same ends `smt-predictions`",
        )
        for siblings in ("anybody", "cookies-awaited")
    },
    ("allocated-page-can-be-populated[version=rfc]", "machine.pages"): (
        "docs/topics/page-state.md",
        "another page, never punched, still can",
    ),
    ("mode-claim-grid[mode=warn,claim=never tenant-unseen]", "vm.1.vcpus"): (
        "docs/topics/split-lock.md",
        "With two vcpus the first VM has both cpus of the core",
    ),
}


def one_higher(test: Litmus, cell: Cell) -> Iterator[dict[str, int]]:
    """Yield each bound that can be raised, by one, and then all of them."""
    found = [b for b in bounds(CATALOGUE.model_of(test.topic), cell) if b.value < b.high]
    yield from ({b.name: b.value + 1} for b in found)
    if len(found) > 1:
        yield {b.name: b.value + 1 for b in found}


def excepted(cell: Cell, row: Grown) -> bool:
    """Say whether a page explains that a bound of this row changes the verdict."""
    return any(cell.name == c and b in row.raised for c, b in EXCEPTIONS)


def flips(test: Litmus, cell: Cell) -> tuple[list[Grown], int]:
    """Return the rows with another verdict than the cell's, and how many were not decided."""
    job = Job(CATALOGUE, limits=Limits(SECONDS, MEMORY))
    rows = [
        row
        for change in one_higher(test, cell)
        for row in grow(job, test, cell, SECONDS, only=change).rows
    ]
    assert not [row for row in rows if row.outcome.error], [row.outcome.error for row in rows]
    open_ = sum(1 for row in rows if verdict_of(row.outcome) is Verdict.INCONCLUSIVE)
    decided = [r for r in rows if verdict_of(r.outcome) is not Verdict.INCONCLUSIVE]
    other = [r for r in decided if verdict_of(r.outcome) is not cell.expect]
    return [row for row in other if not row.outcome.result.vacuous], open_


@pytest.mark.wide
@pytest.mark.parametrize(("test", "cell"), CELLS)
def test_a_table_stays_as_it_is_with_each_bound_one_higher(test: Litmus, cell: Cell) -> None:
    found, open_ = flips(test, cell)
    assert not [row.raised for row in found if not excepted(cell, row)]
    if open_:
        pytest.skip(f"{open_} questions were not decided in {SECONDS:.0f} s; the others agree")


def test_exceptions_are_explained_on_their_page() -> None:
    cells = {cell.name for test in TABLES for cell in test.cells}
    for (cell, _), (page, text) in EXCEPTIONS.items():
        assert cell in cells
        assert text in " ".join((ROOT / page).read_text().split())


def test_every_table_of_the_pages_has_a_bound_that_can_be_raised() -> None:
    assert len(TABLES) > 8
    for test in TABLES:
        assert test.name in FURTHER or list(one_higher(test, test.cells[0])), test.name
