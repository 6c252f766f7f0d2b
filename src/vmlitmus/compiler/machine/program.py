"""A sequence made ready: sections as functions, locals in slots of the actor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import Any

from vmlitmus.compiler.sections.cut import CutSequence, cut
from vmlitmus.compiler.sections.expand import expand
from vmlitmus.compiler.sections.frame import FramedSection, compiled, frames
from vmlitmus.errors import ModelError
from vmlitmus.frozen import Frozen
from vmlitmus.lang.domain import Domain
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.step import Step
from vmlitmus.lang.syntax.trees import place
from vmlitmus.lang.world import Hooks, Mechanisms, World

LOCAL = "_slot"  # locals are kept in fields of the actor: _slot0, _slot1 and so on


class RunnableSection(Frozen, eq=False):
    """A section: its tree, the locals it reads, those it may have to drop, and where it leads."""

    framed: FramedSection
    make: Callable[[], Callable[..., Any]]
    live: tuple[str, ...]
    stored: tuple[str, ...]
    leads: tuple[int, ...]

    @cached_property
    def run(self) -> Callable[..., Any]:
        """The section as a Python function."""
        return self.make()


@dataclass
class Program:
    """One sequence of one kind of actor.

    ``slots`` gives for each local that lives across a yield the actor's field that keeps it;
    ``live`` the locals at each place; the actor's ``_at`` is ``first_place + place - 1``.
    """

    step: Step
    actor: type[Entity]
    parameters: dict[str, type[Any]]
    ready: ReadySequence
    sections: dict[int, RunnableSection]
    live: dict[int, tuple[str, ...]]
    first_place: int = 0
    domains: dict[str, Domain] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> CutSequence:
        return self.ready.done

    @property
    def labels(self) -> list[str]:
        return self.done.labels

    def frame(self, start: int) -> object:
        """Return what the code of a section depends on besides what it reads of a machine."""
        section = self.sections[start]
        leads = {place: self.live.get(place, ()) for place in section.leads}
        names = dict.fromkeys(
            [*section.stored, *(name for live in leads.values() for name in live)]
        )
        slots = tuple((name, self.slots.get(name)) for name in names)
        return self.ready, self.first_place, tuple(leads.items()), slots

    @property
    def places(self) -> int:
        return max(self.live, default=0)

    def settle(self, met: Iterable[int], domains: Mapping[str, Domain]) -> None:
        """Take the domains of the locals; drop the sections that no actor comes to."""
        self.domains.update(domains)
        for unmet in set(self.live).difference(met):
            del self.live[unmet], self.sections[unmet]


def program(step: Step, parameters: dict[str, type[Any]], world: World) -> Program:
    """Cut a sequence and make its sections; raises ModelError for what cannot be cut."""
    first = next(iter(parameters.values()), None)
    if first is None or not issubclass(first, Entity):
        raise ModelError(f"{step.name}() needs an actor, an entity", place(step.function))
    ready = _ready(step, world.mechanisms)
    return Program(step, first, parameters, ready, dict(ready.sections), dict(ready.live))


class ReadySequence(Frozen, eq=False):
    """What of a program is the same in every world with the mechanisms that it goes through."""

    done: CutSequence
    sections: dict[int, RunnableSection]
    live: dict[int, tuple[str, ...]]


class _Consulted(Mapping[type[Hooks], Hooks]):
    """The mechanisms of a world; ``read`` are those that were asked for."""

    def __init__(self, mechanisms: Mechanisms) -> None:
        self.mechanisms = mechanisms
        self.read: dict[type[Hooks], Hooks] = {}

    def __getitem__(self, kind: type[Hooks]) -> Hooks:
        self.read[kind] = self.mechanisms[kind]
        return self.read[kind]

    def __iter__(self) -> Iterator[type[Hooks]]:
        return iter(self.mechanisms)

    def __len__(self) -> int:
        return len(self.mechanisms)


def _ready(step: Step, mechanisms: Mechanisms) -> ReadySequence:
    known = _known(step)
    for read, ready in known:
        if read.items() <= mechanisms.items():
            return ready
    consulted = _Consulted(mechanisms)
    expanded = expand(step.function, step.label, consulted, step.amendments)
    done = cut(expanded, step.name, place(step.function))
    framed, live = frames(done, step.name)
    sections = {s.start: _runnable(s, done.expanded.constants, step.name) for s in framed}
    known.append((consulted.read, ReadySequence(done, sections, live)))
    return known[-1][1]


@lru_cache(maxsize=1024)
def _known(_: Step) -> list[tuple[dict[type[Hooks], Hooks], ReadySequence]]:
    """Return what is ready of a sequence, with the mechanisms that it goes through."""
    return []


def _runnable(section: FramedSection, constants: dict[str, Any], name: str) -> RunnableSection:
    return RunnableSection(
        section,
        partial(compiled, section, constants, name),
        section.live,
        section.live if section.start else (),
        section.leads,
    )


def assign_slots(programs: list[Program]) -> dict[str, Domain]:
    """Give the locals of all sequences of one actor class their slots; return the slots' domains.

    Locals of different sequences share a slot when they have the same domain.
    """
    pool: dict[Domain, list[str]] = {}
    slots: dict[str, Domain] = {}
    for made in programs:
        used: dict[Domain, int] = {}
        names = dict.fromkeys(n for live in made.live.values() for n in live)
        for name in names:
            domain = made.domains[name]
            index = used.get(domain, 0)
            used[domain] = index + 1
            known = pool.setdefault(domain, [])
            if index == len(known):
                known.append(f"{LOCAL}{len(slots)}")
                slots[known[index]] = domain
            made.slots[name] = known[index]
    return slots
