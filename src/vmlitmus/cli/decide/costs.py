"""vmlitmus table --cost: what the mechanisms of a topic promise, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from vmlitmus.errors import UsageError
from vmlitmus.lang import Model
from vmlitmus.outcome import Outcome, Verdict
from vmlitmus.outcome.cost import Column, Cost, CostTable, Verdicts
from vmlitmus.scenario import Cell, Test

Selected = tuple[Test, Sequence[Cell]]
_SECONDS = 5.0  # for each cell in time
_MOST = 0.75  # of the mechanisms whose cost is known: a grid that asks about fewer has no column


def mechanism_axes(
    selected: Sequence[Selected],
) -> dict[str, tuple[list[Selected], list[Selected]]]:
    """Return the axes of words that tests in time share with grids: the grids and those tests.

    A grid counts where it asks about nearly every mechanism that a test in time is about.
    """
    timed = [s for s in selected if s[0].measures]
    grids = [s for s in selected if not s[0].measures]
    found = {}
    for axis in dict.fromkeys(a for test, cells in timed for c in cells for a in c.where):
        costed = [s for s in timed if any(axis in c.where for c in s[1])]
        values = {c.where[axis] for _, cells in costed for c in cells if axis in c.where}
        asked = [s for s in grids if _asks(s, axis, values)]
        if asked and not all(value.isdigit() for value in values):
            found[axis] = asked, costed
    if not found:
        raise UsageError(
            "--cost: no test in time has a mechanism as an axis that a grid of the topic has, too"
        )
    return found


def _asks(grid: Selected, axis: str, values: Set[str]) -> bool:
    """Say whether the cells of a grid have most of the values of an axis."""
    known = values & {cell.where.get(axis, "") for cell in grid[1]}
    return len(known) >= _MOST * len(values)


def claim_columns(axis: str, found: Sequence[tuple[Test, Sequence[Outcome]]]) -> list[Column]:
    """Return a column for each claim that the cells of some grids ask about."""
    columns = []
    for test, outcomes in found:
        for claim in dict.fromkeys(o.claim for o in outcomes):
            some = [o for o in outcomes if o.claim == claim]
            values = dict.fromkeys(o.where[axis] for o in some)
            cells = {v: _verdicts([o for o in some if o.where[axis] == v]) for v in values}
            errors = tuple(dict.fromkeys(o.error for o in some if o.error))
            columns.append(Column(test.name, claim, {}, cells, errors))
    return columns


def _verdicts(outcomes: Sequence[Outcome]) -> Verdicts:
    found = [o.result.verdict if o.result else None for o in outcomes]
    holds, violated = found.count(Verdict.HOLDS), found.count(Verdict.VIOLATED)
    return Verdicts(holds, violated, len(found) - holds - violated)


def cost_columns(
    axis: str,
    timed: Sequence[Selected],
    model_of: Callable[[str], Model],
    seconds: float | None,
    runs: int | None,
    progress: Callable[[str, int], None],
) -> list[Column]:
    """Run the tests in time; return a column for each measure and choice of the other axes."""
    from vmlitmus.simulation.simulate import Asked, simulate

    columns = []
    for test, cells in timed:
        asked = Asked(seconds=seconds or _SECONDS, runs=runs)
        some = [cell for cell in cells if axis in cell.where]
        done = simulate(model_of(test.topic), test, some, asked, progress).cells
        if any(cell.interrupted for cell in done):
            raise KeyboardInterrupt  # a table of some figures would be taken for the whole
        others = [{a: v for a, v in cell.where.items() if a != axis} for cell in done]
        errors = tuple(dict.fromkeys(cell.error for cell in done if cell.error))
        for where in [w for n, w in enumerate(others) if w not in others[:n]]:
            here = [c for c, other in zip(done, others, strict=True) if other == where]
            for name in dict.fromkeys(m.name for c in here for m in c.measured):
                found = {
                    c.where[axis]: Cost(m.figures[0], c.reached)
                    for c in here
                    for m in c.measured
                    if m.name == name and m.figures
                }
                columns.append(Column(test.name, name, where, found, errors))
        if errors and not any(c.test == test.name for c in columns):
            columns.append(Column(test.name, "", {}, {}, errors))
    return columns


def cost_table(axis: str, claims: Sequence[Column], costs: Sequence[Column]) -> CostTable:
    """Return the table of one axis: its values in the order of the grids."""
    values = tuple(dict.fromkeys(v for column in (*claims, *costs) for v in column.cells))
    return CostTable(axis, values, tuple(claims), tuple(costs))
