"""The page of a simulation: figures with their intervals, and the distribution of each latency."""

from __future__ import annotations

from typing import Any

from vmlitmus.outcome.simulated import Figure, Measured, Simulated, SimulatedCell
from vmlitmus.report.html.pages import render
from vmlitmus.report.html.run import Runs
from vmlitmus.report.timed.simulated import difference_text, effort, interval_text, shown, time_text

_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 620, 10, 190  # of the picture of a distribution


def simulation_page(found: Simulated) -> str:
    """Return the page of a simulation, one section for each cell."""
    cells = [_cell(cell) for cell in found.cells]
    return render("simulate.html", f"{found.test} in time", Runs(), found=found, cells=cells)


def _cell(cell: SimulatedCell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "error": cell.error,
        "rows": [row for measured in cell.measured for row in _rows(measured)],
        "curves": [_curve(m) for m in cell.measured if m.points],
        "differences": [difference_text(d) for d in cell.differences],
        "effort": "" if cell.error else effort(cell),
        "warnings": cell.warnings,
        "parameters": cell.parameters,
    }


def _rows(measured: Measured) -> list[dict[str, Any]]:
    if not measured.figures:
        return [
            {
                "what": measured.name,
                "figure": "never observed",
                "interval": "",
                "seen": 0,
                "met": None,
            }
        ]
    return [
        {
            "what": measured.name
            if figure.name == measured.kind
            else f"{measured.name}: {figure.name}",
            "figure": shown(figure.estimate, figure.unit),
            "interval": interval_text(figure),
            "seen": measured.samples,
            "met": measured.as_expected if number == 0 else None,
        }
        for number, figure in enumerate(measured.figures)
    ]


def _name(measured: Measured, figure: Figure) -> str:
    return measured.name if figure.name == measured.kind else f"{measured.name}: {figure.name}"


def _curve(measured: Measured) -> dict[str, str]:
    """Return the distribution as the points of a line, from nothing up to its largest value."""
    high = measured.points[-1][1]
    shares = [(0.0, 0.0), (0.0, measured.points[0][1]), *measured.points]
    points = [
        f"{_LEFT + (_RIGHT - _LEFT) * value / (high or 1.0):.1f},"
        f"{_BOTTOM - (_BOTTOM - _TOP) * share:.1f}"
        for share, value in shares
    ]
    return {
        "name": measured.name,
        "points": " ".join(points),
        "low": "0",
        "high": time_text(high),
    }
