"""A simulation as a picture: how each latency is distributed, and how figures go with the cells.

Needs matplotlib, the extra ``vmlitmus[plot]``, which is imported only here. Texts of a test are
drawn as they are: none is read as a formula.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from vmlitmus.outcome.simulated import Figure, Measured, Simulated, SimulatedCell

FORMATS = ("svg", "png")
_WIDE, _HIGH = 7.0, 3.2  # inches of one panel
_LABEL = 44  # characters of a label
_SETTINGS: Any = {
    "text.parse_math": False,
    "svg.hashsalt": "vmlitmus",
    "svg.fonttype": "none",
    "font.size": 8,
}
_ALL_ALIKE: dict[str, dict[str, None]] = {"svg": {"Date": None}, "png": {}}


class NoPlotting(Exception):
    """matplotlib is not installed."""

    def __str__(self) -> str:
        return "--plot needs matplotlib: pip install 'vmlitmus[plot]'"


def plotted(found: Simulated, kind: str) -> bytes:
    """Return a picture of a simulation, an SVG or a PNG; raises NoPlotting."""
    try:
        import matplotlib
        from matplotlib.figure import Figure as Picture
    except ImportError:
        raise NoPlotting from None
    panels = [(name, cells) for name, cells in _measures(found).items() if cells]
    with matplotlib.rc_context(_SETTINGS):
        size = (_WIDE, _HIGH * max(len(panels), 1))
        picture = Picture(figsize=size, layout="constrained")
        picture.suptitle(_short(f"{found.test}: {found.question}", 2 * _LABEL))
        for axes, (name, cells) in zip(_axes(picture, len(panels)), panels, strict=True):
            axes.set_title(_short(name))
            if cells[0][1].points:
                _distribution(axes, cells)
            else:
                _sweep(axes, cells)
        out = io.BytesIO()
        picture.savefig(out, format=kind, metadata=_ALL_ALIKE[kind])
    return out.getvalue()


def _axes(picture: Any, count: int) -> Sequence[Any]:
    return [picture.add_subplot(count, 1, n) for n in range(1, count + 1)]


def _measures(found: Simulated) -> dict[str, list[tuple[SimulatedCell, Measured]]]:
    """Return each measure with the cells in which it was observed."""
    named: dict[str, list[tuple[SimulatedCell, Measured]]] = {}
    for cell in found.cells:
        for measured in cell.measured:
            if measured.figures:
                named.setdefault(measured.name, []).append((cell, measured))
    return named


def _distribution(axes: Any, cells: Sequence[tuple[SimulatedCell, Measured]]) -> None:
    """Draw the share of latencies that are at most so long, a curve for each cell."""
    for cell, measured in cells:
        times = [time for _, time in measured.points]
        shares = [share for share, _ in measured.points]
        axes.step([times[0], *times], [0.0, *shares], where="post", label=_short(_where(cell)))
    axes.set_xlabel("seconds")
    axes.set_ylabel("share of latencies at most this long")
    axes.set_ylim(0, 1.02)
    if len(cells) > 1:
        axes.legend()


def _sweep(axes: Any, cells: Sequence[tuple[SimulatedCell, Measured]]) -> None:
    """Draw the first figure of each cell with its interval."""
    figures = [measured.figures[0] for _, measured in cells]
    places = list(range(len(figures)))
    axes.errorbar(
        places,
        [figure.estimate for figure in figures],
        yerr=[[_below(f) for f in figures], [_above(f) for f in figures]],
        fmt="o-" if len(figures) > 1 else "o",
        capsize=3,
    )
    axes.set_xticks(places, [_short(_where(cell)) for cell, _ in cells])
    axes.set_ylabel(figures[0].unit or figures[0].name)


def _below(figure: Figure) -> float:
    return figure.estimate - figure.low if math.isfinite(figure.low) else 0.0


def _above(figure: Figure) -> float:
    return figure.high - figure.estimate if math.isfinite(figure.high) else 0.0


def _where(cell: SimulatedCell) -> str:
    return ", ".join(f"{axis} = {value}" for axis, value in cell.where.items()) or cell.name


def _short(text: str, most: int = _LABEL) -> str:
    """Return a text that fits; a label that begins with "_" would not be in the legend."""
    cut = text if len(text) <= most else text[: most - 3] + "..."
    return f" {cut}" if cut.startswith("_") else cut
