"""The figures behind the page "What does it cost?" are those of today.

``pytest tests/simulation/test_what_does_it_cost.py --wide --promote`` writes them anew. A few rows
are simulated in the ordinary tests, the others in the wide ones; every row names a cell and a
measure that there are.
"""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path

import pytest

from vmlitmus.litmus import Catalogue
from vmlitmus.report.timed.simulated import interval_text, shown
from vmlitmus.simulation.sensitivity import sensitivity
from vmlitmus.simulation.simulate import Asked, simulate

PAGE = Path(__file__).parents[2] / "docs" / "using" / "cost-figures.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|`]*) \|$", re.MULTILINE)
ROWS = [found.groups() for found in ROW.finditer(PAGE.read_text())]
MOVED = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| (`[^|]*) \|$", re.MULTILINE)
MOVES = [found.groups() for found in MOVED.finditer(PAGE.read_text())]
CELLS = {
    cell.name: (test, cell)
    for test in Catalogue(in_time=True).tests()
    if test.measures
    for cell in test.cells
}
ORDINARY = ("locks-fatal-in-time", "bring-up-in-time[wakes=2 us]", "core-of-one-tenant-in-time")
RUNS = 10


@cache
def simulated(name: str) -> dict[str, str]:
    """Return each figure of a cell as the page shows it."""
    test, cell = CELLS[name]
    model = Catalogue().model_of(test.topic)
    done = simulate(model, test, [cell], Asked(runs=RUNS, workers=1)).cells[0]
    assert done.error is None
    return {m.name: text(m.figures[0]) for m in done.measured if m.figures}


def text(figure) -> str:
    interval = interval_text(figure)
    return shown(figure.estimate, figure.unit) + (f" ({interval})" if interval else "")


def rows():
    for name, measure, figure in ROWS:
        marks = () if name in ORDINARY else pytest.mark.wide
        yield pytest.param(name, measure, figure, id=f"{name}-{measure}", marks=marks)


def test_every_row_names_a_cell_and_a_measure() -> None:
    assert len(ROWS) > 50
    assert PAGE.read_text().count("\n| `") == len(ROWS) + len(MOVES)
    for name, measure, _ in [*ROWS, *MOVES]:
        test, _cell = CELLS[name]
        assert measure in [str(m.get("name")) for m in test.measures], (name, measure)


def test_every_timed_test_is_on_the_page_with_what_moves_it() -> None:
    tests = {test.name for test, _ in CELLS.values()} - {"warn-cycle-in-time"}
    assert tests == {name.partition("[")[0] for name, *_ in ROWS}
    assert tests == {name.partition("[")[0] for name, *_ in MOVES}


@pytest.mark.parametrize(("name", "measure", "figure"), list(rows()))
def test_a_figure_is_that_of_today(request, name: str, measure: str, figure: str) -> None:
    found = simulated(name)[measure]
    if request.config.getoption("--promote"):
        page = PAGE.read_text()
        row = f"| `{name}` | {measure} | {figure} |"
        PAGE.write_text(page.replace(row, f"| `{name}` | {measure} | {found} |"))
        figure = found
    assert figure == found


def factor(value: float | None, before: float) -> float | None:
    """Return how many times as large a figure has become; None where there is none."""
    if value is None or before:
        return None if value is None else value / before
    return math.inf if value else 1.0


@cache
def moved(name: str) -> dict[str, str]:
    """Return for each figure of a cell what moves it by a tenth or more, when halved or doubled."""
    test, cell = CELLS[name]
    asked = Asked(runs=100 if "probability" in test.measures[0] else 4, workers=1)
    found: dict[str, list[str]] = {}
    for one in sensitivity(Catalogue().model_of(test.topic), test, cell, asked):
        factors = [factor(value, one.figure.estimate) for value in one.changed]
        if any(f is not None and abs(f - 1) >= 0.1 for f in factors):
            low, high = ("none" if f is None else f"{f:.2g}" for f in factors)
            found.setdefault(one.measure, []).append(f"`{one.parameter}` x {low}, x {high}")
    return {measure: "; ".join(some) for measure, some in found.items()}


@pytest.mark.wide
@pytest.mark.parametrize(("name", "measure", "said"), MOVES)
def test_what_moves_a_figure_is_that_of_today(request, name: str, measure: str, said: str) -> None:
    found = moved(name).get(measure, "`nothing`")
    if request.config.getoption("--promote"):
        page = PAGE.read_text()
        row = f"| `{name}` | {measure} | "
        PAGE.write_text(page.replace(f"{row}{said} |", f"{row}{found} |"))
        said = found
    assert said == found
