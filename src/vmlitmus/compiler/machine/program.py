"""A sequence made ready: sections as functions, locals in slots of the actor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from vmlitmus.compiler.lowering.lower import Finish, Lowerer, lower_section
from vmlitmus.compiler.lowering.read_set import RecordedReads
from vmlitmus.compiler.lowering.values import Computed, Known, Val, unite
from vmlitmus.compiler.sections.cut import CutSequence, cut
from vmlitmus.compiler.sections.expand import expand
from vmlitmus.compiler.sections.frame import FramedSection, compiled, frames
from vmlitmus.errors import ModelError
from vmlitmus.lang.domain import Domain, IntRange, Truth
from vmlitmus.lang.entity import Entity, Field
from vmlitmus.lang.step import Step
from vmlitmus.lang.syntax.trees import place
from vmlitmus.lang.world import Hooks, World


@dataclass(frozen=True)
class RunnableSection:
    """A section: its tree, its function, the locals it reads, and those it may have to drop."""

    framed: FramedSection
    run: Callable[..., Any]
    live: tuple[str, ...]
    stored: tuple[str, ...]


@dataclass
class Program:
    """One sequence of one kind of actor.

    ``slots`` gives for each local that lives across a yield the actor's field that keeps it;
    ``live`` the locals at each place; the actor's ``_at`` is ``first_place + place - 1``.
    """

    step: Step
    actor: type[Entity]
    parameters: dict[str, type[Any]]
    done: CutSequence
    sections: dict[int, RunnableSection]
    live: dict[int, tuple[str, ...]]
    labels: list[str]
    first_place: int = 0
    domains: dict[str, Domain] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)

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
    ready = _ready(step, tuple(world.mechanisms.items()))
    sections, live = dict(ready.sections), dict(ready.live)
    return Program(step, first, parameters, ready.done, sections, live, ready.done.labels)


@dataclass(frozen=True)
class _Ready:
    """What of a program is the same in every world with the same mechanisms."""

    done: CutSequence
    sections: dict[int, RunnableSection]
    live: dict[int, tuple[str, ...]]


@lru_cache(maxsize=1024)
def _ready(step: Step, mechanisms: tuple[tuple[type[Hooks], Hooks], ...]) -> _Ready:
    expanded = expand(step.function, step.label, dict(mechanisms), step.amendments)
    done = cut(expanded, step.name, place(step.function))
    framed, live = frames(done, step.name)
    sections = {
        s.start: RunnableSection(
            s, compiled(s, done.expanded.constants, step.name), s.live, s.live if s.start else ()
        )
        for s in framed
    }
    return _Ready(done, sections, live)


@dataclass(frozen=True)
class Found:
    """The places that some actor comes to, and the values of each local that lives there."""

    met: frozenset[int]
    domains: Mapping[str, Domain]


def find_domains(made: Program, world: World, variables: RecordedReads) -> Found:
    """Find what values each local that lives across a yield can have: annotated, or inferred."""
    done = made.done.expanded
    domains: dict[str, Domain] = {}
    for name, annotation in done.annotations.items():
        domains[name] = Field(name, annotation, None).domain(dict(world.entities))
    for name, kind in list(made.parameters.items())[1:]:
        domains[name] = _of_kind(name, kind, world)
    return _Inference(made, world, variables, domains).run()


def _of_kind(name: str, kind: type[Any], world: World) -> Domain:
    return Field(name, kind, None).domain(dict(world.entities))


class _Inference:
    """Lowers sections with locals of unknown value until the locals' domains no longer grow."""

    def __init__(
        self, made: Program, world: World, variables: RecordedReads, domains: dict[str, Domain]
    ) -> None:
        self.made = made
        self.world = world
        self.variables = variables
        self.domains = domains
        self.fixed = set(domains)
        self.grown: dict[str, int] = {}
        self.met: set[int] = set()
        self.waiting = [0]

    def run(self) -> Found:
        """Lower from the start until nothing new is learnt."""
        while self.waiting:
            start = self.waiting.pop(0)
            for actor in self.world.all(self.made.actor):
                self.section(start, actor)
        return Found(frozenset(self.met), self.domains)

    def section(self, start: int, actor: Entity) -> None:
        made, done = self.made, self.made.done.expanded
        section = made.sections[start].framed
        names: dict[str, Val] = {
            done.world_name: Known(self.world),
            done.actor: Known(actor),
        }
        for name in section.live:
            names[name] = Computed(self.domains[name], f"%in_{name}")
        lower_section(
            self.world,
            self.variables,
            section,
            names,
            done.constants,
            done.place,
            Finish(self.leave),
        )

    def leave(self, lowerer: Lowerer, ending: int, where: int, values: tuple[Val, ...]) -> None:
        if where == 0:
            lowerer.block = None
            return
        changed = where not in self.met
        self.met.add(where)
        for name, value in zip(self.made.live[where], values, strict=True):
            changed |= self.learn(name, lowerer.rising(value, self.made.sections[0].framed.syntax))
        lowerer.block = None
        if changed and where not in self.waiting:
            self.waiting.append(where)

    def learn(self, name: str, value: Val) -> bool:
        """Widen a local's domain by one value; say whether it grew."""
        if name in self.fixed:
            return False
        known = self.domains.get(name)
        values = [value] if known is None else [Computed(known, "%known"), value]
        domain = unite(values, self.world)
        self.grown[name] = self.grown.get(name, 0) + 1
        if isinstance(domain, Truth):
            domain = None
        if domain is None or (isinstance(domain, IntRange) and self.grown[name] > 8):
            where = place(self.made.step.function)
            shown = name.split("_")[0]
            raise ModelError(
                f"local {shown!r} lives across a yield: annotate it, with bounds if it is an int",
                where,
            )
        self.domains[name] = domain
        return domain != known


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
                known.append(f"_slot{len(slots)}")
                slots[known[index]] = domain
            made.slots[name] = known[index]
    return slots
