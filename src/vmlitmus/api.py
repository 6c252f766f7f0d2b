"""The Python interface: five names, ``load``, ``check``, ``explain``, ``table`` and ``ablate``.

Each takes what ``load`` returns, or what ``load`` takes. What they return prints as the command of
the same name does, and shows itself in a notebook.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, overload

from vmlitmus.decide import Job, ablated, check_parts, decide_all, decide_apart
from vmlitmus.engine import Limits, Progress
from vmlitmus.engine.run import Choice
from vmlitmus.errors import UsageError
from vmlitmus.lang import possible
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import Selected
from vmlitmus.litmus.user_model.load import load_model
from vmlitmus.outcome import Ablation, Outcome, TraceStep, Verdict, exit_code
from vmlitmus.report import line, row, summary
from vmlitmus.report.ablation.one_test import ablation
from vmlitmus.report.explain import explain as report
from vmlitmus.report.grids.grid import Grid
from vmlitmus.report.grids.grid_text import plain
from vmlitmus.scenario import Cell, Test

Selection: TypeAlias = "str | Path | Tests"


@dataclass(frozen=True)
class Tests(Sequence[Test]):
    """Tests, with the cells that were selected of each.

    ``model`` is the file of the user's own model, if there is one.
    """

    catalogue: Catalogue
    selected: tuple[Selected, ...]
    model: str | None = None

    @overload
    def __getitem__(self, index: int) -> Test: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Test, ...]: ...
    def __getitem__(self, index: int | slice) -> Test | tuple[Test, ...]:
        tests = tuple(test for test, _ in self.selected)
        return tests[index]

    def __len__(self) -> int:
        return len(self.selected)

    @property
    def cells(self) -> tuple[tuple[Test, Cell], ...]:
        """Each selected cell with its test."""
        return tuple((test, cell) for test, cells in self.selected for cell in cells)

    def __repr__(self) -> str:
        return f"<{len(self)} tests, {len(self.cells)} cells>"


@dataclass(frozen=True)
class Check(Sequence[Outcome]):
    """Outcomes of tests; ``code`` is what the command ``check`` would exit with."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Outcome, ...]: ...
    def __getitem__(self, index: int | slice) -> Outcome | tuple[Outcome, ...]:
        return self.outcomes[index]

    def __len__(self) -> int:
        return len(self.outcomes)

    @property
    def as_expected(self) -> bool:
        return all(o.as_expected for o in self.outcomes)

    @property
    def code(self) -> int:
        return exit_code(o.code for o in self.outcomes)

    def __str__(self) -> str:
        width = min(max((len(o.name) for o in self.outcomes), default=0), 60)
        rows = [row(outcome) for outcome in self.outcomes]
        return "\n".join([*(line(one, width) for one in rows), summary(rows, self.seconds)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from vmlitmus.report.html import check_page

        return _framed(check_page(self.outcomes, self.seconds))


@dataclass(frozen=True)
class Explanation:
    """One outcome, with causes, states and code of its run."""

    outcome: Outcome

    @property
    def verdict(self) -> Verdict:
        assert self.outcome.result is not None
        return self.outcome.result.verdict

    @property
    def trace(self) -> tuple[TraceStep, ...]:
        """The steps of the run; none where there is no run."""
        assert self.outcome.result is not None
        return self.outcome.result.trace or ()

    def __str__(self) -> str:
        return report(self.outcome)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from vmlitmus.report.html import explain_page

        return _framed(explain_page([self.outcome]))


@dataclass(frozen=True)
class Tables:
    """The matrix tests among some, as grids."""

    grids: tuple[Grid, ...]

    def __iter__(self) -> Iterator[Grid]:
        return iter(self.grids)

    def __len__(self) -> int:
        return len(self.grids)

    def __str__(self) -> str:
        return "\n\n".join(map(plain, self.grids))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from vmlitmus.report.html import table_page

        return _framed(table_page(self.grids))


@dataclass(frozen=True)
class Ablations(Sequence[Ablation]):
    """What some cells need of the parts of their mechanisms."""

    found: tuple[Ablation, ...]

    @overload
    def __getitem__(self, index: int) -> Ablation: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Ablation, ...]: ...
    def __getitem__(self, index: int | slice) -> Ablation | tuple[Ablation, ...]:
        return self.found[index]

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        return "\n\n".join(map(ablation, self.found))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from vmlitmus.report.html import ablate_page

        return _framed(ablate_page(self.found, {}))


def load(*selectors: str | Path, model: str | Path | None = None, wide: bool = False) -> Tests:
    """Return the tests that selectors name: a topic, a name, a glob, a cell, a path.

    Without any: the whole catalogue. ``model`` is a Python file with a model of your own; ``wide``
    takes the expensive tests too. Raises UsageError for a name that fits nothing, LitmusError for a
    faulty file, ModelError for a faulty model.
    """
    path = None if model is None else str(model)
    catalogue = Catalogue(load_model(path) if path else None)
    return Tests(catalogue, tuple(catalogue.select(map(str, selectors), wide=wide)), path)


def check(
    tests: Selection = "",
    *,
    engine: Choice = "auto",
    time_limit: float | None = None,
    memory_limit: int | None = None,
) -> Check:
    """Decide tests on all cores. ``time_limit`` is in seconds, ``memory_limit`` in bytes, per test.

    A faulty test is an outcome with an ``error``; nothing is raised for it.
    """
    import time

    began = time.monotonic()
    found = _loaded(tests)
    job = _job(found, engine, time_limit, memory_limit)
    outcomes = dict(decide_all(job, found.selected, _Quiet()))
    in_order = tuple(outcomes[index] for index in sorted(outcomes))
    return Check(in_order, time.monotonic() - began)


def explain(
    test: Selection,
    *,
    without: Sequence[str] = (),
    reach: str | None = None,
    engine: Choice = "auto",
    time_limit: float | None = None,
    memory_limit: int | None = None,
) -> Explanation:
    """Decide one cell and return everything about it.

    ``without`` names parts to switch off; ``reach`` asks for the shortest run to a condition, not
    for the test's claim. Raises UsageError where several cells are named, and for a faulty test.
    """
    found = _loaded(test)
    if len(found.cells) != 1:
        name = found.cells[0][1].name
        raise UsageError(f"{len(found.cells)} cells; name one, such as {name!r}")
    one, cell = found.cells[0]
    job = _job(found, engine, time_limit, memory_limit, annotate=True)
    if without:
        check_parts(job, one, cell, without)
    if reach is not None:
        cell = replace(cell, claim=possible(reach), word=None)
    outcome = decide_apart(job, one, cell, None, tuple(without))
    if outcome.error:
        raise UsageError(outcome.error)
    if reach is not None and outcome.result is not None:
        verdict = outcome.result.verdict
        outcome = replace(outcome, expected=verdict, stored=None, because="")
    return Explanation(outcome)


def table(
    tests: Selection,
    *,
    engine: Choice = "auto",
    time_limit: float | None = None,
    memory_limit: int | None = None,
) -> Tables:
    """Decide the matrix tests among some and return them as grids; UsageError if there is none."""
    found = _loaded(tests)
    matrices = tuple(s for s in found.selected if s[0].axes)
    if not matrices:
        raise UsageError("no test with a [matrix] among them")
    job = _job(found, engine, time_limit, memory_limit, annotate=True)
    outcomes = dict(decide_all(job, matrices, _Quiet()))
    grids, at = [], 0
    for test, cells in matrices:
        grids.append(grid_of(test, [outcomes[at + n] for n in range(len(cells))]))
        at += len(cells)
    return Tables(tuple(grids))


def ablate(
    tests: Selection,
    *,
    engine: Choice = "auto",
    time_limit: float | None = None,
    memory_limit: int | None = None,
) -> Ablations:
    """Switch off the parts of tests that hold, alone and together.

    Raises LitmusError or ModelError for a faulty test.
    """
    found = _loaded(tests)
    job = _job(found, engine, time_limit, memory_limit)
    return Ablations(tuple(ablated(job, test, cell) for test, cell in found.cells))


def grid_of(test: Test, outcomes: Sequence[Outcome], notes: tuple[str, ...] = ()) -> Grid:
    """Return the outcomes of a test's cells as a grid."""
    shape = test.layout
    return Grid(
        title=f"{test.name}: {test.question}",
        axes=test.axes,
        cells=outcomes,
        across=shape.across,
        apart=shape.apart,
        marks=shape.marks,
        said=shape.said,
        notes=notes,
    )


class _Quiet:
    """Hears how far the work is, and says nothing."""

    def done(self, name: str) -> None: ...
    def busy(self, name: str) -> None: ...
    def search(self, progress: Progress) -> None: ...


def _loaded(tests: Selection) -> Tests:
    if isinstance(tests, Tests):
        return tests
    return load(tests) if tests else load()


def _job(
    tests: Tests,
    engine: Choice,
    time_limit: float | None,
    memory_limit: int | None,
    *,
    annotate: bool = False,
) -> Job:
    limits = Limits(time_limit, memory_limit)
    return Job(tests.catalogue, tests.model, engine, limits, annotate)


def _framed(page: str) -> str:
    """Return a page in a frame of its own, which may run its scripts and nothing else."""
    return (
        f'<iframe srcdoc="{html.escape(page)}" sandbox="allow-scripts" '
        'style="width: 100%; height: 48rem; border: 0"></iframe>'
    )
