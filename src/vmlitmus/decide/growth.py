"""The same question with each bound higher: which bounds a test has, and the order of asking."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

from vmlitmus.decide.cells import Job, decide_apart, lost
from vmlitmus.engine import Progress
from vmlitmus.errors import UsageError, unknown
from vmlitmus.lang import Model
from vmlitmus.lang.environment import MOST
from vmlitmus.lang.model import fill
from vmlitmus.outcome import Outcome, Verdict
from vmlitmus.outcome.growth import Grown, Growth
from vmlitmus.scenario import Cell, Test


@dataclass(frozen=True)
class Bound:
    """A number that limits a scenario: where it stands, its value, and the highest it may have.

    ``name`` is as in a litmus file: "machine.cores", "vm.1.pages" for the first entry of a list,
    "at_most.migration", "limit.1.at_most"; "vm" alone is how many entries the list has.
    """

    name: str
    value: int
    high: int


def bounds(model: Model, cell: Cell) -> list[Bound]:
    """Return the bounds of a cell, in the order of a litmus file; those it leaves out as well."""
    filled = fill(model, cell.tables, cell.lists)
    found = []
    for table, settings in model.settings.items():
        for key, setting in settings.items():
            if setting.counts and setting.high is not None:
                found.append(Bound(f"{table}.{key}", filled[table][key], setting.high))
    for name, known in model.lists.items():
        entries = len(filled.lists[name])
        if name in model.further:
            found.append(Bound(name, entries, entries + len(model.further[name])))
        for number, entry in enumerate(filled.lists[name], 1):
            for key, setting in known.items():
                if setting.counts and setting.high is not None:
                    found.append(Bound(f"{name}.{number}.{key}", entry[key], setting.high))
    at_most = cell.environment.at_most
    found += [Bound(f"at_most.{name}", most, MOST) for name, most in at_most.items()]
    for number, limit in enumerate(cell.environment.limits, 1):
        found.append(Bound(f"limit.{number}.at_most", limit.at_most, MOST))
    return found


def raised(model: Model, cell: Cell, values: Mapping[str, int]) -> Cell:
    """Return a cell with other values of some bounds; raises UsageError for what is none.

    What an axis sets in every entry of a list holds for an entry that is added, too.
    """
    known = {bound.name: bound for bound in bounds(model, cell)}
    for name, value in values.items():
        if name not in known:
            raise UsageError(unknown("bound", name, known))
        if value > known[name].high:
            raise UsageError(f"{name} = {value}: the model goes up to {known[name].high}")
    filled = fill(model, cell.tables, cell.lists)
    tables = {table: dict(given) for table, given in cell.tables.items()}
    lists = {name: [dict(entry) for entry in given] for name, given in cell.lists.items()}
    at_most = dict(cell.environment.at_most)
    limits = list(cell.environment.limits)
    for name, value in values.items():
        head, _, key = name.partition(".")
        number, _, inner = key.partition(".")
        if head == "at_most":
            at_most[key] = value
        elif head == "limit":
            limits[int(number) - 1] = replace(limits[int(number) - 1], at_most=value)
        elif head in model.lists:
            entries = lists.setdefault(head, [{} for _ in filled.lists[head]])
            if key:
                entries[int(number) - 1][inner] = value
            else:
                more = value - len(filled.lists[head])
                every = cell.every.get(head, {})
                entries += [{**entry, **every} for entry in model.further[head][:more]]
        else:
            tables.setdefault(head, {})[key] = value
    environment = replace(cell.environment, at_most=at_most, limits=tuple(limits))
    given = {name: tuple(entries) for name, entries in lists.items()}
    return replace(cell, tables=tables, lists=given, environment=environment)


def steps(found: list[Bound]) -> Iterator[dict[str, int]]:
    """Yield what to raise: each bound by one, then all together, then each by two, and so on."""
    for more in count(1):
        single = [{b.name: b.value + more} for b in found if b.value + more <= b.high]
        if not single:
            return
        yield from single
        together = {b.name: min(b.value + more, b.high) for b in found if b.value < b.high}
        if len(together) > 1:
            yield together


def grow(
    job: Job,
    test: Test,
    cell: Cell,
    seconds: float,
    progress: Callable[[Progress], None] | None = None,
    asked: Callable[[str], None] | None = None,
    only: Mapping[str, int] | None = None,
) -> Growth:
    """Ask a cell again with higher bounds until the time is up, or nothing is left to raise.

    ``only`` asks with these bounds instead; ``asked`` is told what is asked next. An interrupt ends
    it early and keeps what was found.
    """
    ends = time.monotonic() + seconds
    model = job.catalogue.model_of(test.topic)
    found = bounds(model, cell)
    values = {bound.name: bound.value for bound in found}
    growth = Growth(cell.name, decide_apart(_within(job, seconds), test, cell, progress), values)
    if growth.base.interrupted:
        return growth
    watch = progress if job.cluster is None else None
    rows: dict[int, Grown] = {}

    def changes() -> Iterator[_Change]:
        seen: list[dict[str, int]] = []
        for change in iter([dict(only)]) if only else steps(found):
            left = ends - time.monotonic()
            if left <= 0:
                growth.complete = False
                return
            if change not in seen:
                seen.append(change)
                if asked:
                    asked(_shown(change))
                yield len(seen), change, left

    def row(item: _Change) -> Grown:
        return _row(job, test, cell, *item[1:], watch)

    try:
        for (number, _, _), grown in job.spread(
            row, changes(), lost=lambda item: _named(item[1], lost(job, test, cell)), workers=1
        ):
            rows[number] = grown
            if _timed_out(grown.outcome):
                growth.complete = False
                break
    except KeyboardInterrupt:
        growth.stopped, growth.complete = True, False
    growth.rows += [rows[number] for number in sorted(rows)]
    return growth


_Change = tuple[int, dict[str, int], float]  # a number, the bounds, and the seconds that are left


def _row(
    job: Job,
    test: Test,
    cell: Cell,
    change: Mapping[str, int],
    left: float,
    progress: Callable[[Progress], None] | None,
) -> Grown:
    model = job.catalogue.model_of(test.topic)
    job = replace(job, limits=job.limits.of(_shown(change)))
    return _named(
        change, decide_apart(_within(job, left), test, raised(model, cell, change), progress)
    )


def _shown(change: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in change.items())


def _named(change: Mapping[str, int], outcome: Outcome) -> Grown:
    """Return a row, whose outcome says what was asked."""
    options = [word for name, value in change.items() for word in ("--raise", f"{name}={value}")]
    outcome = replace(
        outcome,
        name=f"{outcome.name} with {_shown(change)}",
        stored=None,
        arguments=(*outcome.arguments, *options),
        command="grow",
    )
    return Grown(dict(change), outcome)


def _within(job: Job, seconds: float) -> Job:
    """Return a job that has at most so many seconds for a cell."""
    own = job.limits.seconds
    limits = job.limits.within(seconds if own is None else min(own, seconds))
    return replace(job, limits=limits, built={})


def _timed_out(outcome: Outcome) -> bool:
    result = outcome.result
    return result is not None and result.verdict is Verdict.INCONCLUSIVE
