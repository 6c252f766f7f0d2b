"""The timed tests of the catalogue find what they expect, in both simulators.

The first cell of each test is an ordinary test; the other cells, large ones among them, are wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asking import both, until_event

from vmlitmus.lang import Model
from vmlitmus.litmus import Catalogue
from vmlitmus.scenario import Cell, Test
from vmlitmus.simulation.laws.timing import Row, read_timing
from vmlitmus.simulation.measures.figures import Figures
from vmlitmus.simulation.replications import FEWEST, Replications
from vmlitmus.simulation.simulate import Asked, prepared, simulate, timings_of

CATALOGUE = Catalogue(in_time=True)
TIMED = [test for test in CATALOGUE.tests() if test.measures]
EVENTS = 1500  # that both simulators are compared for


def cells() -> Iterator[Any]:
    for test in TIMED:
        ordinary = next(cell for cell in test.cells if not cell.large)
        for cell in test.cells:
            first = cell is ordinary and not test.wide
            yield pytest.param(
                CATALOGUE.model_of(test.topic), test, cell,
                id=cell.name, marks=() if first else pytest.mark.wide,
            )  # fmt: skip


@pytest.mark.parametrize(("model", "test", "cell"), list(cells()))
def test_it_is_as_expected(model: Model, test: Test, cell: Cell) -> None:
    ready = prepared(model, test, cell)
    runs = Replications(ready.rules, ready.measures, ready.run, "compiled")
    runs.more(FEWEST, workers=1)
    found = Figures(ready.measures, runs.plan, 0.99).measured(runs.counted)
    assert not [row for row in ready.rules.unused() if row.own]
    assert not [m.name for m in found if not m.figures], "never observed"
    expected = [m for m in found if m.expected is not None]
    assert expected, "a timed test says what one of its figures is"
    assert not [(m.name, m.figures[0]) for m in expected if not m.as_expected]
    if not cell.large:
        plain, fast = both(runs, until_event(runs, EVENTS, ready.run.horizon))
        assert plain == fast


@pytest.mark.parametrize("topic", sorted({test.topic for test in TIMED}))
def test_no_row_is_about_nothing(topic: str) -> None:
    """A row of a timing may be about nothing in one cell, but not in all tests that use it."""
    unused: dict[str, list[Row]] = {}
    for test in (t for t in Catalogue().tests(topic, wide=False) if t.measures):
        for cell in test.cells:
            used = str(cell.timing["use"])
            if unused.get(used) == []:
                continue
            rows = prepared(CATALOGUE.model_of(topic), test, cell).rules.unused()
            shared = [row for row in rows if not row.own]
            unused[used] = [row for row in unused.get(used, shared) if row in shared]
    assert not any(unused.values()), unused


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
