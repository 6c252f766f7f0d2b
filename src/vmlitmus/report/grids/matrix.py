"""A matrix test: its cells summed up first, and one of them in full."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from vmlitmus.outcome import Outcome, Verdict
from vmlitmus.report.explain import explain
from vmlitmus.report.grids.grid import Grid
from vmlitmus.report.grids.grid_text import plain


def explain_matrix(grid: Grid, room: int, *, verbose: bool = False, states: bool = False) -> str:
    """Return the grid of a test, how many cells have which verdict, and one cell in full."""
    shown = telling(grid.cells)
    return "\n".join(
        [
            plain(grid, room),
            "",
            *_counted(grid.cells),
            f"One of them in full: {shown.name}",
            "",
            explain(shown, verbose=verbose, states=states, question=False),
            "",
            "To see another cell, name it; to see all of them in full:",
            f"  vmlitmus explain {shlex.join(_whole(shown))} --all",
        ]
    )


def _whole(outcome: Outcome) -> tuple[str, ...]:
    """Return the arguments that select the whole test."""
    first, *rest = outcome.arguments
    return (first.partition("[")[0], *rest)


def telling(cells: Sequence[Outcome]) -> Outcome:
    """Return the cell to show: one that is not as expected, else one with a run, else the first."""
    unexpected = (o for o in cells if not o.as_expected)
    violated = (o for o in cells if o.result and o.result.verdict is Verdict.VIOLATED)
    run = (o for o in cells if o.result and o.result.trace)
    ran = next((o for o in violated if o.result and o.result.trace), None)
    return next(unexpected, None) or ran or next(run, None) or cells[0]


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
    lines = [f"{len(cells)} cells: {parts}; {note}."]
    if answers:
        said = ", ".join(f"{word} in {number}" for word, number in answers.items())
        lines.append(f"Answer: {said} of {len(cells)} cells.")
    return lines
