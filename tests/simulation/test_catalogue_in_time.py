"""The timed tests of the catalogue find what they expect, and say what that is."""

from __future__ import annotations

from typing import Any

import pytest

from vmlitmus.lang import Model
from vmlitmus.litmus import Catalogue
from vmlitmus.scenario import Cell, Test
from vmlitmus.simulation.laws.timing import read_timing
from vmlitmus.simulation.simulate import Asked, prepared, simulate, timings_of

CATALOGUE = Catalogue()
TIMED = [test for test in CATALOGUE.tests() if test.measures]
CELLS = [pytest.param(CATALOGUE.model_of(t.topic), t, c, id=c.name) for t in TIMED for c in t.cells]


@pytest.mark.parametrize(("model", "test", "cell"), CELLS)
def test_it_is_as_expected(model: Model, test: Test, cell: Cell) -> None:
    found = simulate(model, test, [cell], Asked(runs=10, workers=1)).cells[0]
    assert found.error is None
    assert not found.warnings, found.warnings
    expected = [m.as_expected for m in found.measured if m.expected is not None]
    assert expected, "a timed test says what one of its figures is"
    assert all(expected)


@pytest.mark.parametrize("topic", sorted({test.topic for test in TIMED}))
def test_no_row_is_about_nothing(topic: str) -> None:
    """A row of a timing may be about nothing in one cell, but not in all tests that use it."""
    unused: dict[tuple[str, str], bool] = {}
    for test in TIMED:
        for cell in test.cells if test.topic == topic else ():
            rules = prepared(CATALOGUE.model_of(topic), test, cell).rules
            for row in rules.timing.rows:
                key = test.path if row.own else rules.timing.path, row.place
                unused[key] = unused.get(key, True) and row in rules.unused()
    assert not [key for key, always in unused.items() if always]


@pytest.mark.parametrize("topic", CATALOGUE.topics())
def test_parameters_have_a_source_and_a_range(topic: str) -> None:
    for path in timings_of(topic).values():
        for parameter in read_timing(path).parameters.values():
            assert parameter.means, (path, parameter.name)
            assert parameter.source, (path, parameter.name)
            assert parameter.low != parameter.high, (path, parameter.name)


def test_what_the_checks_hang_on() -> None:
    """Without the lattice the cycle of the first test is another one: the check can fail."""
    test = next(t for t in TIMED if t.name == "warn-cycle-in-time")
    cell = next(c for c in test.cells if c.where["tick"] == "4 ms")
    smooth: dict[str, Any] = {
        "step": "timer_runs_out",
        "uniform": ["2 * tick", "3 * tick"],
    }
    changed = Cell(**{**vars(cell), "timing": {**cell.timing, "time": [smooth]}})
    found = simulate(CATALOGUE.model_of(test.topic), test, [changed], Asked(runs=10, workers=1))
    assert found.exit_code == 1
