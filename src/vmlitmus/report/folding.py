"""A long time-line that takes less room: the middle of a row of steps becomes one line.

What is furthest from the end goes first: a run is read from its end.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from vmlitmus.outcome import TraceStep

_KEPT = 4  # steps at the end that stay as they are
_LEAST = 2  # lines that one takes the place of


def apart(steps: Sequence[TraceStep]) -> list[bool]:
    """Return which steps concern nobody else: no other actor's step rests on them, nor they on one.

    Where the run does not say what its steps rest on: which change nothing.
    """
    linked = {cause.step for step in steps for cause in step.causes}
    linked |= {number for number, step in enumerate(steps) if step.causes}
    if not linked:
        return [not step.changes for step in steps]
    return [number not in linked for number in range(len(steps))]


def folded(
    blocks: Sequence[list[str]],
    columns: Sequence[str],
    apart: Sequence[bool],
    marked: Container[int],
    room: int,
) -> list[list[str]]:
    """Return the lines of each step, with as many steps folded as ``room`` lines ask for.

    ``columns`` names the column of each step, ``apart`` says which concern nobody else; before a
    step in ``marked`` something stands, so no fold goes over it. Steps apart are folded first, then
    those that one column takes in a row, between the first and the last of them, and then all,
    behind the first and behind each mark.
    """
    left = [list(block) for block in blocks]
    end = len(left) - _KEPT
    alone = _rows(apart[: max(end, 0)], marked)
    starts = [n for n in range(end) if n == 0 or n in marked]
    ways = [
        *(range(max(first, 1), last + 1) for first, last in alone if apart[first]),
        *(range(first + 1, last) for first, last in _rows(columns[: max(end, 0)], marked)),
        *(range(n + 1, stop) for n, stop in zip(starts, [*starts, end][1:], strict=True)),
    ]
    for steps in ways:
        over = _over(left, room)
        if over > 0:
            _fold(left, _as_far_as_needed(left, _whole(left, steps), over))
    return left


def _whole(left: Sequence[list[str]], steps: range) -> range:
    """Return some steps without a part of others that are folded already."""
    start, stop = steps.start, steps.stop
    while start < stop and not left[start]:
        start += 1
    while stop > start and stop < len(left) and not left[stop]:
        stop -= 1
    return range(start, stop)


def _over(left: Sequence[list[str]], room: int) -> int:
    return sum(map(len, left)) - room


def _as_far_as_needed(left: Sequence[list[str]], steps: range, over: int) -> range:
    """Return the first of some steps, so many that to fold them saves ``over`` lines."""
    saved = -1  # the line that stands for them
    for n in steps:
        if saved >= max(over, 1) and left[n]:  # nothing that is folded already is cut in two
            return range(steps.start, n)
        saved += len(left[n])
    return steps


def _rows(kinds: Sequence[object], marked: Container[int]) -> list[tuple[int, int]]:
    """Return the first and the last of steps that follow each other and are of one kind."""
    found: list[tuple[int, int]] = []
    for n, kind in enumerate(kinds):
        if found and n not in marked and kinds[n - 1] == kind:
            found[-1] = found[-1][0], n
        else:
            found.append((n, n))
    return found


def _fold(left: list[list[str]], steps: range) -> None:
    """Put one line in the place of those of some steps, if that saves any."""
    lines = [line for n in steps for line in left[n]]
    if len(lines) < _LEAST:
        return
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    for n in steps:
        left[n] = []
    left[steps.start] = [f"{' ' * indent}{_more(len(steps))}"]


def _more(steps: int) -> str:
    return f"({steps} more step{'' if steps == 1 else 's'})"
