"""What a check found, as plain data: the only thing that reports read.

Source: the JSON contract ``vmlitmus/outcome/1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """The answer to a claim, within the stated bounds."""

    HOLDS = "holds"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class TraceStep:
    """One step of a counterexample or witness, as the reference engine executed it.

    ``changes`` maps "page0.owner" to its values before and after, as text.
    """

    step: str
    binding: tuple[str, ...]
    label: str
    actor: Mapping[str, str]
    cpu: str | None
    changes: Mapping[str, tuple[str, str]]
    source: str


@dataclass(frozen=True)
class Result:
    """What one engine found for one claim on one machine.

    ``states``, ``transitions`` and ``depth`` are counts as the design defines them; ``seconds``
    is wall time; ``never_fired`` maps the steps that no run took to their labels; ``observed`` says
    for each asked condition whether a counted state satisfies it. ``backing`` says in words what
    was reached, so that a claim that holds is not empty. Where the trace is a lasso, its step
    ``loop_start`` begins the loop (no step: the run stops there for ever), and before its step
    ``since`` the run begins to wait.
    """

    verdict: Verdict
    engine: str
    states: int
    transitions: int
    depth: int
    seconds: float
    coverage: Mapping[str, int] = field(default_factory=dict)
    never_fired: Mapping[str, str] = field(default_factory=dict)
    trace: tuple[TraceStep, ...] | None = None
    loop_start: int | None = None
    since: int | None = None
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    observed: Mapping[str, bool] = field(default_factory=dict)
    backing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """A test, or one cell of its matrix, with its result: one entry of ``vmlitmus/outcome/1``.

    ``then_text`` is what has to follow, for a ``leads_to``. ``stored`` are the blessed [states,
    transitions, depth], if there are any; ``error`` is the message when there is no result because
    test or model is faulty, and ``exit_code`` its code. ``arguments`` select it again on the
    command line.
    """

    name: str
    topic: str
    question: str
    source: str
    because: str
    decided_by: str
    claim: str
    claim_text: str
    expected: Verdict
    where: Mapping[str, str]
    result: Result | None = None
    bounds: Mapping[str, object] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    then_text: str | None = None
    stored: tuple[int, ...] | None = None
    error: str | None = None
    exit_code: int = 0
    arguments: tuple[str, ...] = ()
    start: str = ""  # how things stand at first, in one line

    @property
    def counts(self) -> tuple[int, ...] | None:
        """States, transitions and depth of the result."""
        r = self.result
        return (r.states, r.transitions, r.depth) if r else None

    @property
    def counts_differ(self) -> bool:
        """Say whether a conclusive result has other counts than those stored."""
        if self.result is None or self.result.verdict is Verdict.INCONCLUSIVE:
            return False
        return self.stored is not None and self.stored != self.counts

    @property
    def as_expected(self) -> bool:
        """Say whether the verdict is the expected one, with the stored counts."""
        return bool(self.result and self.result.verdict == self.expected and not self.counts_differ)

    @property
    def code(self) -> int:
        """Return the exit code that this outcome alone would give."""
        if self.result is None:
            return self.exit_code
        if self.result.verdict is Verdict.INCONCLUSIVE:
            return 3
        return 0 if self.as_expected else 1


_PRECEDENCE = (70, 130, 2, 1, 3, 0)


def exit_code(codes: Iterable[int]) -> int:
    """Return the exit code of several outcomes: the gravest."""
    return min(codes, key=_PRECEDENCE.index, default=0)


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
        "source": outcome.source,
        "because": outcome.because,
        "decided_by": outcome.decided_by,
        "verdict": r.verdict.value,
        "expected": outcome.expected.value,
        "as_expected": outcome.as_expected,
        "claim": outcome.claim,
        "engine": r.engine,
        "states": r.states,
        "transitions": r.transitions,
        "depth": r.depth,
        "seconds": round(r.seconds, 3),
        "bounds": dict(outcome.bounds),
        "assumptions": list(outcome.assumptions),
        "never_fired": list(r.never_fired),
        "coverage": dict(r.coverage),
        "warnings": list(r.warnings),
        "trace": None if r.trace is None else [_step_entry(step) for step in r.trace],
        "loop_start": r.loop_start,
    }


def _step_entry(step: TraceStep) -> dict[str, Any]:
    return {
        "step": step.step,
        "label": step.label,
        "actor": dict(step.actor),
        "cpu": step.cpu,
        "changes": {name: list(pair) for name, pair in step.changes.items()},
        "source": step.source,
    }
