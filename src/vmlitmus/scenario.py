"""A litmus test as plain data: a question, and one or several scenarios (cells) that answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vmlitmus.lang import Choice, Claim, Machine, Model, build
from vmlitmus.lang.model import fill
from vmlitmus.outcome import Verdict


@dataclass(frozen=True)
class Cell:
    """One scenario with its claim and the expected verdict.

    ``where`` gives the value of each axis of the test's matrix, as text; empty without a matrix.
    """

    name: str
    where: Mapping[str, str]
    tables: Mapping[str, Mapping[str, Any]]
    lists: Mapping[str, tuple[Mapping[str, Any], ...]]
    allow: tuple[str, ...]
    at_most: Mapping[str, int]
    without: tuple[str, ...]
    fixed: tuple[str, ...]
    assume: Mapping[str, Choice]
    claim: Claim
    expect: Verdict

    def start(self, model: Model) -> str:
        """Return how things stand at the start, in one line; empty where the model says nothing."""
        return model.start(fill(model, self.tables, self.lists)) if model.start else ""

    def machine(self, model: Model) -> Machine:
        """Return the machine of this scenario; raises ScenarioError or ModelError."""
        return build(
            model,
            self.tables,
            self.lists,
            allow=self.allow,
            at_most=self.at_most,
            without=self.without,
            fixed=self.fixed,
            assume=self.assume,
        )


@dataclass(frozen=True)
class Test:
    """A litmus test: one question, who answered it, and its cells."""

    name: str
    topic: str
    path: str
    text: str
    shipped: bool
    question: str
    source: str
    because: str
    decided_by: str
    wide: bool
    axes: Mapping[str, tuple[str, ...]]
    observe: tuple[str, ...]
    cells: tuple[Cell, ...]
