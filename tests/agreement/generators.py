"""The third opinion: untransformed generators run beside the sections cut from them.

Both engines share the cutting of sequences; a fault there shows only against the generator itself.
A generator dies of a guard that blocks, so for each section it is driven again from its start, with
the world put into each state in which its earlier sections had run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from vmlitmus.compiler import Instance, Machine, State
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import ModelError
from vmlitmus.lang import Entity, NotEnabled, Step

BLOCKED = "blocked"
Option = tuple[Instance, str, State]


@dataclass
class _Run:
    """A sequence that an actor is in: where it began, and the states its sections ran in."""

    begun: Instance
    states: list[State] = field(default_factory=list)


def generator_differs(
    machine: Machine, choose: Callable[[int], int], steps: int = 20
) -> str | None:
    """Walk at random; in each state compare what every actor may do with its generator.

    The walk goes on with sequences for the most part, so that it gets far in them.

    Returns the first difference: in what is reached, in the label, in whether a guard blocks, in
    where a sequence ends, or in whether what the machine leaves out is really never enabled.
    """
    walk = _Walk(machine)
    state = machine.initial
    for _ in range(steps):
        try:
            options = walk.stepper.successors(state)
        except ModelError:
            return None
        differs = walk.compare(state, options)
        if differs or not options:
            return differs
        sections = [option for option in options if option[0].program]
        options = sections if sections and choose(3) else options
        instance, _, after = options[choose(len(options))]
        differs = walk.take(instance, state, after)
        if differs:
            return differs
        state = after
    return None


def _left_out(machine: Machine) -> Iterator[tuple[Step, tuple[Any, ...]]]:
    """Yield the steps and sequences, with their bindings, that were found to be never enabled."""
    names = {kind.__name__: kind for kind in machine.entities}
    kept = {(i.step, i.binding) for i in machine.instances if not i.start}
    for step in machine.model.steps:
        if step.disturbance is None or step in {i.step for i in machine.instances}:
            kinds = step.parameters(names).values()
            values = [machine.entities[k] if k in machine.entities else tuple(k) for k in kinds]
            for binding in itertools.product(*values):
                if (step, binding) not in kept:
                    yield step, binding


class _Walk:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.stepper = Stepper(machine)
        self.runs: dict[Entity, _Run] = {}
        self.shown = [v.index for v in machine.variables if not v.bookkeeping]
        self.left_out = list(_left_out(machine))
        self.at = {v.entity: v.index for v in machine.variables if v.name == "_at"}

    def compare(self, state: State, options: list[Option]) -> str | None:
        """Compare the sections that may run in a state with what the generators do there."""
        wanted: list[tuple[_Run, list[Option]]] = []
        for run in self.runs.values():
            mine = [o for o in options if o[0].program and o[0].actor is run.begun.actor]
            wanted.append((run, mine))
        begun = {o[0]: o for o in options}
        for instance in self.machine.instances:
            if instance.program and not instance.start and instance.actor not in self.runs:
                if all(state[budget] for budget in instance.budgets):
                    own = [begun[instance]] if instance in begun else []
                    wanted.append((_Run(instance), own))
        for step, binding in self.left_out:
            if not (step.is_sequence and binding[0] in self.runs) and self.starts(
                step, binding, state
            ):
                return f"{step.name}{binding} is left out, but runs in {state}"
        for run, found in wanted:
            differs = self.section(run, state, found)
            if differs:
                return f"{run.begun} after {len(run.states)} sections in {state}: {differs}"
        return None

    def starts(self, step: Step, binding: tuple[Any, ...], state: State) -> bool:
        """Say whether a step, or the first section of a sequence, can happen in a state."""
        self.stepper.now = None
        self.machine.load(state)
        try:
            started = step.function(self.machine.world, *binding)
            if step.is_sequence:
                next(started)
        except NotEnabled:
            return False
        except (ModelError, StopIteration):
            return True
        return True

    def section(self, run: _Run, state: State, found: list[Option]) -> str | None:
        label, reached = self.drive(run, [*run.states, state])
        if label is BLOCKED:
            return f"the guard blocks, but {found[0][0]} runs" if found else None
        if len(found) != 1:
            return f"the generator goes on, but there are {len(found)} sections"
        instance, name, after = found[0]
        assert instance.program is not None
        if instance.program is not run.begun.program:
            return f"{name} runs, of another sequence"
        template = instance.program.labels[int(name.rsplit(".", 1)[1]) - 1]
        if label != template:
            return f"the generator says {label!r}, {name} says {template!r}"
        if any(reached[i] != after[i] for i in self.shown):
            return f"the generator reaches {reached}, {name} reaches {after}"
        return None

    def take(self, instance: Instance, state: State, after: State) -> str | None:
        """Note a step that is taken; where it ends a sequence, so does the generator."""
        if instance.program is None:
            return None
        if instance.start == 0:
            self.runs[instance.actor] = _Run(instance)
        run = self.runs[instance.actor]
        run.states.append(state)
        at = self.at.get(instance.actor)
        if at is None or not after[at]:
            del self.runs[instance.actor]
            label, reached = self.drive(run, [*run.states, after])
            ended = label in (None, run.begun.step.label) and reached == after
            return None if ended else f"{run.begun} ends, but the generator goes on: {label!r}"
        return None

    def drive(self, run: _Run, states: list[State]) -> tuple[str | None, State]:
        """Drive a fresh generator through sections that run in the states; return the last label.

        The label is None when the generator had ended before.
        """
        machine, begun = self.machine, run.begun
        self.stepper.now = None
        generator = begun.step.function(machine.world, *begun.binding)
        label: str | None = None
        ended = False
        for state in states:
            machine.load(state)
            try:
                label = None if ended else next(generator)
            except StopIteration:
                label, ended = begun.step.label, True
            except NotEnabled:
                return BLOCKED, state
            except ModelError as error:  # no section goes there, or the walk would have ended
                return f"fails: {error}", state
        after = list(states[-1])
        for index, code in machine.world.recorder.written.items():
            after[index] = code
        return label, tuple(after)
