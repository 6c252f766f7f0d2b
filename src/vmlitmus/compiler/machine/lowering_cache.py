"""What lowering made, kept for other machines of the same family.

The machines of a topic differ in how much there is, and in a few settings, parts and assumptions;
most steps ask for few of these. So what is made of a step is kept together with all that was read
on the way; it serves every machine of its family in which the same would be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from vmlitmus.compiler.lowering.read_set import (
    CountedEntities,
    Numbered,
    Question,
    Read,
    RecordedReads,
    field_of,
    moments,
    named,
    shape,
)
from vmlitmus.compiler.lowering.values import set_domain
from vmlitmus.compiler.machine.machine import Variable
from vmlitmus.lang.cpu_event import DRAIN_ASSUMPTIONS
from vmlitmus.lang.domain import Domain, RefTo, SetOf
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.source import Choice
from vmlitmus.lang.world import World

T = TypeVar("T")

_MOST = 4  # families kept, those used last


class Family:
    """Machines with the same classes of entities and the same switches.

    A variable has one number in all of them until they are checked. Those whose buffers take all
    stores are a family of their own.
    """

    def __init__(self) -> None:
        self.numbers: dict[Question, int] = {}
        self.made: dict[object, list[tuple[Read, Any]]] = {}

    def number(self, entity: Entity, name: str) -> int:
        """Return the number of a field."""
        return self.numbers.setdefault(field_of(entity, name), len(self.numbers))


_FAMILIES: dict[object, Family] = {}


def family(world: World) -> Family:
    """Return the family of the machine of a world."""
    takes_all = world.buffers is not None and world.buffers.plan.stores is None
    key = tuple(world.entities), tuple(world.switches), takes_all
    found = _FAMILIES.pop(key) if key in _FAMILIES else Family()
    _FAMILIES[key] = found
    while len(_FAMILIES) > _MOST:
        del _FAMILIES[next(iter(_FAMILIES))]
    return found


class LoweringCache:
    """What the family of a machine has made, as far as it serves this machine."""

    def __init__(
        self,
        world: World,
        variables: Iterable[Variable],
        parts: Iterable[str],
        assumptions: Mapping[str, Choice],
    ) -> None:
        found = list(variables)
        self.world = world
        self.made = family(world).made
        self.variables = Numbered({(v.entity, v.name): (v.index, v.domain) for v in found})
        self.answers: dict[Question, object] = {
            field_of(entity, name): named(value)
            for made in world.entities.values()
            for entity in made
            for name, value in vars(entity).items()
            if not name.startswith("_")
        }
        self.answers |= {
            field_of(v.entity, v.name): ("varies", shape(v.name, v.domain)) for v in found
        }
        self.answers |= {("count", kind): len(made) for kind, made in world.entities.items()}
        self.answers |= {("part", name): world.part(name) for name in parts}
        self.answers |= {("assume", a.name): world.assume(a) for a in DRAIN_ASSUMPTIONS}
        self.answers |= {("assume", name): value for name, value in assumptions.items()}
        self.answers |= {("use", kind): used for kind, used in world.mechanisms.items()}
        self.answers |= {
            ("moment", (kind, name)): does
            for kind, used in world.mechanisms.items()
            for name, does in moments(used).items()
        }
        self.answers |= {
            ("places", (kind, label)): places
            for kind, labels in world.recorder.places.items()
            for label, places in labels.items()
        }
        self.answers |= memory_answers(world)

    def take(self, key: object, make: Callable[[RecordedReads], T]) -> T:
        """Return what was made for a key by a machine that reads the same, or make it."""
        thing: T = self._taken(key, make)[1]
        return thing

    def part(self, key: object, make: Callable[[RecordedReads], T], whole: RecordedReads) -> T:
        """Take something for what is being made: what is read for a part is read for the whole."""
        read, thing = self._taken(key, make)
        whole.read.add(read)
        return thing  # type: ignore[no-any-return]

    def _taken(self, key: object, make: Callable[[RecordedReads], Any]) -> tuple[Read, Any]:
        known = self.made.setdefault(key, [])
        for at, (read, _) in enumerate(known):
            if read.same(self.answers):
                if at:
                    known.insert(0, known.pop(at))  # the next machine is most like this one
                return known[0]
        reading = RecordedReads(self.variables, self.answers)
        entities = self.world.entities
        self.world.entities = CountedEntities(entities, reading)
        try:
            made = reading.read, make(reading)
        finally:
            self.world.entities = entities
        known.insert(0, made)
        return made


def memory_answers(world: World) -> dict[Question, object]:
    """Return what the world has of Shared fields and store buffers."""
    found: dict[Question, object] = {("shared", field_of(*place)): True for place in world.shared}
    if found:
        found["shared", None] = True
    if world.buffers is not None:
        plan = world.buffers.plan
        found["depth", None] = plan.depth
        for place, _ in world.buffers.fields:
            found["entry", field_of(*place)] = plan.first[f"{place[0]}.{place[1]}"]
        for site, names in (plan.stores or {}).items():
            found |= {("buffered", (site, name)): True for name in names}
    return found


def at_home(domain: Domain, world: World) -> Domain:
    """Return a domain of another world of the family as it is in this one."""
    if isinstance(domain, RefTo):
        return RefTo(domain.kind, world.all(domain.kind), domain.optional)
    return set_domain(domain.kind, world) or domain if isinstance(domain, SetOf) else domain
