"""What a check found, as plain data: the only thing that reports read.

Source: the JSON contract ``vmlitmus/outcome/1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
    is wall time; ``observed`` says for each asked condition whether a counted state satisfies it.
    """

    verdict: Verdict
    engine: str
    states: int
    transitions: int
    depth: int
    seconds: float
    coverage: Mapping[str, int] = field(default_factory=dict)
    never_fired: tuple[str, ...] = ()
    trace: tuple[TraceStep, ...] | None = None
    loop_start: int | None = None
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    observed: Mapping[str, bool] = field(default_factory=dict)
