"""Outcomes of tests as the object of schema ``vmlitmus/outcome/1``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from vmlitmus.outcome.verdict import Outcome, Result, TraceStep


def as_json(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return outcomes as the object of schema ``vmlitmus/outcome/1``; faulty tests are left out."""
    return {"schema": "vmlitmus/outcome/1", "tests": [_entry(o) for o in outcomes if o.result]}


def _entry(outcome: Outcome) -> dict[str, Any]:
    r = outcome.result
    assert r is not None
    return {
        "name": outcome.name,
        "topic": outcome.topic,
        "question": outcome.question,
        "source": outcome.citation,
        "thread": asdict(outcome.thread) if outcome.thread else None,
        "file": outcome.file,
        "because": outcome.because,
        "decided_by": outcome.decided_by or None,
        "answer": outcome.answer,
        "verdict": r.verdict.value,
        "expected": outcome.expected.value if outcome.expected else None,
        "as_expected": outcome.as_expected if outcome.expected else None,
        "claim": outcome.claim,
        "engine": r.engine,
        "states": r.states,
        "transitions": r.transitions,
        "depth": r.depth,
        "seconds": round(r.seconds, 3),
        **_symmetry(r),
        "bounds": dict(outcome.bounds),
        "assumptions": list(outcome.assumptions),
        "not_modelled": list(outcome.not_modelled),
        "memory_order": None if outcome.order is None else asdict(outcome.order),
        "never_fired": list(r.never_fired),
        "coverage": dict(r.coverage),
        "warnings": list(r.warnings),
        "trace": None if r.trace is None else [_step_entry(step) for step in r.trace],
        "loop_start": r.loop_start,
        **({"initial": dict(r.initial), "fixed": dict(r.fixed)} if r.initial else {}),
    }


def _symmetry(r: Result) -> dict[str, Any]:
    """Return what is said of symmetry where it was looked for."""
    if not (r.interchangeable or r.different):
        return {}
    return {
        "orbits": r.orbits,
        "interchangeable": list(r.interchangeable),
        "not_interchangeable": list(r.different),
    }


def _step_entry(step: TraceStep) -> dict[str, Any]:
    known = {
        "binding": list(step.binding),
        "causes": [
            {"step": c.step, "fields": list(c.fields), "needed": c.needed} for c in step.causes
        ],
        "moves": {name: list(pair) for name, pair in step.moves.items()},
        "mechanism": step.mechanism,
        "assumptions": list(step.assumptions),
    }
    return {
        "step": step.step,
        "label": step.label,
        "actor": dict(step.actor),
        "cpu": step.cpu,
        "changes": {name: list(pair) for name, pair in step.changes.items()},
        "source": step.source,
        **(known if step.mechanism else {}),
    }
