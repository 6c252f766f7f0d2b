"""Which entities look alike at the start: candidates for what may be interchanged.

Two entities are exchanged together with what belongs to them: a core with its cpus, a vcpu with the
cpu that is its home. What is found here is only proposed; ``proof`` decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from vmlitmus.compiler.machine.machine import Machine
from vmlitmus.lang.domain import Members, shown
from vmlitmus.lang.entity import Entity

Exchange: TypeAlias = dict[Entity, Entity]  # of the entities that move; each way round
_OWN = ("_recorder", "index")  # what is no field
_SLOT = "_slot"  # fields that keep locals, which are dead at the start


class Differ(Exception):
    """Two entities are not alike: the message says in what, ``place`` is the line that decides."""

    def __init__(self, told: str, place: str | None = None) -> None:
        self.place = place
        super().__init__(told)


@dataclass(frozen=True)
class Structure:
    """The entities of a machine with all their fields at the start, constant ones included.

    ``kinds`` are in an order in which what holds others comes before what is held.
    """

    fields: Mapping[Entity, Mapping[str, Any]]
    holders: Mapping[Entity, Mapping[tuple[type[Entity], str], list[Entity]]]
    kinds: tuple[type[Entity], ...]
    entities: Mapping[type[Entity], tuple[Entity, ...]]

    def exchange(self, a: Entity, b: Entity) -> Exchange:
        """Return the exchange of two entities, with what has to move with them.

        Raises Differ where there is none.
        """
        moved: Exchange = {}
        waiting = [(a, b)]
        while waiting:
            x, y = waiting.pop()
            if x in moved:
                if moved[x] is not y:
                    raise Differ(f"exchanging {a} and {b} would send {x} to two places")
                continue
            if y in moved:
                raise Differ(f"exchanging {a} and {b} would send {y} to two places")
            if type(x) is not type(y):
                raise Differ(f"{x} is no {type(y).__name__}")
            moved[x], moved[y] = y, x
            waiting += self.followers(x, y)
        found = {x: y for x, y in moved.items() if x is not y}
        self.check(found)
        return found

    def followers(self, x: Entity, y: Entity) -> Iterator[tuple[Entity, Entity]]:
        """Yield what has to be exchanged because x and y are."""
        for name, here in self.fields[x].items():
            if name not in self.fields[y]:
                raise Differ(f"{x}.{name} may change, and {y}.{name} never does")
            there = self.fields[y][name]
            if isinstance(here, Entity) and isinstance(there, Entity):
                if not (here is y and there is x):
                    yield here, there
            elif isinstance(here, frozenset) and isinstance(there, frozenset):
                yield from _paired(f"{x}.{name}", here, there, x, y)
            elif here != there:
                told = f"{x}.{name} is {_told(here)} and {y}.{name} is {_told(there)}"
                raise Differ(f"{told} at the start")
        for key in {**self.holders[x], **self.holders[y]}:
            mine = frozenset(self.holders[x].get(key, ()))
            other = frozenset(self.holders[y].get(key, ()))
            yield from _paired(f"{key[0].__name__}.{key[1]}", mine, other, x, y)

    def check(self, moved: Exchange) -> None:
        """Raise Differ unless an exchange leaves all fields of all entities as they are."""
        for x, fields in self.fields.items():
            y = moved.get(x, x)
            for name, here in fields.items():
                if _image(here, moved) != self.fields[y].get(name):
                    raise Differ(f"{x}.{name} is {_told(here)}")


def structure(machine: Machine, *, constants: bool) -> Structure:
    """Return what a machine is like in its initial state, with fields that never change or not."""
    machine.load(machine.initial)
    varying = {(v.entity, v.name) for v in machine.variables}
    entities = {e: None for made in machine.entities.values() for e in made}
    fields = {
        e: {
            n: _plain(v)
            for n, v in sorted(vars(e).items())
            if n not in _OWN and not n.startswith(_SLOT) and (constants or (e, n) in varying)
        }
        for e in entities
    }
    holders: dict[Entity, dict[tuple[type[Entity], str], list[Entity]]] = {e: {} for e in entities}
    below: dict[type[Entity], set[type[Entity]]] = {kind: set() for kind in machine.entities}
    for e, own in fields.items():
        for name, value in own.items():
            if isinstance(value, Entity):
                holders[value].setdefault((type(e), name), []).append(e)
                below[type(value)].add(type(e))
            elif isinstance(value, frozenset):
                for member in value:
                    holders[member].setdefault((type(e), name), []).append(e)
                    below[type(e)].add(type(member))
    return Structure(fields, holders, _ordered(below), dict(machine.entities))


def _ordered(below: Mapping[type[Entity], set[type[Entity]]]) -> tuple[type[Entity], ...]:
    """Return kinds so that one comes before those below it, as far as that can be."""
    left = dict(below)
    found: list[type[Entity]] = []
    while left:
        free = [k for k in left if not any(k in below[o] for o in left if o is not k)]
        kind = free[0] if free else next(iter(left))
        found.append(kind)
        del left[kind]
    return tuple(found)


def _plain(value: object) -> object:
    """Return a set of entities as a frozenset, and of others as text."""
    if isinstance(value, Members):
        found = frozenset(value)
        return found if issubclass(value.domain.kind, Entity) else shown(value)
    return value


def _image(value: Any, moved: Exchange) -> Any:
    if isinstance(value, Entity):
        return moved.get(value, value)
    if isinstance(value, frozenset):
        return frozenset(moved.get(v, v) for v in value)
    return value


def _told(value: Any) -> str:
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(str, value))) + "}"
    return shown(value)


def _paired(
    what: str, here: frozenset[Entity], there: frozenset[Entity], x: Entity, y: Entity
) -> Iterator[tuple[Entity, Entity]]:
    """Yield the members of one set with those of another, in order."""
    if len(here) != len(there):
        raise Differ(f"{what} names {x} {_often(here)} and {y} {_often(there)}")
    mine = sorted(here - there - {x, y}, key=lambda e: e.index)
    other = sorted(there - here - {x, y}, key=lambda e: e.index)
    yield from zip(mine, other, strict=False)


def _often(found: frozenset[Entity]) -> str:
    return {0: "nowhere", 1: "once"}.get(len(found), f"{len(found)} times")
