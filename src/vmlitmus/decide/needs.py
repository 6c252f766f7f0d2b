"""What one cell needs of the parts in play."""

from __future__ import annotations

from dataclasses import replace

from vmlitmus.decide.cells import Job, assumed, bounds_of
from vmlitmus.decide.memory_order import covered
from vmlitmus.decide.own_code import own_code
from vmlitmus.engine import ablate
from vmlitmus.engine.finding import Watch
from vmlitmus.errors import nearest
from vmlitmus.litmus.catalogue import selector
from vmlitmus.outcome import Ablated, Ablation, Covered, PartStatus, Verdict
from vmlitmus.scenario import Cell, Test


def ablated(job: Job, test: Test, cell: Cell, progress: Watch | None = None) -> Ablation:
    """Return what one cell needs; raises LitmusError or ModelError for a faulty test or model."""
    model = job.catalogue.model_of(test.topic)
    machine = job.switchable(test, cell)
    off = cell.off(model)
    with own_code(job.model, cell.name):
        result = ablate(
            machine, cell.claim, engine=job.engine, limits=job.limits, progress=progress
        )
    barriers = _covered(job, test, cell, result) if machine.passing is not None else {}
    return Ablation(
        name=cell.name,
        topic=test.topic,
        question=test.question,
        claim=str(cell.claim),
        where=cell.where,
        arguments=(selector(test, cell), *(("--model", job.model) if job.model else ())),
        result=result,
        bounds=bounds_of(machine, cell.claim),
        assumptions=assumed(machine),
        absent=tuple(d for d in model.disturbances if d not in cell.allow),
        off=tuple(part for part in machine.parts if part in off),
        instead=_instead(job, test, cell) if result.verdict is Verdict.VIOLATED else "",
        covered=barriers,
    )


def _covered(job: Job, test: Test, cell: Cell, result: Ablated) -> dict[str, Covered]:
    """Return what covers each barrier that is not needed."""
    model = job.catalogue.model_of(test.topic)
    whole = cell.machine(model).passing
    found = {}
    for part in result.parts:
        if part.status is PartStatus.REDUNDANT:
            fewer = replace(cell, without=(*cell.without, part.name))
            without = fewer.machine(model).passing
            assert whole is not None
            assert without is not None
            barrier = covered(whole, without)
            if barrier is not None:
                found[part.name] = barrier
    return found


def _instead(job: Job, test: Test, cell: Cell) -> str:
    """Return the cell of the catalogue with the closest name whose claim is the same, and holds."""
    if test.topic not in job.catalogue.topics():
        return ""
    found = [
        other.name
        for one in job.catalogue.fitting(test.topic)
        for other in one.cells
        if other.expect is Verdict.HOLDS and str(other.claim) == str(cell.claim) and not one.wide
    ]
    return nearest(cell.name, found) or next(iter(found), "")
