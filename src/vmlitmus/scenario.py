"""A litmus test as plain data: a question, and one or several scenarios (cells) that answer it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from vmlitmus.compiler import Machine, build
from vmlitmus.frozen import Frozen
from vmlitmus.lang import Choice, Claim, Environment, Model
from vmlitmus.lang.model import Settings, fill
from vmlitmus.outcome import PublishedClaim, Verdict, Word


class Cell(Frozen):
    """One scenario with its claim and the expected verdict; None where nothing is expected.

    ``where`` gives the value of each axis of the test's matrix, as text; empty without a matrix.
    ``word`` is the word that its observations are expected to give, if the test says so. ``timing``
    is how it goes in time, for a simulation. A ``large`` cell is only simulated: it has more of
    something than the engines decide. ``every`` gives for a list what an axis sets in each of its
    entries, one that is added later as well.
    """

    name: str
    where: Mapping[str, str]
    tables: Mapping[str, Mapping[str, Any]]
    lists: Mapping[str, tuple[Mapping[str, Any], ...]]
    environment: Environment
    without: tuple[str, ...]
    fixed: tuple[str, ...]
    assume: Mapping[str, Choice]
    claim: Claim
    expect: Verdict | None
    word: str | None = None
    timing: Mapping[str, Any] = field(default_factory=dict)
    large: bool = False
    every: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def allow(self) -> tuple[str, ...]:
        """The disturbances that exist."""
        return self.environment.allow

    def off(self, model: Model) -> frozenset[str]:
        """Return the parts that are off: switched off, or of fixes that the kernel lacks."""
        missing = model.missing(self.settings(model)).difference(self.fixed)
        return missing.union(self.without)

    def start(self, model: Model) -> str:
        """Return how things stand at the start, in one line; empty where the model says nothing."""
        return model.start(self.settings(model)) if model.start else ""

    def settings(self, model: Model) -> Settings:
        """Return the settings of the scenario, with the defaults; raises ScenarioError."""
        return fill(model, self.tables, self.lists, in_time=self.large)

    @property
    def scenario(self) -> str:
        """What a machine depends on besides the model; cells that differ in the claim share it."""
        given = (self.tables, self.lists, self.environment, self.without, self.fixed)
        return repr((*given, self.assume))

    def machine(
        self,
        model: Model,
        *,
        switchable: bool = False,
        known: Mapping[object, Machine] | None = None,
        conditions: bool = True,
    ) -> Machine:
        """Return the machine of this scenario; raises ScenarioError or ModelError.

        ``known`` are other machines of the model, by their content. Without ``conditions`` faults
        in conditions that nobody asks for are not looked for.
        """
        return build(
            model,
            self.tables,
            self.lists,
            allow=self.environment.allow,
            at_most=self.environment.at_most,
            limits=self.environment.limits,
            only_when=self.environment.only_when,
            fair=self.environment.fair,
            without=self.without,
            fixed=self.fixed,
            assume=self.assume,
            switchable=switchable,
            in_time=self.large,
            known=known,
            conditions=conditions,
        )


class Layout(Frozen):
    """How a matrix is shown: marks for conditions, axes that go across, axes set apart.

    Each value of an axis in ``apart`` has a grid of its own.
    """

    marks: Mapping[str, str]
    across: tuple[str, ...]
    apart: tuple[str, ...]
    said: tuple[PublishedClaim, ...]


class Test(Frozen):
    """A litmus test: one question, who answered it, and its cells.

    ``path`` is how messages name its file, ``file`` where that is. ``yes`` is the verdict that
    answers the question with yes; None where the question is none of that kind. ``measures`` are
    what a simulation measures. ``simulated`` are all cells, those among them that are not decided:
    large ones, and those that differ from an earlier one in nothing but their timing. A test that
    expects nothing may have no ``source``, ``because`` and ``decided_by``: they are empty then.
    """

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
    layout: Layout
    words: tuple[Word, ...]
    cells: tuple[Cell, ...]
    yes: Verdict | None = None
    file: str = ""
    measures: tuple[Mapping[str, Any], ...] = ()
    simulated: tuple[Cell, ...] = ()

    @property
    def watched(self) -> tuple[str, ...]:
        """The conditions to observe: those asked for, and those that the words go by."""
        reached = [w.reached for w in self.words if w.reached is not None]
        return tuple(dict.fromkeys((*self.observe, *reached)))
