"""The time-line: one column for each cpu or actor, time downwards, one clause a step.

Plain ASCII of at most 75 columns, as kernel people draw it by hand in commit messages; fewer on a
narrower terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from vmlitmus.outcome import TraceStep
from vmlitmus.printable import ascii_only
from vmlitmus.report.folding import apart, folded

WIDTH = 75
_INDENT = 2
_WIDEST = 60  # of a clause, so that the columns stay visible
_LAST = 28  # the least width of the last column
_STEPS = range(9, 25)  # from one column to the next


def timeline(
    steps: Sequence[TraceStep],
    ending: str | None = None,
    loop_start: int | None = None,
    asked: tuple[int, str] | None = None,
    states: bool = False,
    room: int | None = None,
    wide: int = WIDTH,
) -> list[str]:
    """Return the lines of a time-line; ``ending`` marks what is reached at the end.

    A line belongs to one column only, so a clause may run on below the columns to its right. A
    loop is marked from step ``loop_start`` on; where no step is left for it, the run stops.
    ``asked`` is a step before which something is marked. ``states`` adds below each step what it
    changes. With more lines than ``room`` the columns move together, and then steps are folded. No
    line is longer than ``wide``.
    """
    marks = _marks(len(steps), loop_start, asked, wide)
    names = list(dict.fromkeys(column(step) for step in steps))
    if not names:
        start = marks.get(0, []) + _marked(ending, wide)
        return start if marks else _at_start(ending, wide)
    head, blocks = _laid_out(steps, names, _offsets(names, wide), states, wide)
    end = _marked(ending, wide)
    if room is not None:
        fixed = len(head) + sum(map(len, marks.values())) + len(end)
        if fixed + _height(blocks) > room:
            ways = (
                _laid_out(steps, names, offsets, states, wide) for offsets in _closer(names, wide)
            )
            head, blocks = min([(head, blocks), *ways], key=lambda way: _height(way[1]))
        blocks = folded(blocks, [column(s) for s in steps], apart(steps), set(marks), room - fixed)
    lines = [line for n, block in enumerate(blocks) for line in [*marks.get(n, []), *block]]
    return head + lines + marks.get(len(steps), []) + end


def _height(blocks: Sequence[Sequence[str]]) -> int:
    return sum(map(len, blocks))


def _laid_out(
    steps: Sequence[TraceStep],
    names: Sequence[str],
    offsets: list[int] | None,
    states: bool,
    wide: int,
) -> tuple[list[str], list[list[str]]]:
    """Return the heads, and the lines of each step; without columns its actor stands in front."""
    if offsets is None:
        return [], [_listed(step, names, states, wide) for step in steps]
    heads = [_heading(offsets, names), _heading(offsets, ["-" * len(name) for name in names])]
    blocks = []
    for step in steps:
        at = offsets[names.index(column(step))]
        room = min(_WIDEST, wide - at) if len(names) > 1 else wide - at
        parts = textwrap.wrap(ascii_only(step.label), room)
        blocks.append([" " * at + part for part in parts])
        blocks[-1] += _changes(step, at, wide) if states else []
    return heads, blocks


def _changes(step: TraceStep, at: int, wide: int) -> list[str]:
    """Return what a step changes, to stand below it."""
    text = "; ".join(f"{name}: {old} -> {new}" for name, (old, new) in step.changes.items())
    return [
        " " * at + part
        for part in textwrap.wrap(
            ascii_only(text or "changes nothing"),
            wide - at,
            initial_indent="| ",
            subsequent_indent="|   ",
        )
    ]


def changed_at_start(steps: Sequence[TraceStep]) -> list[str]:
    """Return the fields that a run changes, with their values before its first step."""
    first: dict[str, str] = {}
    for step in steps:
        for name, (old, _) in step.changes.items():
            first.setdefault(name, old)
    return [f"{name} = {value}" for name, value in first.items()]


def _marks(
    steps: int, loop_start: int | None, asked: tuple[int, str] | None, wide: int
) -> dict[int, list[str]]:
    """Return the lines that stand before some steps, or after the last."""
    marks: dict[int, list[str]] = {}
    if asked is not None:
        marks[asked[0]] = textwrap.wrap(f"-- here: {asked[1]} --", wide, initial_indent="  ")
    if loop_start is not None:
        text = "from here the run repeats" if loop_start < steps else "here the run stops"
        marks.setdefault(loop_start, []).append(f"  -- {text} forever --")
    return marks


def _offsets(names: Sequence[str], wide: int) -> list[int] | None:
    """Return where each column begins; None if there are too many."""
    step = (wide - _INDENT - _LAST) // max(len(names) - 1, 1)
    if step < max(_STEPS[0], *(len(name) + 2 for name in names)):
        return None
    return [_INDENT + min(step, _STEPS[-1]) * n for n in range(len(names))]


def _closer(names: Sequence[str], wide: int) -> list[list[int]]:
    """Return columns that stand closer together, the widest first."""
    widest = _offsets(names, wide)
    if widest is None or len(widest) < 2:
        return []
    least = max(_STEPS[0], *(len(name) + 2 for name in names))
    steps = range(widest[1] - widest[0] - 1, least - 1, -1)
    return [[_INDENT + step * n for n in range(len(names))] for step in steps]


def _heading(offsets: Sequence[int], texts: Sequence[str]) -> str:
    line = ""
    for at, text in zip(offsets, texts, strict=True):
        line = line.ljust(at) + text
    return line


def _listed(step: TraceStep, names: Sequence[str], states: bool, wide: int) -> list[str]:
    """Return the lines of a step with its cpu or actor in front: for too many columns."""
    indent = max(map(len, names)) + 2
    first, *more = textwrap.wrap(ascii_only(step.label), wide - _INDENT - indent)
    lines = [" " * _INDENT + column(step).ljust(indent) + first]
    lines += [" " * (_INDENT + indent) + part for part in more]
    return lines + (_changes(step, _INDENT + indent, wide) if states else [])


def _marked(ending: str | None, wide: int) -> list[str]:
    """Return the mark below the last step."""
    if not ending:
        return []
    return textwrap.wrap(f"==> {ending}", wide, initial_indent="  ", subsequent_indent="      ")


def _at_start(ending: str | None, wide: int) -> list[str]:
    """Return the mark of a run without steps."""
    if not ending:
        return []
    return textwrap.wrap(f"==> at the start: {ending}", wide, subsequent_indent="    ")


def column(step: TraceStep) -> str:
    """Return the column of a step: its cpu, else the actor that its label begins with."""
    if step.cpu is not None:
        return step.cpu
    return next((actor for actor in step.actor.values() if step.label.startswith(actor)), "host")
