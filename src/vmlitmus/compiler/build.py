"""Build a machine: set up a model for one scenario, and refuse it if it is faulty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from vmlitmus.compiler.collector import collector_paused
from vmlitmus.compiler.declared import mechanism, parameters
from vmlitmus.compiler.listing import labels, places, sources
from vmlitmus.compiler.lowering.read_set import RecordedReads
from vmlitmus.compiler.machine.bindings import Begins, Bindings
from vmlitmus.compiler.machine.local_domains import find_domains
from vmlitmus.compiler.machine.lowering_cache import Family, LoweringCache, at_home, family
from vmlitmus.compiler.machine.machine import Budget, Machine, Switches, Variable
from vmlitmus.compiler.machine.memory_order.drains import (
    Stores,
    cpus,
    full_buffer,
    reaching,
    shared_fields,
    store_buffers,
)
from vmlitmus.compiler.machine.program import Program, assign_slots, program
from vmlitmus.compiler.machine.prune import checked
from vmlitmus.compiler.machine.scan import Scan, scan_of
from vmlitmus.compiler.population import Entities, Population
from vmlitmus.errors import ModelError, ScenarioError, unknown
from vmlitmus.frozen import Frozen
from vmlitmus.lang.cpu_event import DRAIN_ASSUMPTIONS
from vmlitmus.lang.domain import Bool, Domain, IntRange
from vmlitmus.lang.entity import Entity, store
from vmlitmus.lang.environment import Environment, Limit, check_actors
from vmlitmus.lang.model import Model, Settings, fill
from vmlitmus.lang.source import Assumption, Choice
from vmlitmus.lang.step import Condition, Fairness, Step
from vmlitmus.lang.store_buffer import SLOT
from vmlitmus.lang.world import Hooks, World


@collector_paused()
def build(
    model: Model,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    lists: Mapping[str, Any] | None = None,
    *,
    allow: Iterable[str] = (),
    at_most: Mapping[str, int] | None = None,
    without: Iterable[str] = (),
    fixed: Iterable[str] = (),
    assume: Mapping[str, Choice] | None = None,
    switchable: bool = False,
    limits: Iterable[Limit] = (),
    only_when: Mapping[str, str] | None = None,
    fair: Mapping[str, Fairness] | None = None,
    selective: bool = True,
    in_time: bool = False,
    known: Mapping[object, Machine] | None = None,
    conditions: bool = True,
) -> Machine:
    """Return the machine of a model for one scenario.

    ``allow``, ``at_most``, ``limits``, ``only_when`` and ``fair`` are those of its ``Environment``;
    ``without`` names the parts that are switched off, ``fixed`` the fixes that are in although the
    kernel version lacks them, ``assume`` the assumptions with another value. A ``switchable``
    machine has a switch for every part that is on and that its code asks for. Under TSO only the
    stores that a load may pass are buffered, or all that are not ``selective``. A machine that is
    only simulated, ``in_time``, may have more of what is counted. ``known`` are machines of the
    model by their ``content``: where one of them is meant, it is returned. Without ``conditions``
    faults in conditions that nobody asks for are not looked for. Raises ScenarioError for what the
    model does not offer, ModelError for a faulty model.
    """
    environment = Environment(
        tuple(allow), dict(at_most or {}), tuple(limits), dict(only_when or {}), dict(fair or {})
    )
    arguments = (
        environment,
        frozenset(without),
        frozenset(fixed),
        dict(assume or {}),
    )
    try:
        filled = fill(model, settings or {}, lists or {}, in_time=in_time)
        builder = _Builder(model, filled, switchable, large=in_time)
        parts = builder.prepare(*arguments)
        content = builder.content(parts), selective
        if known is not None and content in known:
            return known[content]
        machine = replace(builder.build(parts), content=content)
        machine = checked(
            machine,
            ordered=builder.depth > 0,
            bindings=builder.bindings,
            conditions=conditions,
        )
        found = machine.passing
        if found is None:
            return machine
        if not machine.world.shared or (selective and not found.pairs):
            return _said(machine, 0)
        again = _Builder(model, filled, switchable)
        again.buffered, again.stores = True, found.stores if selective else None
        again.varying = frozenset(map(str, machine.variables))
        buffered = checked(again.build(again.prepare(*arguments)), conditions=conditions)
        in_use = replace(found, in_use=True)
        return _said(replace(buffered, passing=in_use, content=content), builder.depth)
    except RecursionError:
        raise ModelError(f"model {model.name}: the code of a step is nested too deeply") from None


def _said(machine: Machine, depth: int) -> Machine:
    """Return a machine whose bounds say what its memory order comes to."""
    said = "x86-TSO, but no field here is Shared: the same as sequential consistency"
    if machine.world.shared:
        said = "x86-TSO, but no Shared field changes here: the same as sequential consistency"
    if depth:
        said = f"x86-TSO with store buffers of {depth} entries, the compiler not modelled"
    elif any((v.entity, v.name) in machine.world.shared for v in machine.variables):
        said = "x86-TSO; no pair of a store and a load behind it: the sc answer is the tso answer"
    return replace(machine, bounds={**machine.bounds, "memory": [said]})


def scanned(
    model: Model,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    lists: Mapping[str, Any] | None = None,
    *,
    allow: Iterable[str] = (),
) -> Scan:
    """Return what the code of a scenario mentions, without building a machine."""
    builder = _Builder(model, fill(model, settings or {}, lists or {}))
    steps = Environment(tuple(allow)).steps(model)
    return builder.scan(steps, builder.hooks().values())


class _Parts(Frozen):
    """What a machine is made of, before any code is lowered."""

    environment: Environment
    world: World
    entities: Entities
    steps: list[Step]
    scan: Scan
    assumptions: dict[str, Choice]
    variables: _Variables


class _Builder:
    def __init__(
        self, model: Model, settings: Settings, switchable: bool = False, *, large: bool = False
    ) -> None:
        self.model = model
        self.switchable = switchable
        self.settings = settings
        self.there = Population(model)
        self.fields, self.made = self.there.fields, self.there.made
        machine = self.settings.tables.get("machine", {})
        self.depth = machine["store_buffer"] if machine.get("memory") == "tso" else 0
        self.large = large and not switchable and not self.depth
        self.bindings: Bindings | None = None
        self.buffered = False
        self.stores: Stores | None = None
        self.varying: frozenset[str] = frozenset()  # the fields that change, where it is known

    def prepare(
        self,
        environment: Environment,
        without: frozenset[str],
        fixed: frozenset[str],
        assume: dict[str, Choice],
    ) -> _Parts:
        """Set up the scenario, with the fields that may change and their values at the start."""
        environment.check(self.model)
        self.check_names("fix", fixed, [fix.part for fix in self.model.fixes])
        entities = self.there.entities(self.settings)
        check_actors(environment.limits, {str(e): e for made in entities.values() for e in made})
        hooks = self.hooks()
        off = without | (self.model.missing(self.settings) - fixed)
        world = World(entities, hooks, off, assume)
        steps = environment.steps(self.model)
        scan = self.scan(steps, hooks.values())
        self.check_names("part", without, scan.parts)
        assumptions = self.assumptions(scan, steps, assume)
        drains = {a.name for a in DRAIN_ASSUMPTIONS}
        world.mentioned = frozenset(scan.parts) | assumptions.keys() | drains
        self.there.set_constants(entities)
        steps += self.memory(world, entities, scan.written)
        variables = self.switches([p for p in scan.parts if p not in off], world)
        self.variables(entities, scan.written, environment.budgets(), variables)
        self.slots(world, entities, variables)
        return _Parts(environment, world, entities, steps, scan, assumptions, variables)

    def content(self, parts: _Parts) -> object:
        """Return what tells a machine from the others of its model: the same content, the same.

        That is what its code can read, what it starts with, and what its environment may do.
        """
        return (
            self.depth,
            self.switchable,
            tuple(parts.steps),
            self.conditions(parts.world),
            repr(parts.environment),
            frozenset(self.cache(parts).answers.items()),
            tuple((type(v.entity), v.entity.index, v.name, v.initial) for v in parts.variables),
        )

    def cache(self, parts: _Parts) -> LoweringCache:
        return LoweringCache(parts.world, parts.variables, parts.scan.parts, parts.assumptions)

    def build(self, parts: _Parts) -> Machine:
        environment, world, entities = parts.environment, parts.world, parts.entities
        steps, scan, variables = parts.steps, parts.scan, parts.variables
        assumptions = parts.assumptions
        programs = self.programs(steps, world, variables)
        self.locals(programs, self.cache(parts), variables)
        world.recorder.variables = {(v.entity, v.name): (v.index, v.domain) for v in variables}
        world.recorder.buffers = world.buffers
        declared = partial(parameters, entities=self.model.entities)
        self.bindings = Bindings(
            steps, programs, world, variables, declared, self.begins(environment),
            large=self.large,
        )  # fmt: skip
        instances = tuple(self.bindings)
        return Machine(
            self.model,
            world,
            entities,
            tuple(variables),
            instances,
            tuple(scan.parts),
            assumptions,
            labels(steps, programs),
            sources(steps, programs),
            {c.name: c for c in self.conditions(world)},
            self.bounds(environment),
            switches=tuple(world.switches),
        )

    def begins(self, environment: Environment) -> Begins:
        """Return what the environment says of the first section of each step."""
        only = {name: self.model.condition(c) for name, c in environment.only_when.items()}
        return Begins(environment, only)

    def bounds(self, environment: Environment) -> dict[str, Any]:
        """Return what "holds" is limited to, for the report."""
        counts = {kind.__name__.lower(): len(made) for kind, made in self.made.items() if made}
        return {**counts, "disturbances": environment.shown()}

    def check_names(self, kind: str, names: Iterable[str], known: Iterable[str]) -> None:
        valid = list(known)
        for name in names:
            if name not in valid:
                raise ScenarioError(unknown(kind, name, valid))

    def hooks(self) -> dict[type[Hooks], Hooks]:
        """Return the mechanism for each hook class; all machines share the mechanisms."""
        known: Mapping[type[Hooks], Mapping[str, Any]] = self.model.hooks
        chosen = {kind: mechanism(next(iter(named.values()))) for kind, named in known.items()}
        for table, known_settings in self.model.settings.items():
            for key, setting in known_settings.items():
                if setting.hooks is not None:
                    name = self.settings[table][key]
                    chosen[setting.hooks] = mechanism(known[setting.hooks][name])
        return chosen

    def scan(self, steps: list[Step], hooks: Iterable[Hooks]) -> Scan:
        conditions = [condition.function for condition in self.model.conditions]
        functions = [*(f for step in steps for f in step.functions), *conditions]
        return scan_of(self.model.entities, tuple(hooks), tuple(functions))

    def assumptions(
        self, scan: Scan, steps: list[Step], assume: dict[str, Choice]
    ) -> dict[str, Choice]:
        """Return the assumptions that the code consults or cites, with the values in force."""
        found = dict(scan.assumptions)
        for step in steps:
            for source in step.sources:
                if isinstance(source, Assumption):
                    found.setdefault(source.name, source)
        if self.depth and any(f.shared for fields in self.fields.values() for f in fields.values()):
            found |= scan.drains
        known = {a.name: a for a in self.model.assumptions} | scan.drains | found
        self.check_names("assumption", assume, known)
        for name, value in assume.items():
            if value not in known[name].choices:
                words = [str(c) for c in known[name].choices]
                raise ScenarioError(f"assume.{name}: " + unknown("value", str(value), words))
        return {name: assume.get(name, a.default) for name, a in found.items()}

    def memory(self, world: World, entities: Entities, written: set[str]) -> list[Step]:
        """Say which fields are Shared; return the steps by which buffered stores reach memory."""
        shared = {p: d for p, d in shared_fields(entities, self.fields).items() if p[1] in written}
        if self.buffered:
            shared = {p: d for p, d in shared.items() if f"{p[0]}.{p[1]}" in self.varying}
        world.shared = frozenset(shared)
        if not self.buffered:
            return []
        world.buffers = store_buffers(world, shared, self.depth, self.stores)
        return reaching(world.buffers, self.model.entities)

    def slots(self, world: World, entities: Entities, variables: _Variables) -> None:
        """Add to ``variables`` the slots of the store buffers of all cpus."""
        if world.buffers is None:
            return
        domain = IntRange(0, world.buffers.plan.entries - 1)
        for cpu, number in product(cpus(entities), range(self.depth)):
            store(cpu, f"{SLOT}{number}", domain, 0)
            variables.add(cpu, f"{SLOT}{number}", domain, 0)

    def conditions(self, world: World) -> tuple[Condition, ...]:
        more = (full_buffer(self.model.entities),) if world.buffers is not None else ()
        return (*self.model.conditions, *more)

    def switches(self, parts: list[str], world: World) -> _Variables:
        """Return a variable for each part that can be switched; they come first in the state."""
        switches = object.__new__(Switches)
        switches.__dict__.update(index=0, _at=0)
        if self.switchable:
            world.switches = {part: (switches, f"_{part}") for part in parts}
        switches.__dict__.update({name: True for _, name in world.switches.values()})
        found = _Variables(family(world))
        for entity, name in world.switches.values():
            found.add(entity, name, Bool(), 1)
        return found

    def variables(
        self,
        entities: Entities,
        written: set[str],
        budgets: dict[str, int],
        found: _Variables,
    ) -> None:
        """Append the fields that steps write, and the budgets of bounded disturbances."""
        for kind, made in entities.items():
            for name, field in self.fields[kind].items():
                if field.constant and name in written:
                    continue
                if name in written:
                    domain = field.domain(entities)
                    for entity in made:
                        code = domain.encode(entity.__dict__[name])
                        found.add(entity, name, domain, code)
        if budgets:
            budget = object.__new__(Budget)
            budget.__dict__.update(index=0, _at=0)
            for name, most in budgets.items():
                domain = IntRange(0, most)
                budget.__dict__[name] = most
                found.add(budget, name, domain, domain.encode(most))

    def programs(
        self, steps: list[Step], world: World, variables: _Variables
    ) -> dict[Step, Program]:
        """Cut the sequences; add to ``variables`` where each actor is."""
        made = {
            s: program(s, parameters(s, self.model.entities), world) for s in steps if s.is_sequence
        }
        self.add_places(made, variables)
        world.recorder.places = places(made.values())
        world.recorder.others = partial(self.labels_of_others, world, made)
        return made

    def labels_of_others(
        self, world: World, made: dict[Step, Program], kind: type[Entity]
    ) -> Iterable[str]:
        """Yield the labels of the model's sequences that are not in play, for an actor's kind."""
        for step in self.model.steps:
            if step.is_sequence and step not in made:
                other = program(step, parameters(step, self.model.entities), world)
                if other.actor is kind:
                    yield from other.labels

    def locals(self, made: dict[Step, Program], kept: LoweringCache, variables: _Variables) -> None:
        """Find which locals live across yields; add to ``variables`` the slots that keep them."""
        world = kept.world
        for step, sequence in made.items():
            if self.large:
                reads = RecordedReads(kept.variables, kept.answers)
                found = find_domains(sequence, kept, reads, large=True)
            else:
                find = partial(find_domains, sequence, kept)
                found = kept.take((step, sequence.ready), find)
            domains = {name: at_home(domain, world) for name, domain in found.domains.items()}
            sequence.settle(found.met, domains)
        for actor in dict.fromkeys(sequence.actor for sequence in made.values()):
            slots = assign_slots([p for p in made.values() if p.actor is actor])
            for name, domain in slots.items():
                for entity in self.made[actor]:
                    variables.add(entity, name, domain, 0)
                    store(entity, name, domain, 0)
        for variable in variables:
            variable.entity.__dict__["_recorder"] = world.recorder
        for kind in self.made.values():
            for entity in kind:
                entity.__dict__["_recorder"] = world.recorder

    def add_places(self, made: dict[Step, Program], variables: _Variables) -> None:
        places: dict[type[Entity], int] = {}
        for sequence in made.values():
            sequence.first_place = places.get(sequence.actor, 0) + 1
            places[sequence.actor] = sequence.first_place + sequence.places - 1
        for kind, most in places.items():
            for entity in self.made[kind] if most else ():
                variables.add(entity, "_at", IntRange(0, most), 0)


class _Variables(list[Variable]):
    """The variables found so far; until the machine is checked, their family numbers them."""

    def __init__(self, family: Family) -> None:
        self.family = family

    def add(self, entity: Entity, name: str, domain: Domain, initial: int) -> None:
        number = self.family.number(entity, name)
        self.append(Variable(number, entity, name, domain, initial))
