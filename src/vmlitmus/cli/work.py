"""Decide cells: one here, or many on all cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace

from vmlitmus.engine import Limits, Progress, run
from vmlitmus.engine.run import Choice
from vmlitmus.errors import ScenarioError, VmlitmusError
from vmlitmus.litmus.catalogue import Catalogue, Selected, blessed, selector
from vmlitmus.litmus.read import refused
from vmlitmus.outcome import Outcome
from vmlitmus.scenario import Cell, Test


@dataclass(frozen=True)
class Job:
    """How cells are decided."""

    catalogue: Catalogue
    model: str | None = None  # the file of the user's own model
    engine: Choice = "auto"
    limits: Limits = field(default_factory=Limits)


def decide(
    job: Job, test: Test, cell: Cell, progress: Callable[[Progress], None] | None = None
) -> Outcome:
    """Return the outcome of one cell; a faulty test or model is an outcome too."""
    model = job.catalogue.model_of(test.topic)
    outcome = _blank(job, test, cell)
    try:
        machine = cell.machine(model)
        result = run(
            machine,
            cell.claim,
            engine=job.engine,
            limits=job.limits,
            progress=progress,
            observe=test.observe,
        )
    except ScenarioError as error:
        return replace(outcome, error=str(refused(test, error)), exit_code=2)
    except VmlitmusError as error:
        return replace(outcome, error=str(error), exit_code=error.exit_code)
    assumed = tuple(f"{n} = {_shown(v)}" for n, v in machine.assumptions.items())
    bounds = dict(machine.bounds)
    if cell.claim.is_liveness:
        for kind in ("weak", "strong"):
            bounds[f"{kind}ly fair"] = [n for n, fair in machine.fairness.items() if fair == kind]
    start = cell.start(model)
    return replace(outcome, result=result, bounds=bounds, assumptions=assumed, start=start)


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
        where=cell.where,
        stored=tuple(stored) if stored else None,
        arguments=(selector(test, cell), *(("--model", job.model) if job.model else ())),
    )


_JOB: list[tuple[Job, list[tuple[Test, Cell]]]] = []


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _nth(index: int) -> Outcome:
    job, pairs = _JOB[0]
    return decide(job, *pairs[index])


def decide_all(job: Job, selected: Sequence[Selected]) -> Iterator[tuple[int, Outcome]]:
    """Yield the outcome of every cell with its position, as they are done.

    Several cells are decided in processes of their own, which inherit what is to be done.
    """
    pairs = [(test, cell) for test, cells in selected for cell in cells]
    workers = min(len(pairs), len(os.sched_getaffinity(0)))
    if workers < 2:
        for index, pair in enumerate(pairs):
            yield index, decide(job, *pair)
        return
    _JOB[:] = [(job, pairs)]
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupts)
    try:
        waiting = {pool.submit(_nth, index): index for index in range(len(pairs))}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    except BaseException:
        processes = list(getattr(pool, "_processes", {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        raise
    pool.shutdown()
