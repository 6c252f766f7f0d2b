"""A matrix test: its cells summed up first, and one of them in full."""

from __future__ import annotations

import shlex
import textwrap
from collections import Counter
from collections.abc import Sequence

from vmlitmus.outcome import Outcome, Verdict
from vmlitmus.report.command_line import command_lines
from vmlitmus.report.explain import SCREEN, explain
from vmlitmus.report.grids.grid import Grid
from vmlitmus.report.grids.grid_text import plain, result, shortened, shown_value
from vmlitmus.report.grids.published_claims import differences
from vmlitmus.report.timeline import WIDTH

_MOST = 10  # lines of a grid that is shown whole
_FEW = 4  # cells of one axis, each with its result


def explain_matrix(grid: Grid, room: int, *, verbose: bool = False, states: bool = False) -> str:
    """Return how many cells have which verdict, and one cell in full.

    A grid of few lines is shown whole; of a larger one, and of one axis, what each value of each
    axis leads to. ``verbose`` shows every grid.
    """
    shown, text = telling(grid.cells), min(room, WIDTH)
    lines = plain(grid, room, claim=verbose).split("\n")
    if not verbose and (len(lines) > _MOST or _is_row(grid) or _one_axis_decides(grid)):
        lines = by_axis(grid, text)
        told = _is_row(grid) or _one_axis_decides(grid)
        lines += [] if told else _to_see(_whole(shown), text)
    one = f"One of them in full: {shown.name}".replace(",", ", ")
    above = [*lines, "", *_counted(grid.cells, text)]
    above += textwrap.wrap(one, text, break_on_hyphens=False)
    cell = explain(
        shown,
        verbose=verbose,
        states=states,
        question=False,
        rows=SCREEN - len(above),
        wide=text,
    )
    return "\n".join([*above, cell])


def _to_see(arguments: Sequence[str], wide: int) -> list[str]:
    """Return the command that prints a grid, in one line where that has room."""
    line = f"To see the grid: vmlitmus table {shlex.join(arguments)}"
    if len(line) <= wide:
        return [line]
    return ["To see the grid:", *command_lines("table", arguments, wide)]


def _is_row(grid: Grid) -> bool:
    """Say whether a grid has one axis, and nothing but a word to show of each cell."""
    seen = any(o.result and any(o.result.observed.values()) for o in grid.cells)
    return len(grid.axes) == 1 and (not seen or all(o.word for o in grid.cells))


def _one_axis_decides(grid: Grid) -> bool:
    """Say whether all cells with the same value of some axis have the same result."""
    seen = any(o.result and any(o.result.observed.values()) for o in grid.cells)
    if (seen and not all(o.word for o in grid.cells)) or grid.said:
        return False
    return any(
        all(len({result(o) for o in grid.cells if o.where[axis] == v}) <= 1 for v in values)
        for axis, values in grid.axes.items()
    )


def by_axis(grid: Grid, wide: int = WIDTH) -> list[str]:
    """Return for each axis how many cells of each of its values have which result.

    Axes whose values make no difference are named together. Values without a cell among those that
    were selected are left out.
    """
    lines = [*textwrap.wrap(grid.title, wide, break_on_hyphens=False), ""]
    short, same = shortened(grid), []
    if len(grid.axes) == 1 and len(grid.cells) > _FEW:
        return [*lines, *_by_result(grid, next(iter(grid.axes)), wide)]
    for axis, values in grid.axes.items():
        there = [v for v in values if any(o.where[axis] == v for o in grid.cells)]
        if len(there) < len(values) and len(there) == 1:
            continue
        found = {v: Counter(result(o) for o in grid.cells if o.where[axis] == v) for v in there}
        if len({tuple(sorted(c.items())) for c in found.values()}) == 1:
            same.append(axis)
            continue
        parts = (f"{shown_value(grid, axis, v, short)}: {_numbers(c)}" for v, c in found.items())
        lines += _hanging(f"{axis} = {'; '.join(parts)}.", wide)
    if same:
        lines += _hanging(f"The same for every {' and every '.join(same)}.", wide)
    if grid.said:
        wrong = sum(bool(differences(said, grid.cells)) for said in grid.said)
        lines += _hanging(
            f"Of {len(grid.said)} published claims {wrong} differ from the model.", wide
        )
    return lines


def _by_result(grid: Grid, axis: str, wide: int) -> list[str]:
    """Return a line for each result: the values of the one axis that have it."""
    values: dict[str, list[str]] = {}
    for o in grid.cells:
        values.setdefault(result(o), []).append(
            shown_value(grid, axis, o.where[axis], shortened(grid))
        )
    return [
        line
        for word, those in values.items()
        for line in _hanging(f"{word}: {axis} = {'; '.join(those)}.", wide)
    ]


def _numbers(counted: Counter[str]) -> str:
    """Return the one result that there is, or how often there is which."""
    if len(counted) == 1:
        return next(iter(counted))
    return ", ".join(f"{number} {word}" for word, number in counted.items())


def _hanging(text: str, wide: int) -> list[str]:
    return textwrap.wrap(text, wide, subsequent_indent="  ", break_on_hyphens=False)


def _whole(outcome: Outcome) -> tuple[str, ...]:
    """Return the arguments that select the whole test."""
    first, *rest = outcome.arguments
    return (first.partition("[")[0], *rest)


def telling(cells: Sequence[Outcome]) -> Outcome:
    """Return the cell to show: not as expected, else violated or at least with a run, else any.

    Of several the one with the shortest run, and of these the first.
    """
    return min(cells, key=_rank)


def _rank(outcome: Outcome) -> tuple[bool, bool, bool, int]:
    r = outcome.result
    trace = None if r is None else r.trace
    violated = r is not None and r.verdict is Verdict.VIOLATED
    return outcome.as_expected, not (violated and trace), not trace, len(trace or ())


def _counted(cells: Sequence[Outcome], wide: int) -> list[str]:
    """Return how many cells have which verdict, and which answer where tests have one."""
    wrong = sum(not o.as_expected for o in cells)
    free = sum(o.expected is None for o in cells)
    note = f"{wrong} not as expected" if wrong else "all as expected"
    if free:
        rest = f"; {note}" if free < len(cells) or wrong else ""
        note = f"{free if free < len(cells) else 'all'} without expectation{rest}"
    text = f"{len(cells)} cells: {', '.join(_tallied(cells))}; {note}. --all shows each in full."
    return textwrap.wrap(text, wide)


def _tallied(cells: Sequence[Outcome]) -> list[str]:
    """Return such as ``2 violated`` for each verdict, or ``no in 2 (violated)``."""
    found = Counter((o.result.verdict.value if o.result else "error", o.answer) for o in cells)
    return [
        f"{answer} in {number} ({verdict})" if answer else f"{number} {verdict}"
        for (verdict, answer), number in found.items()
    ]
