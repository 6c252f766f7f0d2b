"""A long time-line that takes less room: the middle of a row of steps becomes one line.

What is furthest from the end goes first: a run is read from its end.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

_KEPT = 4  # steps at the end that stay as they are
_LEAST = 2  # lines that a fold has to save


def folded(
    blocks: Sequence[list[str]], columns: Sequence[str], marked: Container[int], room: int
) -> list[list[str]]:
    """Return the lines of each step, with as many steps folded as ``room`` lines ask for.

    ``columns`` names the column of each step; before a step in ``marked`` something stands, so no
    fold goes over it. First the steps that one column takes in a row are folded, between the first
    and the last of them. Where that is not enough, all steps are, behind the first and behind each
    mark, as far as needed.
    """
    left = [list(block) for block in blocks]
    for first, last in _rows(columns, marked):
        if _over(left, room) <= 0:
            break
        _fold(left, range(first + 1, last))
    end = len(left) - _KEPT
    starts = [n for n in range(end) if n == 0 or n in marked]
    for start, stop in zip(starts, [*starts, end][1:], strict=True):
        over = _over(left, room)
        if over > 0:
            _fold(left, _as_far_as_needed(left, range(start + 1, stop), over))
    return left


def _over(left: Sequence[list[str]], room: int) -> int:
    return sum(map(len, left)) - room


def _as_far_as_needed(left: Sequence[list[str]], steps: range, over: int) -> range:
    """Return the first of some steps, so many that to fold them saves ``over`` lines."""
    saved = -1  # the line that stands for them
    for n in steps:
        if saved >= max(over, _LEAST) and left[n]:  # nothing that is folded already is cut in two
            return range(steps.start, n)
        saved += len(left[n])
    return steps


def _rows(columns: Sequence[str], marked: Container[int]) -> list[tuple[int, int]]:
    """Return the first and the last of steps that follow each other in one column."""
    found: list[tuple[int, int]] = []
    for n, name in enumerate(columns[: max(len(columns) - _KEPT, 0)]):
        if found and n not in marked and columns[n - 1] == name:
            found[-1] = found[-1][0], n
        else:
            found.append((n, n))
    return found


def _fold(left: list[list[str]], steps: range) -> None:
    """Put one line in the place of those of some steps, if that saves enough."""
    lines = [line for n in steps for line in left[n]]
    if len(lines) <= _LEAST:
        return
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    for n in steps:
        left[n] = []
    left[steps.start] = [f"{' ' * indent}{_more(len(steps))}"]


def _more(steps: int) -> str:
    return f"({steps} more step{'' if steps == 1 else 's'})"
