"""How far a verdict was pushed: one question with each bound higher, as plain data.

Source: the JSON contract ``vmlitmus/growth/1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vmlitmus.outcome import Outcome, Verdict

SCHEMA = "vmlitmus/growth/1"


@dataclass(frozen=True)
class Grown:
    """The question asked with some bounds raised: their names with the new values."""

    raised: Mapping[str, int]
    outcome: Outcome


@dataclass
class Growth:
    """A test, or one cell of its matrix, and what became of it with higher bounds.

    ``bounds`` are those of the test itself, ``base`` what it finds with them. ``complete`` is false
    when the time was up before everything was asked, or the user ended it; ``stopped`` says that he
    did so between two questions.
    """

    test: str
    base: Outcome
    bounds: Mapping[str, int]
    rows: list[Grown] = field(default_factory=list)
    complete: bool = True
    stopped: bool = False

    @property
    def interrupted(self) -> bool:
        """Say whether the user ended it, between two questions or while one was decided."""
        last = self.rows[-1].outcome if self.rows else self.base
        return self.stopped or last.interrupted

    @property
    def decided(self) -> int:
        """Return how many higher bounds were asked to the end."""
        return sum(not row.outcome.interrupted for row in self.rows)

    @property
    def change(self) -> Grown | None:
        """The first row whose verdict is another one than the test's, if there is one."""
        return next((row for row in self.rows if self.differs(row)), None)

    def differs(self, row: Grown) -> bool:
        """Say whether a row was decided, and otherwise than the test; not so if it is vacuous."""
        found = verdict_of(row.outcome)
        decided = found not in (None, Verdict.INCONCLUSIVE) and not vacuous(row.outcome)
        return decided and found is not verdict_of(self.base)

    def same(self, row: Grown) -> bool:
        """Say whether a row has the verdict of the test, and is not vacuous."""
        return verdict_of(row.outcome) is verdict_of(self.base) and not vacuous(row.outcome)

    def pushed(self) -> dict[str, int]:
        """Return for each bound the highest value that was asked alone with the same verdict."""
        far: dict[str, int] = {}
        for row in self.rows:
            if len(row.raised) == 1 and self.same(row):
                far |= row.raised
        return far

    def together(self) -> Mapping[str, int]:
        """Return the last bounds that were raised together with the same verdict."""
        same = [row.raised for row in self.rows if len(row.raised) > 1 and self.same(row)]
        return same[-1] if same else {}


def verdict_of(outcome: Outcome) -> Verdict | None:
    """Return the verdict, or None where the test or the model is faulty."""
    return outcome.result.verdict if outcome.result else None


def vacuous(outcome: Outcome) -> bool:
    """Say whether what stands behind the claim could not happen, so that the verdict is none."""
    return outcome.result is not None and outcome.result.vacuous


def as_json(growths: list[Growth]) -> dict[str, Any]:
    """Return growths as the object of schema ``vmlitmus/growth/1``."""
    return {"schema": SCHEMA, "tests": [_entry(growth) for growth in growths]}


def _entry(growth: Growth) -> dict[str, Any]:
    change = growth.change
    return {
        "test": growth.test,
        "claim": growth.base.claim,
        "bounds": dict(growth.bounds),
        "rows": [_row(Grown({}, growth.base)), *map(_row, growth.rows)],
        "change": None if change is None else growth.rows.index(change) + 1,
        "pushed": growth.pushed(),
        "together": dict(growth.together()),
        "complete": growth.complete,
    }


def _row(row: Grown) -> dict[str, Any]:
    found = row.outcome.result
    if found is None:
        return {"raised": dict(row.raised), "verdict": None, "reason": row.outcome.error}
    return {
        "raised": dict(row.raised),
        "verdict": found.verdict.value,
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "seconds": found.seconds,
        "reason": found.reason,
        "vacuous": found.vacuous,
    }
