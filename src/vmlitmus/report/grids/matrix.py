"""A matrix test: its cells summed up first, and one of them in full."""

from __future__ import annotations

import shlex
import textwrap
from collections import Counter
from collections.abc import Sequence

from vmlitmus.outcome import Outcome, Verdict
from vmlitmus.report.explain import explain
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
    shown = telling(grid.cells)
    whole = shlex.join(_whole(shown))
    lines = plain(grid, room, claim=verbose).split("\n")
    if not verbose and (len(lines) > _MOST or _is_row(grid)):
        lines = by_axis(grid)
        lines += [] if _is_row(grid) else [f"To see the grid: vmlitmus table {whole}"]
    one = f"One of them in full: {shown.name}".replace(",", ", ")
    again = f"To run it again (name another cell, or see all: {whole} --all):"
    cell = explain(shown, verbose=verbose, states=states, question=False)
    return "\n".join(
        [
            *lines,
            "",
            *_counted(grid.cells),
            *textwrap.wrap(one, WIDTH, break_on_hyphens=False),
            cell.replace("To run it again:", "\n".join(textwrap.wrap(again, WIDTH))),
        ]
    )


def _is_row(grid: Grid) -> bool:
    """Say whether a grid has one axis, and nothing but a word to show of each cell."""
    seen = any(o.result and any(o.result.observed.values()) for o in grid.cells)
    return len(grid.axes) == 1 and (not seen or all(o.word for o in grid.cells))


def by_axis(grid: Grid) -> list[str]:
    """Return for each axis how many cells of each of its values have which result.

    Axes whose values make no difference are named together. Values without a cell among those that
    were selected are left out.
    """
    lines = [*textwrap.wrap(grid.title, WIDTH, break_on_hyphens=False), ""]
    short, same = shortened(grid), []
    if len(grid.axes) == 1 and len(grid.cells) > _FEW:
        return [*lines, *_by_result(grid, *grid.axes)]
    for axis, values in grid.axes.items():
        there = [v for v in values if any(o.where[axis] == v for o in grid.cells)]
        if len(there) < len(values) and len(there) == 1:
            continue
        found = {v: Counter(result(o) for o in grid.cells if o.where[axis] == v) for v in there}
        if len({tuple(sorted(c.items())) for c in found.values()}) == 1:
            same.append(axis)
            continue
        parts = (f"{shown_value(grid, axis, v, short)}: {_numbers(c)}" for v, c in found.items())
        lines += _hanging(f"{axis} = {'; '.join(parts)}.")
    if same:
        lines += _hanging(f"The same for every {' and every '.join(same)}.")
    if grid.said:
        wrong = sum(bool(differences(said, grid.cells)) for said in grid.said)
        lines.append(f"Of {len(grid.said)} published claims {wrong} differ from the model.")
    return lines


def _by_result(grid: Grid, axis: str) -> list[str]:
    """Return a line for each result: the values of the one axis that have it."""
    values: dict[str, list[str]] = {}
    for o in grid.cells:
        values.setdefault(result(o), []).append(
            shown_value(grid, axis, o.where[axis], shortened(grid))
        )
    return [
        line
        for word, those in values.items()
        for line in _hanging(f"{word}: {axis} = {'; '.join(those)}.")
    ]


def _numbers(counted: Counter[str]) -> str:
    if len(counted) > 1:
        return ", ".join(f"{number} {word}" for word, number in counted.items())
    return next(iter(counted)) if counted.total() == 1 else f"all {next(iter(counted))}"


def _hanging(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


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


def _counted(cells: Sequence[Outcome]) -> list[str]:
    verdicts = Counter(o.result.verdict.value if o.result else "error" for o in cells)
    parts = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
    wrong = sum(not o.as_expected for o in cells)
    free = sum(o.expected is None for o in cells)
    note = f"{wrong} not as expected" if wrong else "all as expected"
    if free:
        rest = f"; {note}" if free < len(cells) or wrong else ""
        note = f"{free if free < len(cells) else 'all'} without expectation{rest}"
    answers = Counter(o.answer for o in cells if o.answer)
    lines = textwrap.wrap(f"{len(cells)} cells: {parts}; {note}.", WIDTH)
    if answers:
        said = ", ".join(f"{word} in {number}" for word, number in answers.items())
        lines.append(f"Answer: {said} of {len(cells)} cells.")
    return lines
