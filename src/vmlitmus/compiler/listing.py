"""What a machine says of its steps: the places of their labels, the labels, the sources."""

from __future__ import annotations

from collections.abc import Iterable

from vmlitmus.compiler.machine.program import Program
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.source import Source
from vmlitmus.lang.step import Step


def places(made: Iterable[Program]) -> dict[type[Entity], dict[str, frozenset[int]]]:
    """Return the places of each label, by kind of actor."""
    found: dict[type[Entity], dict[str, frozenset[int]]] = {}
    for sequence in made:
        labels = found.setdefault(sequence.actor, {})
        for label, places in sequence.done.places.items():
            here = frozenset(sequence.first_place + place - 1 for place in places)
            labels[label] = labels.get(label, frozenset()) | here
    return found


def labels(steps: list[Step], programs: dict[Step, Program]) -> dict[str, str]:
    """Return the label of each step, and of each section of a sequence, by its id."""
    found: dict[str, str] = {}
    for step in steps:
        made = programs.get(step)
        if made is None:
            found[step.name] = step.label or ""
        else:
            found |= {f"{step.name}.{k}": label for k, label in enumerate(made.labels, 1)}
    return found


def sources(steps: list[Step], programs: dict[Step, Program]) -> dict[str, tuple[Source, ...]]:
    return {step_id: step.sources for step in steps for step_id in labels([step], programs)}
