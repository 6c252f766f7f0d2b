"""What values each local of a sequence can have that lives across a yield, and where it can be."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vmlitmus.compiler.lowering.lower import Finish, Lowerer, lower_section
from vmlitmus.compiler.lowering.read_set import RecordedReads, named, shape
from vmlitmus.compiler.lowering.values import Computed, Known, Val, kind_of, unite
from vmlitmus.compiler.machine.lowering_cache import LoweringCache, at_home
from vmlitmus.compiler.machine.program import Program
from vmlitmus.errors import ModelError
from vmlitmus.frozen import Frozen
from vmlitmus.lang.domain import Domain, IntRange, Members, Truth
from vmlitmus.lang.entity import Entity, Field
from vmlitmus.lang.syntax.trees import place
from vmlitmus.lang.world import World


class Found(Frozen):
    """The places that some actor comes to, and the values of each local that lives there."""

    met: frozenset[int]
    domains: Mapping[str, Domain]


def find_domains(
    made: Program, kept: LoweringCache, variables: RecordedReads, *, large: bool = False
) -> Found:
    """Find what values each local that lives across a yield can have: annotated, or inferred.

    In a ``large`` world one actor stands for all that are like it.
    """
    done = made.done.expanded
    domains: dict[str, Domain] = {}
    for name, annotation in done.annotations.items():
        domains[name] = _of_kind(name, annotation, kept.world)
    for name, kind in list(made.parameters.items())[1:]:
        domains[name] = _of_kind(name, kind, kept.world)
    actors = kept.world.all(made.actor)
    if large:
        actors = tuple({_looks(actor, variables): actor for actor in actors}.values())
    return _Inference(made, kept, variables, domains, actors).run()


def _looks(actor: Entity, variables: RecordedReads) -> object:
    """Return what the code can tell an actor by, whoever the others are that it knows."""
    return tuple(
        (name, _alike(value))
        for name, value in vars(actor).items()
        if name != "index" and not name.startswith("_") and (actor, name) not in variables.variables
    )


def _alike(value: object) -> object:
    if isinstance(value, Members):
        return value.kind, len(value)
    return type(value) if isinstance(value, Entity) else value


def _of_kind(name: str, kind: Any, world: World) -> Domain:
    return Field(name, kind, None).domain(world.entities)


Left = tuple[int, tuple[Val, ...]]  # a place, and of what kind the locals are that live there


class _Inference:
    """Lowers sections with locals of unknown value until the locals' domains no longer grow."""

    def __init__(
        self,
        made: Program,
        kept: LoweringCache,
        reads: RecordedReads,
        domains: dict[str, Domain],
        actors: tuple[Entity, ...],
    ) -> None:
        self.actors = actors
        self.made = made
        self.kept = kept
        self.world = kept.world
        self.reads = reads
        self.domains = domains
        self.fixed = set(domains)
        self.grown: dict[str, int] = {}
        self.met: set[int] = set()
        self.waiting = [0]

    def run(self) -> Found:
        """Lower from the start until nothing new is learnt."""
        while self.waiting:
            start = self.waiting.pop(0)
            for actor in self.actors:
                for where, values in self.section(start, actor):
                    self.arrive(where, values)
        return Found(frozenset(self.met), self.domains)

    def section(self, start: int, actor: Entity) -> list[Left]:
        """Return how a section may leave an actor, given the domains of its locals."""
        live = self.made.sections[start].live
        shapes = tuple(shape(name, self.domains[name]) for name in live)
        key = self.made.ready, start, named(actor), shapes
        return self.kept.part(key, partial(self.lowered, start, actor), self.reads)

    def lowered(self, start: int, actor: Entity, variables: RecordedReads) -> list[Left]:
        done = self.made.done.expanded
        section = self.made.sections[start].framed
        names: dict[str, Val] = {
            done.world_name: Known(self.world),
            done.actor: Known(actor),
        }
        for name in section.live:
            names[name] = Computed(self.domains[name], f"%in_{name}")
        found: list[Left] = []

        def leave(lowerer: Lowerer, ending: int, where: int, values: tuple[Val, ...]) -> None:
            if where:
                risen = [lowerer.rising(value, section.syntax) for value in values]
                found.append((where, tuple(kind_of(value, self.world) for value in risen)))
            lowerer.block = None

        lower_section(
            self.world, variables, section, names, done.constants, done.place, Finish(leave)
        )
        return found

    def arrive(self, where: int, values: tuple[Val, ...]) -> None:
        """Learn what locals an actor may have at a place; go on from there if that is new."""
        changed = where not in self.met
        self.met.add(where)
        for name, value in zip(self.made.live[where], values, strict=True):
            if isinstance(value, Computed):
                value = Computed(at_home(value.domain, self.world), value.operand)
            changed |= self.learn(name, value)
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
