"""What lowering reads of a machine."""

from __future__ import annotations

import inspect
import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar

from vmlitmus.frozen import Frozen
from vmlitmus.lang.domain import Domain, EnumOf, IntRange, Members, RefTo, SetOf
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.world import Hooks

T = TypeVar("T")
Place = tuple[Entity, str]
Question = tuple[object, ...]
Answers = Mapping[Question, object]


class Read(Frozen):
    """What was read of a machine.

    ``said`` are the answers about fields, parts, assumptions, mechanisms, store buffers and how
    many entities there are, ``unknown`` the fields that the machine lacks, the labels that no
    sequence in play has, and what no store buffer takes. An actor has no place where it has no
    sequence.
    """

    said: dict[Question, object] = field(default_factory=dict)
    unknown: set[Question] = field(default_factory=set)

    def same(self, answers: Answers) -> bool:
        """Say whether the same would be read of another machine."""
        return self.said.items() <= answers.items() and self.unknown.isdisjoint(answers)

    def add(self, other: Read) -> None:
        """Take in what was read for a part of the work."""
        self.said.update(other.said)
        self.unknown.update(other.unknown)


class Numbered:
    """The variables of a machine, each with its number and domain.

    ``places`` has them by entity and name, ``known`` by the entity's id and name, which is quicker;
    ``domains`` gives the domain of each by number.
    """

    def __init__(self, places: Mapping[Place, tuple[int, Domain]]) -> None:
        self.places = places
        self.known = {(id(entity), name): found for (entity, name), found in places.items()}
        self.domains = dict(places.values())


class RecordedReads(Mapping[Place, tuple[int, Domain]]):
    """The variables of a machine; ``read`` is what was asked.

    What is asked of ``domains`` is not noted.
    """

    def __init__(self, variables: Numbered, answers: Answers) -> None:
        self.variables = variables.places
        self.known = variables.known
        self.domains = variables.domains
        self.answers = answers
        self.read = Read()
        self.noted: set[tuple[int, str]] = set()

    def note(self, place: Place) -> None:
        known = id(place[0]), place[1]
        if known in self.noted:
            return
        self.noted.add(known)
        question = field_of(*place)
        if question in self.answers:
            self.read.said[question] = self.answers[question]
        else:
            self.read.unknown.add(question)

    def possible(self, index: int) -> Collection[int] | None:
        """Return the codes that a variable may have, where lowering may rest on them."""
        return None

    def told(self, question: str, about: object, answer: object) -> None:
        """Note what the world says about a part, an assumption, a mechanism or a class."""
        self.read.said[question, about] = answer

    def found(self, question: str, about: object, answer: T) -> T:
        """Note and return what the world has for something; an answer that is false is none."""
        if answer:
            self.told(question, about, answer)
        else:
            self.read.unknown.add((question, about))
        return answer

    def placed(self, kind: type[Entity], label: str, places: frozenset[int]) -> None:
        """Note at which places actors stand at a label."""
        self.found("places", (kind, label), places)

    def get(self, place: Place, default: Any = None) -> Any:
        self.note(place)
        return self.known.get((id(place[0]), place[1]), default)

    def __getitem__(self, place: Place) -> tuple[int, Domain]:
        self.note(place)
        return self.known[id(place[0]), place[1]]

    def __contains__(self, place: object) -> bool:
        return self.get(place) is not None  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Place]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)


class CountedEntities(Mapping[type[Entity], tuple[Entity, ...]]):
    """The entities of a world; ``reads`` notes of which classes somebody asks for all."""

    def __init__(
        self, entities: Mapping[type[Entity], tuple[Entity, ...]], reads: RecordedReads
    ) -> None:
        self.entities = entities
        self.reads = reads

    def __getitem__(self, kind: type[Entity]) -> tuple[Entity, ...]:
        found = self.entities[kind]
        self.reads.told("count", kind, len(found))
        return found

    def __contains__(self, kind: object) -> bool:
        return kind in self.entities

    def __iter__(self) -> Iterator[type[Entity]]:
        return iter(self.entities)

    def __len__(self) -> int:
        return len(self.entities)


@lru_cache(maxsize=1024)
def moments(mechanism: Hooks) -> dict[str, object]:
    """Return what a mechanism does at each moment, its other methods, and its constants."""
    if vars(mechanism):
        return {}
    found: dict[str, object] = {}
    for name in dir(type(mechanism)):
        value = inspect.getattr_static(mechanism, name)
        if name.startswith("__"):
            continue
        if isinstance(value, types.FunctionType):
            found[name] = value
        elif value is None or isinstance(value, (bool, int, str, Enum)):
            found[name] = type(value), value
    return found


def field_of(entity: Entity, name: str) -> Question:
    """Return what names a field in every machine that has it."""
    return type(entity), entity.index, name


def named(value: Any) -> object:
    """Return a value with its entities named by class and index: no two worlds share any."""
    if isinstance(value, Entity):
        return type(value), value.index
    if isinstance(value, Members):
        return value.kind, value.mask, len(value.domain.members)
    return type(value), value


def shape(name: str, domain: Domain) -> object:
    """Return what the domain of a field has in common with its like in other worlds.

    How many places its actor has makes no difference to the code of a section.
    """
    if name == "_at":
        return name
    if isinstance(domain, RefTo):
        return "one", domain.kind, domain.optional, len(domain.members)
    if isinstance(domain, SetOf):
        return "set", domain.kind, len(domain.members)
    if isinstance(domain, IntRange):
        return "int", domain.low, domain.high
    return domain.kind if isinstance(domain, EnumOf) else type(domain)
