"""Which law, priority and memory each thing that can happen has: a timing put on a machine."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass

from vmlitmus.compiler import Instance, Machine
from vmlitmus.errors import ScenarioError, unknown
from vmlitmus.lang import Entity
from vmlitmus.simulation.laws.distribution import Law
from vmlitmus.simulation.laws.generator import stream_of
from vmlitmus.simulation.laws.timing import Row, Timing, law_of, weight_of

Firing = tuple[int, int]  # an instance by its index, and the ending that it would come to


@dataclass(frozen=True)
class Rule:
    """How one firing behaves: ``law`` is None where it is immediate; one that is ``never`` taken
    does not happen in time. Of firings at one instant the highest ``priority`` comes first; among
    immediate ones of the same, each is chosen with a probability in proportion to its ``weight``.
    """

    law: Law | None = None
    priority: int = 0
    weight: float = 1.0
    memory: str = "enabling"
    never: bool = False


_IMMEDIATE = Rule()


class Rules:
    """The rules of a machine's firings.

    ``chosen`` gives parameters another value than the timing's. Raises ScenarioError for a row that
    no step of the model matches, and for quantities that are wrong.
    """

    def __init__(
        self, machine: Machine, timing: Timing, chosen: Mapping[str, object] | None = None
    ) -> None:
        self.machine = machine
        self.timing = timing
        counts = {f"n_{k.__name__.lower()}": float(len(v)) for k, v in machine.entities.items()}
        try:
            self.values = timing.values(chosen or {}, counts)
            self.made = [(row, _rule(row, self.values)) for row in timing.rows]
            self._check()
        except ScenarioError as error:
            raise ScenarioError(f"{timing.path}: {error}") from None
        self.known: dict[Firing, Rule] = {}
        self.streams: dict[int, int] = {}

    def _check(self) -> None:
        """Refuse rows about steps that the model does not have, and a test's own labels of nothing.

        A timing of a topic may have rows for mechanisms that the scenario does not use.
        """
        names = [step.name for step in self.machine.model.steps]
        names += self.machine.model.disturbances
        for row, _ in self.made:
            if not fnmatch.filter(names, row.step):
                raise ScenarioError(f"{row.place}: " + unknown("step", row.step, names))
            labels = [label for label in self.machine.labels.values() if label]
            for given in (row.label, row.after) if row.own else ():
                if given and not any(matches(given, label) for label in labels):
                    raise ScenarioError(f"{row.place}: " + unknown("label", given, labels))

    def unused(self) -> list[Row]:
        """Return the rows that are about nothing in this scenario."""
        found = [(i, e) for i in self.machine.instances for e in endings(i)]
        return [row for row, _ in self.made if not any(_about(row, i, e) for i, e in found)]

    def rule(self, firing: Firing) -> Rule:
        """Return the rule of a firing: that of the last row about it, else it is immediate."""
        if firing not in self.known:
            instance, ending = self.machine.instances[firing[0]], firing[1]
            about = [rule for row, rule in self.made if _about(row, instance, ending)]
            self.known[firing] = about[-1] if about else _IMMEDIATE
        return self.known[firing]

    def stream(self, instance: int) -> int:
        """Return the number of the stream that an instance's durations are drawn from."""
        if instance not in self.streams:
            found = self.machine.instances[instance]
            section = f"@{found.start}" if found.start else ""  # each section has its own stream
            self.streams[instance] = stream_of(f"{found}{section}")
        return self.streams[instance]


def endings(instance: Instance) -> range:
    """Return the endings that an instance may come to, by number; 0 for a plain step."""
    return range(1, len(instance.program.labels) + 1) if instance.program else range(1)


def label_of(instance: Instance, ending: int) -> str:
    """Return the label of the step that a firing takes, with its braces."""
    if instance.program is None:
        return instance.step.label or ""
    return instance.program.labels[ending - 1]


def _about(row: Row, instance: Instance, ending: int) -> bool:
    step = instance.step
    if not any(fnmatch.fnmatchcase(n, row.step) for n in (step.name, step.disturbance) if n):
        return False
    if row.of and str(instance.binding[0] if instance.binding else "") not in row.of:
        return False
    if row.label and not matches(row.label, label_of(instance, ending)):
        return False
    return not row.after or any(matches(row.after, label) for label in _labels_before(instance))


def _labels_before(instance: Instance) -> list[str]:
    """Return the labels at which the actor may stand when an instance begins."""
    if instance.program is None:
        return []
    places = instance.program.done.places
    return [label for label, found in places.items() if instance.start in found]


def matches(pattern: str, label: str) -> bool:
    """Say whether a label is what a row means: as it is written, or as ``list steps`` shows it."""
    shown = re.sub(r"\{(\w+)[^}]*\}", r"a \1", label)
    return any(fnmatch.fnmatchcase(text, pattern) for text in (label, shown))


def _rule(row: Row, values: Mapping[str, float]) -> Rule:
    return Rule(law_of(row, values), row.priority, weight_of(row, values), row.memory, row.never)


def actor_of(instance: Instance) -> str:
    """Return who acts: the first entity of a binding, or nothing."""
    first = instance.binding[0] if instance.binding else None
    return str(first) if isinstance(first, Entity) else ""
