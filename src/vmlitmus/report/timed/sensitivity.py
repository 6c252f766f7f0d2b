"""The sensitivity of a test in time, for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from vmlitmus.outcome.sensitivity import Moved
from vmlitmus.printable import ascii_only
from vmlitmus.report.columns import aligned
from vmlitmus.report.timed.simulated import shown
from vmlitmus.report.timeline import WIDTH


def sensitivity_text(cell: str, found: Sequence[Moved]) -> str:
    """Return the table of what moves, and the parameters that move nothing by a hundredth."""
    figures = {moved.measure: moved.figure for moved in found}
    lines = textwrap.wrap(f"{cell}: how the figures move with each parameter", WIDTH)
    lines += [f"  {name}: {shown(f.estimate, f.unit)}" for name, f in figures.items()]
    rows = [
        [m.parameter, m.value, m.measure, *(_times(c, m.figure.estimate) for c in m.changed)]
        for m in found
        if m.moves
    ]
    lines += ["", *aligned([["parameter", "value", "figure", "halved", "doubled"]], rows)]
    names = dict.fromkeys(m.parameter for m in found)
    still = [n for n in names if not any(m.moves for m in found if m.parameter == n)]
    if still:
        lines += ["", *textwrap.wrap(f"Nothing moves with {', '.join(still)}.", WIDTH)]
    return "\n".join(ascii_only(line).rstrip() for line in lines)


def _times(changed: float | None, base: float) -> str:
    if changed is None:
        return "not seen"
    return f"x {changed / base:.2f}" if base else f"{changed:.3g}"
