"""The catalogue: every verdict and count, by both engines."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import pytest

from vmlitmus.decide import Job
from vmlitmus.engine import run
from vmlitmus.lang import Claim
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import blessed
from vmlitmus.outcome import Result, Verdict

CATALOGUE = Catalogue()
JOB = Job(CATALOGUE)
CELLS = [(test, cell) for test in CATALOGUE.tests() for cell in test.cells]
COUNTS = {topic: blessed(topic) for topic in CATALOGUE.topics()}
SMALL, ORDINARY, LARGE = 300, 20_000, 1_000_000


def states(test, cell) -> int:
    """Return how many states a cell has by the stored counts."""
    return COUNTS[test.topic].get(cell.name, [ORDINARY])[0]


def smallest(pairs) -> set[str]:
    """Return the smallest cell of each test and claim: the others differ in a setting or a part."""
    found = {}
    for test, cell in pairs:
        known = found.setdefault((test.name, cell.claim), cell)
        found[test.name, cell.claim] = min(known, cell, key=lambda one: states(test, one))
    return {cell.name for cell in found.values()}


MIDDLE = [p for p in CELLS if SMALL <= states(*p) < ORDINARY and not p[0].wide]
CHOSEN = smallest(MIDDLE) | {
    cell.name for test, cell in CELLS if states(test, cell) < SMALL and not test.wide
}
REST = [p for p in CELLS if p[1].name not in CHOSEN and states(*p) < LARGE]


def named(pairs) -> list[object]:
    return [pytest.param(test, cell, id=cell.name) for test, cell in pairs]


def comparable(result: Result) -> Result:
    """Return what both engines must agree on: all but the time, and how states are stored."""
    warnings = tuple(w for w in result.warnings if "fingerprints" not in w)
    return dataclasses.replace(result, engine="", seconds=0, warnings=warnings)


@lru_cache(maxsize=512)
def agreed(topic: str, content: object, claim: Claim) -> tuple[Result, Result]:
    """Return what each engine says of a claim on the machine that was built last."""
    [machine] = JOB.scenario.values()
    assert machine.content == content
    one = run(machine, claim, engine="reference")
    two = run(machine, claim, engine="compiled")
    assert comparable(one) == comparable(two)
    return one, two


def agree(test, cell) -> None:
    machine = JOB.machine(test, cell)
    one, two = agreed(test.topic, machine.content, cell.claim)
    assert one.verdict == cell.expect
    assert not one.warnings
    assert cell.timing or not two.warnings, "an ordinary question needs no fingerprints"
    stored = COUNTS[test.topic].get(cell.name)
    assert stored is None or stored == [one.states, one.transitions, one.depth]


@pytest.mark.parametrize(("test", "cell"), named(p for p in CELLS if p[1].name in CHOSEN))
def test_engines_agree(test, cell) -> None:
    agree(test, cell)


@pytest.mark.wide
@pytest.mark.parametrize(("test", "cell"), named(REST))
def test_engines_agree_on_large_and_wide_tests(test, cell) -> None:
    agree(test, cell)


def test_every_ordinary_cell_has_stored_counts() -> None:
    missing = [
        cell.name for test, cell in CELLS if not test.wide and cell.name not in COUNTS[test.topic]
    ]
    assert not missing


def test_there_are_forty_tests_and_names_are_unique() -> None:
    names = [test.name for test in CATALOGUE.tests()]
    assert len(names) == len(set(names)) >= 40


def test_both_verdicts_occur() -> None:
    assert {cell.expect for _, cell in CELLS} == {Verdict.HOLDS, Verdict.VIOLATED}


@pytest.mark.parametrize("topic", CATALOGUE.topics())
def test_every_condition_can_be_compiled(topic) -> None:
    """A check of the catalogue looks only at those that its tests ask about."""
    machine = CATALOGUE.tests(topic)[0].cells[0].machine(CATALOGUE.model_of(topic))
    assert all(machine.codes[name].blocks for name in machine.conditions)


@pytest.mark.parametrize("topic", ["smt-protection"])
def test_every_value_of_an_assumption_has_a_test(topic) -> None:
    assumed = {
        (name, value)
        for test, cell in CELLS
        if test.topic == topic
        for name, value in cell.assume.items()
    }
    values = [
        (a.name, value)
        for a in CATALOGUE.model_of(topic).assumptions
        for value in a.choices or (True, False)
    ]
    assert [v for v in values if v not in assumed] == []
