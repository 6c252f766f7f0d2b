"""What lowering reads of a machine, besides how many entities there are of each class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vmlitmus.lang.domain import Domain, Members, RefTo, SetOf
from vmlitmus.lang.entity import Entity

Place = tuple[Entity, str]
Question = tuple[object, ...]
Answers = Mapping[Question, object]


@dataclass(frozen=True)
class Read:
    """What was read of a machine.

    ``said`` are the answers about fields, parts, assumptions and mechanisms, ``unknown`` the fields
    that the machine lacks: an actor has no place where it has no sequence.
    """

    said: dict[Question, object] = field(default_factory=dict)
    unknown: set[Question] = field(default_factory=set)

    def same(self, answers: Answers) -> bool:
        """Say whether the same would be read of another machine."""
        return self.said.items() <= answers.items() and self.unknown.isdisjoint(answers)


class RecordedReads(Mapping[Place, tuple[int, Domain]]):
    """The variables of a machine, each with its number and domain; ``read`` is what was asked."""

    def __init__(self, variables: Mapping[Place, tuple[int, Domain]], answers: Answers) -> None:
        self.variables = variables
        self.answers = answers
        self.read = Read()

    @cached_property
    def domains(self) -> dict[int, Domain]:
        """The domain of each variable by number; what is asked here is not noted."""
        return dict(self.variables.values())

    def note(self, place: Place) -> None:
        question = field_of(*place)
        if question in self.answers:
            self.read.said[question] = self.answers[question]
        else:
            self.read.unknown.add(question)

    def told(self, question: str, about: object, answer: object) -> None:
        """Note what the world says about a part, an assumption or a mechanism."""
        self.read.said[question, about] = answer

    def __getitem__(self, place: Place) -> tuple[int, Domain]:
        self.note(place)
        return self.variables[place]

    def __contains__(self, place: object) -> bool:
        self.note(place)  # type: ignore[arg-type]
        return place in self.variables

    def __iter__(self) -> Iterator[Place]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)


def field_of(entity: Entity, name: str) -> Question:
    """Return what names a field in every machine that has it."""
    return type(entity), entity.index, name


def named(value: Any) -> object:
    """Return a value with its entities named by class and index: no two worlds share any."""
    if isinstance(value, Entity):
        return type(value), value.index
    if isinstance(value, Members):
        return value.kind, value.mask
    return type(value), value


def shape(domain: Domain) -> object:
    """Return what a domain has in common with its like in other worlds."""
    if isinstance(domain, RefTo):
        return domain.kind, domain.optional
    return domain.kind if isinstance(domain, SetOf) else domain
