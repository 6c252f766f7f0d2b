"""Which engine "auto" takes, and that what is known of a machine is not asked again."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from vmlitmus.decide import Job, cells, decide
from vmlitmus.engine import run
from vmlitmus.litmus import Catalogue
from vmlitmus.outcome import Verdict

CATALOGUE = Catalogue()
[(TEST, (CELL, *_))] = CATALOGUE.select(["page-reused"], wide=False)


@pytest.mark.parametrize(("likely", "engine"), [(1, "reference"), (10**6, "compiled")])
def test_auto_goes_by_how_many_states_are_likely(likely: int, engine: str) -> None:
    machine = CELL.machine(CATALOGUE.model_of(TEST.topic))
    found = run(machine, CELL.claim, likely=likely)
    other = run(machine, CELL.claim, engine="reference")
    assert found.engine == engine
    same = [dataclasses.replace(result, engine="", seconds=0) for result in (found, other)]
    assert same[0] == same[1]


def test_auto_compiles_in_the_end_what_is_larger_than_was_likely(monkeypatch) -> None:
    machine = CELL.machine(CATALOGUE.model_of(TEST.topic))
    chooser = sys.modules[run.__module__]
    for name, seconds in (("_COMPILING", (1e-9, 0)), ("_COLD", 1e-9), ("_STATE", (1e-12, 0))):
        monkeypatch.setattr(chooser, name, seconds)
    assert run(machine, CELL.claim, likely=1).engine == "compiled"


@pytest.fixture
def runs(monkeypatch):
    """The claims that were searched for."""
    found: list[str] = []

    def counted(machine, claim, **options):
        found.append(str(claim))
        return run(machine, claim, **options)

    monkeypatch.setattr(cells, "run", counted)
    return found


def test_cells_with_one_machine_and_one_claim_are_decided_once(runs) -> None:
    settings = CELL.settings(CATALOGUE.model_of(TEST.topic))
    written_out = dataclasses.replace(CELL, tables=settings.tables)
    assert written_out.scenario != CELL.scenario
    job = Job(CATALOGUE)
    first, again = decide(job, TEST, CELL), decide(job, TEST, written_out)
    assert again == first
    assert len(runs) == 1


def test_another_claim_on_a_machine_is_decided(runs) -> None:
    opposite = "possible" if CELL.claim.kind == "never" else "never"
    claim = dataclasses.replace(CELL.claim, kind=opposite)
    job = Job(CATALOGUE)
    first = decide(job, TEST, CELL)
    other = decide(job, TEST, dataclasses.replace(CELL, claim=claim))
    assert first.result is not None
    assert other.result is not None
    assert {first.result.verdict, other.result.verdict} == {Verdict.HOLDS, Verdict.VIOLATED}
    assert len(runs) == 2


def test_what_was_stopped_is_decided_again(runs, monkeypatch) -> None:
    job = Job(CATALOGUE)
    stopped = dataclasses.replace(run(job.machine(TEST, CELL), CELL.claim), reason="interrupted")
    with monkeypatch.context() as first:
        first.setattr(cells, "run", lambda *_, **__: stopped)
        decide(job, TEST, CELL)
    decide(job, TEST, CELL)
    assert len(runs) == 1
