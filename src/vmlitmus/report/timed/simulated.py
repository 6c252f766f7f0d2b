"""A simulation for the terminal: a table of figures with their intervals for each cell."""

from __future__ import annotations

import math
import textwrap

from vmlitmus.outcome.simulated import Difference, Figure, Measured, Simulated, SimulatedCell
from vmlitmus.printable import ascii_only
from vmlitmus.report.columns import aligned
from vmlitmus.report.timeline import WIDTH

_TIMES = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
_HEADS = [["what", "figure", "interval", "seen"]]


def simulated_text(found: Simulated, *, verbose: bool = False) -> str:
    """Return the report on a simulation; ``verbose`` adds the parameters."""
    lines = textwrap.wrap(f"{found.test}: {found.question}", WIDTH)
    lines += [
        f"Timing: {found.timing}. Seed {found.seed}; intervals hold with {found.confidence:.0%}."
    ]
    for cell in found.cells:
        lines += ["", *_cell(cell, len(found.cells) > 1, verbose)]
    return "\n".join(ascii_only(line).rstrip() for line in lines)


def _cell(cell: SimulatedCell, named: bool, verbose: bool) -> list[str]:
    where = ", ".join(f"{axis} = {value}" for axis, value in cell.where.items())
    lines = textwrap.wrap(f"{where or cell.name}:", WIDTH) if named else []
    if cell.error is not None:
        return [*lines, *textwrap.wrap(f"error: {cell.error}", WIDTH)]
    rows = [row for measured in cell.measured for row in _rows(measured)]
    lines += aligned(_HEADS, rows)
    for difference in cell.differences:
        lines += textwrap.wrap(difference_text(difference), WIDTH, subsequent_indent="  ")
    if verbose:
        lines += [f"  {name} = {value}" for name, value in cell.parameters.items()]
    lines += textwrap.wrap(effort(cell), WIDTH)
    for warning in cell.warnings:
        lines += textwrap.wrap(f"warning: {warning}", WIDTH, subsequent_indent="  ")
    return lines


def difference_text(difference: Difference) -> str:
    """Say how a figure differs from that of another cell."""
    figure = difference.figure
    interval = interval_text(figure)
    text = f"{difference.measure}: {_signed(figure)} than in {difference.other}"
    return text + (f" ({interval})" if interval else "")


def effort(cell: SimulatedCell) -> str:
    """Say how long was simulated, and whether that was enough."""
    text = (
        f"{cell.runs} runs of {time_text(cell.horizon)}, {cell.events} events, {cell.seconds:.1f} s"
    )
    if cell.warm_up:
        text += f"; the first {time_text(cell.warm_up)} of each are not measured"
    if cell.interrupted:
        return text + "; interrupted: the figures are those of these runs."
    return text + ("." if cell.reached else "; the intervals are not as narrow as asked.")


def _rows(measured: Measured) -> list[list[str]]:
    if not measured.figures:
        return [[measured.name, "never observed", "", "0"]]
    rows = []
    for number, figure in enumerate(measured.figures):
        name = measured.name if number == 0 else ""
        kind = "" if figure.name == measured.kind else figure.name
        seen = str(measured.samples) if number == 0 else ""
        interval = interval_text(figure)
        if number == 0 and measured.as_expected is False:
            interval += " UNEXPECTED"
        rows.append([name, f"{kind} {shown(figure.estimate, figure.unit)}".strip(), interval, seen])
    return rows


def interval_text(figure: Figure) -> str:
    """Return the interval of a figure; empty where it is a point."""
    if math.isinf(figure.low):
        return "too few for an interval"
    if figure.low == figure.high:
        return ""
    return f"{shown(figure.low, figure.unit)} .. {shown(figure.high, figure.unit)}"


def _signed(figure: Figure) -> str:
    less = figure.estimate < 0
    return f"{shown(abs(figure.estimate), figure.unit)} {'less' if less else 'more'}"


def shown(number: float, unit: str) -> str:
    """Return a figure with its unit, with four digits."""
    if unit == "s":
        return time_text(number)
    text = f"{number:.4g}"
    return f"{text} {unit}".strip()


def time_text(seconds: float) -> str:
    """Return a time in the unit that suits it, with four digits."""
    for unit, size in _TIMES:
        if abs(seconds) >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds * 1e9:.3g} ns" if seconds else "0 s"
