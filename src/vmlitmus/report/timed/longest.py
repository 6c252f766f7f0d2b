"""The longest time from one thing to another, for the terminal."""

from __future__ import annotations

import textwrap

from vmlitmus.outcome.longest import LongestCell, LongestTime, TimedStep
from vmlitmus.printable import ascii_only
from vmlitmus.report.timed.simulated import time_text
from vmlitmus.report.timeline import WIDTH

_TIME = 14  # columns of a time


def longest_text(found: LongestTime) -> str:
    """Return the report on the longest time, with the run that takes it."""
    lines = textwrap.wrap(f"{found.test}: {found.question}", WIDTH)
    lines += textwrap.wrap(
        f'The longest "{found.measure}", over all orders and durations. Timing: {found.timing}.',
        WIDTH,
    )
    for cell in found.cells:
        lines += ["", *_cell(cell, len(found.cells) > 1)]
    return "\n".join(ascii_only(line).rstrip() for line in lines)


def _cell(cell: LongestCell, named: bool) -> list[str]:
    where = ", ".join(f"{axis} = {value}" for axis, value in cell.where.items())
    lines = textwrap.wrap(f"{where or cell.name}:", WIDTH) if named else []
    if cell.error is not None:
        return [*lines, *textwrap.wrap(f"error: {cell.error}", WIDTH)]
    lines += textwrap.wrap(answer(cell), WIDTH)
    for number, step in enumerate(cell.steps):
        if number == cell.loop_start:
            lines.append("  again and again:")
        if 0 < number < len(cell.steps) - 1 and number != cell.loop_start:
            if cell.steps[number - 1].label == step.label == cell.steps[number + 1].label:
                continue
            if cell.steps[number - 1].label == step.label and _folds(cell, number):
                lines.append(f"{'...':>{_TIME}}")
        lines += _step(step)
    return lines


def _folds(cell: LongestCell, number: int) -> bool:
    """Say whether a step ends three or more of a kind: those between are left out."""
    return number > 1 and cell.steps[number - 2].label == cell.steps[number].label


def _step(step: TimedStep) -> list[str]:
    text = textwrap.wrap(step.label, WIDTH - _TIME - 2) or [step.step]
    indent = " " * (_TIME + 2)
    return [f"{exact(step.time):>{_TIME}}  {text[0]}", *(indent + more for more in text[1:])]


def answer(cell: LongestCell) -> str:
    """Say in one line what the longest time is."""
    effort = f"{cell.classes} classes of states and times, {cell.seconds:.1f} s."
    if cell.verdict == "bounded":
        assert cell.longest is not None
        return f"{exact(cell.longest)}; {effort}"
    if cell.verdict == "inconclusive":
        return f"inconclusive after {cell.classes} classes of states and times: {cell.why}."
    why = f": {cell.why}" if cell.why else ""
    return f"{cell.verdict}{why}; {effort}"


def exact(seconds: float) -> str:
    """Return a time with all its digits, which are at most nanoseconds."""
    nanoseconds = round(seconds * 1e9)
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.9f}".rstrip("0").rstrip(".") + f" {unit}"
    return time_text(nanoseconds / 1e9)
