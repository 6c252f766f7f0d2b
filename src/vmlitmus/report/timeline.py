"""The time-line: one column for each cpu or actor, time downwards, one clause a step.

At most 75 columns of plain ASCII, as kernel people draw it by hand in commit messages.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from vmlitmus.outcome import TraceStep

WIDTH = 75
_GAP = 2
_NARROWEST = 16


def timeline(
    steps: Sequence[TraceStep],
    ending: str | None = None,
    loop_start: int | None = None,
    asked: tuple[int, str] | None = None,
) -> list[str]:
    """Return the lines of a time-line; ``ending`` marks what is reached at the end.

    A loop is marked from step ``loop_start`` on; where no step is left for it, the run stops.
    ``asked`` is a step before which something is marked.
    """
    marks = _marks(len(steps), loop_start, asked)
    names = list(dict.fromkeys(column(step) for step in steps))
    if not names and not marks:
        return [f"==> at the start: {ending}"] if ending else []
    width = (WIDTH - 2 - _GAP * (len(names) - 1)) // max(len(names), 1)
    if width < _NARROWEST:
        return _listed(steps, names, marks) + marked(ending)
    gap = " " * _GAP
    lines = ["  " + gap.join(n.ljust(width) for n in names).rstrip()]
    lines.append("  " + gap.join(("-" * len(n)).ljust(width) for n in names).rstrip())
    for number, step in enumerate(steps):
        lines += marks.get(number, [])
        before = " " * ((width + _GAP) * names.index(column(step)))
        lines += ["  " + before + part for part in textwrap.wrap(ascii_only(step.label), width)]
    return lines + marks.get(len(steps), []) + marked(ending)


def _marks(
    steps: int, loop_start: int | None, asked: tuple[int, str] | None
) -> dict[int, list[str]]:
    """Return the lines that stand before some steps, or after the last."""
    marks: dict[int, list[str]] = {}
    if asked is not None:
        marks[asked[0]] = textwrap.wrap(f"-- here: {asked[1]} --", WIDTH, initial_indent="  ")
    if loop_start is not None:
        text = "from here the run repeats" if loop_start < steps else "here the run stops"
        marks.setdefault(loop_start, []).append(f"  -- {text} for ever --")
    return marks


def _listed(
    steps: Sequence[TraceStep], names: list[str], marks: Mapping[int, list[str]]
) -> list[str]:
    """One line a step, with its cpu or actor in front: for too many columns."""
    indent = max(map(len, names)) + 2
    lines = []
    for number, step in enumerate(steps):
        lines += marks.get(number, [])
        wrapped = textwrap.wrap(ascii_only(step.label), WIDTH - 2 - indent)
        lines.append("  " + column(step).ljust(indent) + wrapped[0])
        lines += [" " * (2 + indent) + part for part in wrapped[1:]]
    return lines + marks.get(len(steps), [])


def marked(ending: str | None) -> list[str]:
    """Return the mark below the last step."""
    if not ending:
        return []
    return textwrap.wrap(f"==> {ending}", WIDTH, initial_indent="  ", subsequent_indent="      ")


def column(step: TraceStep) -> str:
    """Return the column of a step: its cpu, or its first actor."""
    return step.cpu or next(iter(step.actor.values()), "host")


def ascii_only(text: str) -> str:
    return text.encode("ascii", "replace").decode()
