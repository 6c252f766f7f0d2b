"""The figures of the page "What does it cost?" are those of today.

``pytest tests/simulation/test_what_does_it_cost.py --wide --promote`` writes them anew. A few rows
are simulated in the ordinary tests, the others in the wide ones; every row names a cell and a
measure that there are.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from vmlitmus.litmus import Catalogue
from vmlitmus.report.simulated import interval_text, shown
from vmlitmus.simulation.simulate import Asked, simulate

PAGE = Path(__file__).parents[2] / "docs" / "what-does-it-cost.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]*) \|$", re.MULTILINE)
ROWS = [found.groups() for found in ROW.finditer(PAGE.read_text())]
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
    assert PAGE.read_text().count("| `") == len(ROWS)
    for name, measure, _ in ROWS:
        test, _cell = CELLS[name]
        assert measure in [str(m.get("name")) for m in test.measures], (name, measure)


def test_every_timed_test_is_on_the_page() -> None:
    named = {name.partition("[")[0] for name, *_ in ROWS}
    assert {test.name for test, _ in CELLS.values()} <= named | {"warn-cycle-in-time"}


@pytest.mark.parametrize(("name", "measure", "figure"), list(rows()))
def test_a_figure_is_that_of_today(request, name: str, measure: str, figure: str) -> None:
    found = simulated(name)[measure]
    if request.config.getoption("--promote"):
        page = PAGE.read_text()
        row = f"| `{name}` | {measure} | {figure} |"
        PAGE.write_text(page.replace(row, f"| `{name}` | {measure} | {found} |"))
        figure = found
    assert figure == found
