"""A machine: one model set up for one scenario, ready for an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vmlitmus.compiler.ir.nodes import Code
from vmlitmus.compiler.machine.program import LOCAL, Program
from vmlitmus.errors import ModelError, ScenarioError, unknown
from vmlitmus.frozen import Frozen
from vmlitmus.lang.domain import Bool, Domain, IntRange, Members, shown
from vmlitmus.lang.entity import Entity, Recorder, store
from vmlitmus.lang.guard import when
from vmlitmus.lang.model import Model
from vmlitmus.lang.source import Choice, Source
from vmlitmus.lang.step import Condition, Fairness, Step
from vmlitmus.lang.store_buffer import SLOT, Site
from vmlitmus.lang.world import World

if TYPE_CHECKING:
    from vmlitmus.compiler.machine.memory_order.passing import Passing

State = tuple[int, ...]


class Variable(Frozen, eq=False):
    """One field of one entity that steps write; a state holds its code."""

    index: int
    entity: Entity
    name: str
    domain: Domain
    initial: int

    def __str__(self) -> str:
        return f"{self.entity}.{self.name}"

    @cached_property
    def values(self) -> list[Any] | None:
        """What the field holds for each code; None when there are too many codes to list."""
        if self.domain.size > 4096:
            return None
        return [self._value(code) for code in range(self.domain.size)]

    def _value(self, code: int) -> Any:
        value = self.domain.decode(code)
        return value.at(self.entity, self.name) if isinstance(value, Members) else value

    def put(self, code: int) -> None:
        """Set the field, unrecorded."""
        value = self._value(code) if self.values is None else self.values[code]
        self.entity.__dict__[self.name] = value

    @property
    def hidden(self) -> bool:
        """Say whether the variable is bookkeeping of the language, not a field of the model."""
        return self.name.startswith("_")

    @property
    def bookkeeping(self) -> bool:
        """Say whether it is hidden, or a budget: no field of any entity of the model."""
        return self.hidden or isinstance(self.entity, Budget)

    @property
    def is_slot(self) -> bool:
        """Say whether it is a slot of a cpu's store buffer."""
        return self.name.startswith(SLOT)

    @property
    def keeps_local(self) -> bool:
        """Say whether it keeps locals of sequences across a yield."""
        return self.name.startswith(LOCAL)

    @property
    def bits(self) -> int:
        return (self.domain.size - 1).bit_length()

    @property
    def is_bool(self) -> bool:
        return isinstance(self.domain, Bool)


class Budget(Entity):
    """How often each bounded disturbance may still happen."""


class Switches(Entity):
    """Which parts are on, in a machine whose parts can be switched; no step writes it."""


class Fired(Frozen):
    """What an instance did: which ending, and the label with its values."""

    step_id: str
    label: str


class Instance(Frozen, eq=False):
    """One step, or one section of a sequence, for one binding of its parameters.

    ``guards`` are the (variable, code) pairs that say where its actor is; ``loads`` are the locals
    that its section reads from the state.
    """

    index: int
    step: Step
    names: tuple[str, ...]
    binding: tuple[Any, ...]
    program: Program | None = None
    start: int = 0
    guards: tuple[tuple[int, int], ...] = ()
    loads: tuple[tuple[str, int], ...] = ()
    budgets: tuple[int, ...] = ()
    only: Condition | None = None

    @property
    def actor(self) -> Entity:
        assert isinstance(self.binding[0], Entity)
        return self.binding[0]

    def step_id(self, ending: int) -> str:
        """Return the id of the step, or of the section that it takes when it ends so."""
        return f"{self.step.name}.{ending}" if self.program else self.step.name

    @property
    def runner(self) -> Entity | None:
        """The actor on whose cpu the instance runs; None where its first parameter is no entity."""
        first = self.binding[0] if self.binding else None
        return first if isinstance(first, Entity) else None

    @property
    def site(self) -> Site:
        """What names the section, of this actor."""
        return self.step.name, self.start, str(self.runner)

    def __str__(self) -> str:
        return f"{self.step.name}({','.join(shown(b) for b in self.binding)})"


class Machine(Frozen, eq=False):
    """Entities, variables, instances in canonical order, and what is assumed.

    ``initial`` is the initial state: the code of each variable, in order. ``labels`` are those of
    the steps, by id, with the braces in. ``codes`` are the lowered instances, by index, and
    conditions, by name. ``switches`` are the parts that can be switched, each by a bit of the
    state: part i by variable i; those of ``off`` are off in the initial state. ``passing`` is what
    is known of memory order where it is that of x86, and None where it is sequential. ``content``
    is what tells it from the other machines of its model.
    """

    model: Model
    world: World
    entities: Mapping[type[Entity], tuple[Entity, ...]]
    variables: tuple[Variable, ...]
    instances: tuple[Instance, ...]
    parts: tuple[str, ...]
    assumptions: Mapping[str, Choice]
    labels: Mapping[str, str]
    sources: Mapping[str, tuple[Source, ...]]
    conditions: Mapping[str, Condition]
    bounds: Mapping[str, Any] = field(default_factory=dict)
    codes: Mapping[int | str, Code] = field(default_factory=dict)
    switches: tuple[str, ...] = ()
    off: frozenset[str] = frozenset()
    passing: Passing | None = None
    content: object = None

    @property
    def step_ids(self) -> tuple[str, ...]:
        """The steps, and the sections of sequences, in order."""
        return tuple(self.labels)

    @cached_property
    def initial(self) -> State:
        on = tuple(int(part not in self.off) for part in self.switches)
        return on + tuple(v.initial for v in self.variables[len(on) :])

    def switched(self, off: Iterable[str]) -> Machine:
        """Return the same machine, started with some of its switches off.

        Nothing is built or lowered again. Raises ScenarioError for a part that is no switch.
        """
        parts = frozenset(off)
        for part in sorted(parts.difference(self.switches)):
            raise ScenarioError(unknown("part", part, self.switches))
        return replace(self, off=parts)

    @property
    def bits(self) -> int:
        """Bits of a packed state."""
        return sum(v.bits for v in self.variables)

    @cached_property
    def promises(self) -> dict[int, Fairness]:
        """The instances with a declared fairness, by index."""
        return {i.index: i.step.fair for i in self.instances if i.step.fair is not None}

    @cached_property
    def fairness(self) -> dict[str, Fairness]:
        """The steps with a declared fairness, by name, as far as they exist in this scenario."""
        steps = dict.fromkeys(i.step for i in self.instances)
        return {step.name: step.fair for step in steps if step.fair is not None}

    @cached_property
    def proved(self) -> dict[tuple[str, ...], Any]:
        """What was proved interchangeable, by the conditions that were asked for."""
        return {}

    @cached_property
    def domains(self) -> dict[tuple[Entity, str], tuple[int, Domain]]:
        """The index and the domain of each variable."""
        return {(v.entity, v.name): (v.index, v.domain) for v in self.variables}

    def load(self, state: State) -> None:
        """Put the world into a state."""
        for variable, code in zip(self.variables, state, strict=True):
            variable.put(code)
        self.world.recorder.written.clear()
        self.world.recorder.settle()

    def back(self, state: State) -> None:
        """Undo what was written since the world was put into this state."""
        written = self.world.recorder.written
        for index in written:
            self.variables[index].put(state[index])
        written.clear()
        if self.world.recorder.strayed:
            self.world.recorder.settle()

    def fire(self, instance: Instance) -> tuple[int, tuple[Any, ...]]:
        """Run an instance in the world as it is; return its ending and its label's values.

        Raises NotEnabled, or whatever a faulty model raises.
        """
        buffers = self.world.buffers
        if buffers is None:
            return self._fire(instance)
        buffers.begin(None if instance.step.hardware else instance.runner, instance.site)
        try:
            return self._fire(instance)
        finally:
            buffers.end()

    def _fire(self, instance: Instance) -> tuple[int, tuple[Any, ...]]:
        for index in instance.budgets:
            left = self.variables[index]
            when(left.entity.__dict__[left.name] > 0)
        if instance.only is not None:
            when(instance.only(self.world))
        program = instance.program
        if program is None:
            instance.step.function(self.world, *instance.binding)
            ending, values = 0, instance.binding
        else:
            ending, values = self._section(instance, program)
        for index in instance.budgets:
            left = self.variables[index]
            setattr(left.entity, left.name, left.entity.__dict__[left.name] - 1)
        if self.world.recorder.strayed:
            self.world.recorder.check()
        return ending, values

    def _section(self, instance: Instance, program: Program) -> tuple[int, tuple[Any, ...]]:
        actor = instance.actor
        section = program.sections[instance.start]
        if instance.start:
            values = [actor.__dict__[program.slots[n]] for n in section.live]
        else:
            values = list(instance.binding[1:])
        ending, place, kept, shows = section.run(self.world, actor, *values)
        live = program.live.get(place, ())
        for name in section.stored:
            if name not in live:
                self._forget(actor, program.slots[name])
        for name, value in zip(live, kept, strict=True):
            setattr(actor, program.slots[name], value)
        if (actor, "_at") in self.world.recorder.variables:
            actor._at = program.first_place + place - 1 if place else 0
        return ending, shows

    def _forget(self, actor: Entity, slot: str) -> None:
        recorder: Recorder = self.world.recorder
        if (actor, slot) in recorder.variables:
            index, domain = recorder.variables[actor, slot]
            store(actor, slot, domain, 0)
            recorder.written[index] = 0

    def describe(self, instance: Instance, ending: int, values: tuple[Any, ...]) -> Fired:
        """Return the step id and the label of a firing."""
        if instance.program is None:
            label = _label(instance, instance.step.label or "")
            return Fired(instance.step_id(ending), label)
        template = instance.program.labels[ending - 1]
        return Fired(instance.step_id(ending), filled(template, values))

    def changes(self, before: State, after: State) -> dict[str, tuple[str, str]]:
        """Return the model's fields that differ between two states, as text."""
        return {
            str(v): (shown(v.domain.decode(a)), shown(v.domain.decode(b)))
            for v, a, b in zip(self.variables, before, after, strict=True)
            if a != b and not v.hidden
        }


def filled(template: str, values: tuple[Any, ...]) -> str:
    """Return a label with its braces replaced by values, in order."""
    import re

    remaining = iter(values)
    return re.sub(r"\{[^}]*\}", lambda _: shown(next(remaining)), template)


def _label(instance: Instance, template: str) -> str:
    import string

    names = dict(zip(instance.names, instance.binding, strict=True))
    formatter = string.Formatter()
    try:
        fields = [name for _, name, _, _ in formatter.parse(template) if name is not None]
        values = tuple(formatter.get_field(name, (), names)[0] for name in fields)
    except (KeyError, AttributeError, ValueError, IndexError) as error:
        raise ModelError(f"label {template!r} of {instance.step.name}(): {error}") from None
    return filled(template, values)


__all__ = ["Fired", "Instance", "IntRange", "Machine", "State", "Variable"]
