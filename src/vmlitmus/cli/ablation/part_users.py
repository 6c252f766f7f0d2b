"""Which tests of the catalogue need a part: those whose claim breaks without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vmlitmus.cli.output.progress import Ticker
from vmlitmus.compiler import scanned
from vmlitmus.decide import Job
from vmlitmus.decide.own_code import in_own_world
from vmlitmus.engine import ablate
from vmlitmus.errors import VmlitmusError
from vmlitmus.lang import explained
from vmlitmus.litmus.catalogue import blessed
from vmlitmus.outcome import PartStatus, Verdict
from vmlitmus.scenario import Cell, Test

_UNKNOWN = 1 << 40  # states of a cell whose counts nobody has stored


@dataclass(frozen=True)
class Candidate:
    """A cell that holds, and the parts that it mentions and that are on in it."""

    test: Test
    cell: Cell
    parts: frozenset[str]
    states: int


def candidates(job: Job, topic: str, selected: Iterable[Test], *, wide: bool) -> list[Candidate]:
    """Return the cells of a topic that are expected to hold, those of few states first.

    They are those of the catalogue, and of the user's own files among the tests selected.
    """
    shipped = job.catalogue.fitting(topic)
    own = [test for test in selected if test.topic == topic and not test.shipped]
    model, counts = job.catalogue.model_of(topic), blessed(topic) if shipped else {}
    found = []
    for test in [*shipped, *own]:
        for cell in test.cells if wide or not test.wide else ():
            if cell.expect is Verdict.HOLDS:
                on = frozenset(job.parts(topic, cell)).difference(cell.off(model))
                found.append(Candidate(test, cell, on, counts.get(cell.name, [_UNKNOWN])[0]))
    return sorted(found, key=lambda c: c.states)


class Search:
    """Looks for the tests that need some parts, and stops when each has one, or all are seen.

    ``found`` gives the tests for each part; ``undecided`` are parts of which some test could not be
    decided within the limits, or that were still looked for when the search was interrupted.
    """

    def __init__(
        self, job: Job, among: list[Candidate], wanted: Iterable[str], *, every: bool
    ) -> None:
        self.job = job
        self.among = among
        self.found: dict[str, list[str]] = {part: [] for part in wanted}
        self.every = every
        self.undecided = set(self.found)

    def run(self, ticker: Ticker) -> None:
        """Decide candidates on all cores; KeyboardInterrupt leaves what was found by then."""
        undecided: set[str] = set()
        for (index, _), (needed, unknown) in self.job.spread(self.without_each, self.waiting()):
            name = self.among[index].cell.name
            for part in needed:
                self.found[part].append(name)
            undecided |= unknown
            ticker.done(name)
        order = {c.cell.name: number for number, c in enumerate(self.among)}
        for names in self.found.values():
            names.sort(key=order.__getitem__)
            if not self.every:
                del names[1:]  # two processes may have found one each
        self.undecided = undecided

    def waiting(self) -> Iterator[tuple[int, frozenset[str]]]:
        """Yield the next cell with the parts still to be looked for, when one is asked for."""
        for index, candidate in enumerate(self.among):
            parts = candidate.parts.intersection(self.found)
            if not self.every:
                parts = frozenset(part for part in parts if not self.found[part])
            if parts:
                yield index, parts

    def without_each(self, item: tuple[int, frozenset[str]]) -> tuple[list[str], set[str]]:
        """Return which parts a cell needs, and of which that is not known.

        It is known of none where a model of the user's own does not fit the cell.
        """
        index, parts = item
        test, cell = self.among[index].test, self.among[index].cell
        try:
            machine = self.job.switchable(test, cell)
        except VmlitmusError:
            if self.job.model is None:
                raise
            return [], set(parts)
        done = ablate(
            machine,
            cell.claim,
            engine=self.job.engine,
            limits=self.job.limits,
            alone=True,
            parts=parts,
        )
        by = {s: [p.name for p in done.parts if p.status is s] for s in PartStatus}
        return by[PartStatus.LOAD_BEARING], set(by[PartStatus.INCONCLUSIVE])


def explanations(job: Job, topic: str) -> tuple[list[str], dict[str, str]]:
    """Return all parts of a topic's mechanisms, and the reasons that docstrings give for some."""
    model = job.catalogue.model_of(topic)

    def looked_up() -> tuple[list[str], dict[str, str]]:
        parts: dict[str, None] = {}
        reasons: dict[str, str] = {}
        for tables in model.alternatives():
            scan = scanned(model, tables, allow=model.disturbances)
            parts.update(dict.fromkeys(scan.parts))
            reasons.update(explained(scan.functions))
        return list(parts), reasons

    return in_own_world(job.model, topic, looked_up)
