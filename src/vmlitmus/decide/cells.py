"""Decide cells: one here, or many on all cores of this machine or of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from vmlitmus.compiler import Machine, scanned
from vmlitmus.decide.memory_order import memory_order
from vmlitmus.decide.omissions import not_modelled
from vmlitmus.decide.own_code import apart, in_own_world, own_code, own_world
from vmlitmus.decide.workers import processes, spread
from vmlitmus.engine import Limits, Progress, run
from vmlitmus.engine.limits import Symmetry
from vmlitmus.engine.run import Choice
from vmlitmus.errors import ModelLost, UsageError, VmlitmusError, unknown
from vmlitmus.frozen import Frozen
from vmlitmus.lang import Claim
from vmlitmus.litmus.catalogue import Catalogue, Selected, blessed, selector
from vmlitmus.litmus.format.text import placed
from vmlitmus.litmus.threads import thread_of
from vmlitmus.outcome import MemoryOrder, Outcome, Result, word_of
from vmlitmus.scenario import Cell, Test

if TYPE_CHECKING:
    from vmlitmus.decide.cache import Store
    from vmlitmus.engine.native.sharded.search import Workers

A = TypeVar("A")
B = TypeVar("B")
_TOGETHER = 16  # cells that one process decides in a row, at most
_WORKERS = 64  # of a cluster that are to have something to do
_SHARES = 6  # rows for each process at least, so that all end at about the same time
_BUILT = 32  # machines kept for other scenarios with the same content


class Watcher(Protocol):
    """Is told how far the work is."""

    def done(self, name: str) -> None:
        """One more cell is decided."""

    def busy(self, name: str) -> None:
        """A cell is not decided yet."""

    def search(self, progress: Progress) -> None:
        """A search goes on."""


class Job(Frozen):
    """How cells are decided.

    ``built`` keeps the last machines by their content: scenarios that differ in nothing that the
    code reads have one machine. ``scenario`` is the last one with its machine, and ``answered``
    keeps what was said of a machine, by its content and what was asked. With a model of the user's
    own only the last machine is kept, and no answer.
    ``store`` has the results of earlier checks. It is not asked where a model of the user's own
    decides, which may do anything, nor for what a page shows.
    """

    catalogue: Catalogue
    model: str | None = None  # the file of the user's own model
    engine: Choice = "auto"
    limits: Limits = field(default_factory=Limits)
    annotate: bool = False  # say of each trace what a page shows: causes, states, code
    store: Store | None = None
    symmetry: Symmetry = "auto"
    cluster: str | None = None  # where cells are decided, as for Ray: an address, "auto", "local"
    workers: Workers | None = None  # who divide each search among them
    scenario: dict[tuple[str, str], Machine] = field(default_factory=dict)
    built: dict[str, dict[object, Machine]] = field(default_factory=dict)
    answered: dict[object, _Answer] = field(default_factory=dict)

    def __reduce__(self) -> tuple[object, ...]:
        """Elsewhere a job has what is asked, and nothing of what is known here."""
        return _elsewhere, (self.engine, self.limits, self.annotate, self.symmetry)

    def spread(
        self,
        work: Callable[[A], B],
        items: Iterable[A],
        busy: Callable[[A], None] | None = None,
        *,
        lost: Callable[[A], B] | None = None,
        **here: Any,
    ) -> Iterator[tuple[A, B]]:
        """Yield each item with what the work on it returns: on the cluster, if there is one.

        Else on all cores of this machine, as ``workers.spread``, which takes what is ``here``.
        """
        if self.cluster is None:
            return spread(work, items, busy, lost=lost, **here)
        from vmlitmus.decide.cluster import spread_on

        return spread_on(self.cluster, work, items, busy, lost=lost)

    def machine(self, test: Test, cell: Cell) -> Machine:
        """Return the machine of a cell; raises LitmusError or ModelError."""
        key = test.topic, cell.scenario
        if key not in self.scenario:
            self.scenario.clear()
            limits = self.limits
            with placed(test), own_world(self.model, cell.name, limits.seconds, limits.memory):
                self.scenario[key] = self._machine(test.topic, cell)
        return self.scenario[key]

    def _machine(self, topic: str, cell: Cell) -> Machine:
        model = self.catalogue.model_of(topic)
        if self.model is not None:
            return cell.machine(model)
        known = self.built.setdefault(topic, {})
        made = cell.machine(model, known=known, conditions=False)  # our tests look at all
        known[made.content] = known.pop(made.content, made)
        if len(known) > _BUILT:
            del known[next(iter(known))]
        return made

    def switchable(self, test: Test, cell: Cell) -> Machine:
        """Return the machine of a cell with a switch for each part that is on; raises as above."""
        limits = self.limits
        with placed(test), own_world(self.model, cell.name, limits.seconds, limits.memory):
            return cell.machine(self.catalogue.model_of(test.topic), switchable=True)

    def parts(self, topic: str, cell: Cell) -> list[str]:
        """Return the parts that the code of a cell asks for."""
        model = self.catalogue.model_of(topic)
        return in_own_world(
            self.model,
            cell.name,
            lambda: list(scanned(model, cell.tables, cell.lists, allow=cell.allow).parts),
        )


def _elsewhere(engine: Choice, limits: Limits, annotate: bool, symmetry: Symmetry) -> Job:
    return Job(Catalogue(), None, engine, limits, annotate, symmetry=symmetry)


def decide(
    job: Job,
    test: Test,
    cell: Cell,
    progress: Callable[[Progress], None] | None = None,
    without: tuple[str, ...] = (),
) -> Outcome:
    """Return the outcome of one cell; a faulty test or model is an outcome too.

    ``without`` are parts to switch off besides those that the test itself switches off.
    """
    outcome = _blank(job, test, cell)
    if without:
        outcome = _changed(outcome, without)
        cell = replace(cell, without=(*cell.without, *without))
    return _decided(job, test, cell, outcome, progress)


def decide_apart(
    job: Job,
    test: Test,
    cell: Cell,
    progress: Callable[[Progress], None] | None = None,
    without: tuple[str, ...] = (),
    busy: Callable[[str], None] | None = None,
) -> Outcome:
    """Return the outcome of one cell; a model of the user's own has a process of its own.

    Then ``busy`` is told that it is under way, and ``progress`` nothing.
    """
    try:
        return apart(
            job.model,
            cell.name,
            lambda: decide(job, test, cell, None if job.model else progress, without),
            busy,
        )
    except ModelLost:
        return lost(job, test, cell)


def _decided(
    job: Job,
    test: Test,
    cell: Cell,
    outcome: Outcome,
    progress: Callable[[Progress], None] | None,
) -> Outcome:
    """Return the outcome with its result, or with the error of a faulty test or model."""
    try:
        machine = job.machine(test, cell)
        with own_code(job.model, cell.name, job.limits.seconds):
            likely = outcome.stored[0] if outcome.stored else None
            answer = _answer(job, test, cell, machine, progress, likely)
            start = cell.start(job.catalogue.model_of(test.topic))
    except VmlitmusError as error:
        return replace(outcome, error=str(error), exit_code=error.exit_code)
    return replace(
        outcome,
        result=answer.result,
        bounds=answer.bounds,
        assumptions=answer.assumptions,
        word=word_of(test.words, answer.result.observed),
        start=start,
        not_modelled=answer.not_modelled,
        order=answer.order,
    )


class _Answer(Frozen):
    """What is said of a claim on a machine, whichever cell asks; see ``Outcome``."""

    result: Result
    bounds: dict[str, object]
    assumptions: tuple[str, ...]
    not_modelled: tuple[str, ...]
    order: MemoryOrder | None


def _answer(
    job: Job,
    test: Test,
    cell: Cell,
    machine: Machine,
    progress: Callable[[Progress], None] | None,
    likely: int | None,
) -> _Answer:
    """Return what is said of a cell: what is known, where it was asked of this machine before."""
    key = test.topic, machine.content, cell.claim, test.watched
    if key in job.answered:
        return job.answered[key]
    result = run(
        machine,
        cell.claim,
        engine=job.engine,
        limits=job.limits.of(cell.name),
        progress=progress,
        observe=test.watched,
        symmetry=job.symmetry,
        likely=likely,
        workers=job.workers,
    )
    if job.annotate:
        from vmlitmus.engine.causes import annotated

        result = annotated(machine, result)
    answer = _Answer(
        result,
        bounds_of(machine, cell.claim),
        assumed(machine),
        not_modelled(machine, result),
        memory_order(machine),
    )
    if job.model is None and result.reason is None:
        job.answered[key] = answer
    return answer


def bounds_of(machine: Machine, claim: Claim) -> dict[str, object]:
    """Return what a verdict is limited to: how much there is, and for liveness what is fair."""
    bounds = dict(machine.bounds)
    if claim.is_liveness:
        for kind in ("weak", "strong"):
            bounds[f"{kind}ly fair"] = [n for n, fair in machine.fairness.items() if fair == kind]
    return bounds


def assumed(machine: Machine) -> tuple[str, ...]:
    """Return the assumptions in force, as text."""
    return tuple(f"{n} = {_shown(v)}" for n, v in machine.assumptions.items())


def _shown(value: object) -> str:
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )


def _blank(job: Job, test: Test, cell: Cell) -> Outcome:
    condition = job.catalogue.model_of(test.topic).condition
    first, then = cell.claim.condition, cell.claim.then
    stored = blessed(test.topic).get(cell.name) if test.shipped else None
    return Outcome(
        name=cell.name,
        topic=test.topic,
        question=test.question,
        source=test.source,
        because=test.because,
        decided_by=test.decided_by,
        claim=str(cell.claim),
        claim_text=condition(first).text,
        then_text=condition(then).text if then is not None else None,
        expected=cell.expect,
        expected_word=cell.word,
        where=cell.where,
        off=cell.without,
        chosen=tuple(f"{n} = {_shown(v)}" for n, v in cell.assume.items()),
        yes=test.yes,
        thread=thread_of(test.source),
        file=test.file,
        stored=tuple(stored) if stored else None,
        arguments=(selector(test, cell), *(("--model", job.model) if job.model else ())),
    )


def _changed(outcome: Outcome, without: tuple[str, ...]) -> Outcome:
    """Return the blank outcome of a test that is not as its file has it."""
    options = [word for part in without for word in ("--without", part)]
    return replace(
        outcome,
        name=f"{outcome.name} without {', '.join(without)}",
        without=without,
        stored=None,
        arguments=(*outcome.arguments, *options),
    )


def check_parts(job: Job, test: Test, cell: Cell, without: Iterable[str]) -> None:
    """Raise UsageError for a part that the code of a cell does not ask for, or that is off."""
    off = cell.off(job.catalogue.model_of(test.topic))
    parts = job.parts(test.topic, cell)
    on = [part for part in parts if part not in off]
    for part in without:
        if part in parts and part in off:
            raise UsageError(f"--without {part!r}: {cell.name} has it off already")
        if part not in on:
            raise UsageError(f"--without: {unknown('part', part, on)}")


def decide_all(
    job: Job, selected: Sequence[Selected], watcher: Watcher, workers: int | None = None
) -> Iterator[tuple[int, Outcome]]:
    """Yield the outcome of every cell with its position, as they are done.

    Several cells are decided in processes of their own, which inherit what is to be done: as many
    at a time as ``workers`` says, else as there are cores. A cell whose process is killed twice,
    the second time alone, has an error and exit code 3.
    """
    pairs = [(test, cell) for test, cells in selected for cell in cells]
    kept = _CachedOutcomes(job, pairs)
    for index, outcome in kept.found.items():
        watcher.done(outcome.name)
        yield index, outcome
    number = workers or processes()
    shares = _WORKERS if job.cluster else _SHARES * number
    most = min(_TOGETHER, (len(pairs) - len(kept.found)) // shares + 1)
    groups = _groups(pairs, kept.found, most)
    found: Iterable[tuple[tuple[int, ...], list[Outcome]]]
    if not groups:
        found = ()
    elif job.workers is not None:
        each = (index for group in groups for index in group)
        found = (((i,), [decide_apart(job, *pairs[i], watcher.search)]) for i in each)
    elif sum(map(len, groups)) == 1 and job.cluster is None:
        [[index]] = groups
        outcome = decide_apart(job, *pairs[index], watcher.search, busy=watcher.busy)
        found = iter([(groups[0], [outcome])])
    else:
        found = job.spread(
            lambda group: [decide(job, *pairs[index]) for index in group],
            groups,
            lambda group: watcher.busy(pairs[group[0]][1].name),
            lost=lambda group: [lost(job, *pairs[index]) for index in group],
            workers=number,
            kin=lambda group: pairs[group[0]][0].topic,
            apart=lambda group: [(index,) for index in group],
            here=job.model is None,
        )
    try:
        for group, outcomes in found:
            for index, outcome in zip(group, outcomes, strict=True):
                kept.keep(index, outcome)
                watcher.done(outcome.name)
                yield index, outcome
    finally:
        kept.close()


class _CachedOutcomes:
    """What earlier checks decided of some cells: ``found`` gives their outcomes by position."""

    def __init__(self, job: Job, pairs: Sequence[tuple[Test, Cell]]) -> None:
        known = job.store is not None and job.model is None and not job.annotate
        self.store = job.store.open() if known and job.store is not None else None
        self.keys: dict[int, str] = {}
        self.found: dict[int, Outcome] = {}
        if self.store is None:
            return
        from vmlitmus.decide.cache import Keys

        keys = Keys(job.catalogue, f"{job.engine}, symmetry {job.symmetry}", self.store)
        for index, (test, cell) in enumerate(pairs):
            key = keys.key(test, cell)
            if key is None:
                continue
            self.keys[index] = key
            outcome = self.store.find(key, _blank(job, test, cell))
            if outcome is not None:
                self.found[index] = outcome
        keys.close()

    def keep(self, index: int, outcome: Outcome) -> None:
        """Keep a result for later checks."""
        if self.store is not None and index in self.keys:
            self.store.keep(self.keys[index], outcome)

    def close(self) -> None:
        """Keep the store within its bound."""
        if self.store is not None:
            self.store.close()


def lost(job: Job, test: Test, cell: Cell) -> Outcome:
    """Return the outcome of a cell whose process was killed."""
    message = f"{cell.name}: not decided: its process was killed, perhaps for want of memory"
    message = str(ModelLost(cell.name, job.model)) if job.model else message
    return replace(_blank(job, test, cell), error=message, exit_code=3)


def _groups(
    pairs: Sequence[tuple[Test, Cell]], without: Container[int], most: int
) -> list[tuple[int, ...]]:
    """Return the positions of cells in rows of ``most``.

    Cells that one machine decides stand together, and so do those of one topic, for which a process
    lowers much of the code only once.
    """
    same: dict[str, dict[tuple[str, str], list[int]]] = {}
    for index, (test, cell) in enumerate(pairs):
        if index not in without:
            known = same.setdefault(test.topic, {})
            known.setdefault((test.path, cell.scenario), []).append(index)
    found: list[tuple[int, ...]] = []
    for machines in same.values():
        row = [index for indexes in machines.values() for index in indexes]
        found += [tuple(row[at : at + most]) for at in range(0, len(row), most)]
    return found
