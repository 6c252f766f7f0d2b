"""What a run is made of: which step enabled which, the states, and the code that each step runs.

A step is caused by an earlier one of another actor when it reads a field that the other wrote last,
and when it could not have happened, or would have done something else, had the field kept its old
value. That is tried, not guessed: the reference engine runs the step with the old value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vmlitmus.compiler import Instance, Machine, State
from vmlitmus.engine.excerpt import excerpts
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.engine.trace import step_name
from vmlitmus.errors import EnginesDisagree
from vmlitmus.lang import Assumption, NotEnabled
from vmlitmus.lang.domain import shown
from vmlitmus.outcome import Cause, Excerpt, Result, TraceStep

Taken = tuple[Instance, str]  # an instance, and the id of the step that it took


def annotated(machine: Machine, result: Result) -> Result:
    """Return a result whose trace also says what caused each step, and how the run begins.

    Raises EnginesDisagree when the trace cannot be executed again.
    """
    if result.trace is None:
        return result
    steps, code = annotated_steps(machine, result.trace)
    first = visible(machine, machine.initial)
    return replace(result, trace=steps, initial=first, fixed=constants(machine), code=code)


def annotated_steps(
    machine: Machine, steps: Sequence[TraceStep]
) -> tuple[tuple[TraceStep, ...], dict[str, tuple[Excerpt, ...]]]:
    """Return the steps of a run from the initial state with their causes, and their code by id."""
    states, taken = executed(machine, steps)
    run = _Run(machine, states, taken)
    found = tuple(
        replace(
            step,
            causes=run.causes(number),
            moves=run.moves(number),
            mechanism=mechanism(run.taken[number][0]),
            assumptions=_assumed(machine, step.step),
        )
        for number, step in enumerate(steps)
    )
    return found, {name: excerpts(instance, name) for instance, name in taken}


def executed(machine: Machine, steps: Sequence[TraceStep]) -> tuple[list[State], list[Taken]]:
    """Execute the steps of a trace again; return the states, one more, and what was taken."""
    stepper = Stepper(machine)
    states, taken = [machine.initial], list[Taken]()
    for number, step in enumerate(steps, 1):
        wanted = f"{step.step}({','.join(step.binding)})"
        for instance, name, after in stepper.successors(states[-1]):
            if step_name(instance, name) == wanted:
                states.append(after)
                taken.append((instance, name))
                break
        else:
            raise EnginesDisagree(f"step {number} of a trace, {wanted}, cannot be executed again")
    return states, taken


class _Run:
    """A run, with who wrote each variable last before each step: the step, and the old code."""

    def __init__(self, machine: Machine, states: list[State], taken: list[Taken]) -> None:
        self.machine = machine
        self.states = states
        self.taken = taken
        self.stepper = Stepper(machine)
        self.writers: list[dict[int, tuple[int, int]]] = []
        last: dict[int, tuple[int, int]] = {}
        for number in range(len(taken)):
            self.writers.append(dict(last))
            for index in self.changed(number):
                last[index] = (number, states[number][index])

    def changed(self, number: int) -> list[int]:
        """Return the variables that a step changes."""
        before, after = self.states[number], self.states[number + 1]
        return [index for index, code in enumerate(before) if after[index] != code]

    def causes(self, number: int) -> tuple[Cause, ...]:
        instance, _ = self.taken[number]
        found: dict[tuple[int, bool], list[str]] = {}
        code = self.machine.codes.get(instance.index)
        for index in code.reads if code is not None else self.writers[number]:
            writer, old = self.writers[number].get(index, (None, 0))
            if writer is None or _actor(self.taken[writer][0]) == _actor(instance):
                continue
            effect = self.without(number, index, old)
            if effect is not None:
                field = self.named(index)
                found.setdefault((writer, effect), []).append(field)
        return tuple(
            Cause(step, tuple(dict.fromkeys(fields)), needed)
            for (step, needed), fields in sorted(found.items())
        )

    def without(self, number: int, index: int, old: int) -> bool | None:
        """Run a step with an old value of a variable.

        Return True if it cannot happen then, False if it does something else, None if the same.
        """
        state = self.states[number]
        before = (*state[:index], old, *state[index + 1 :])
        try:
            now, then = self.effect(number, state), self.effect(number, before)
        except NotEnabled:
            return True
        except Exception:
            return False  # the model is not made for such a state: the value matters
        for effect in (now, then):
            effect[1].pop(index, None)
        return None if now == then else False

    def effect(self, number: int, state: State) -> tuple[int, dict[int, int]]:
        """Return the ending of a step in some state, and what it changes there."""
        machine, (instance, _) = self.machine, self.taken[number]
        self.stepper.load(state)
        try:
            ending, _ = machine.fire(instance)
            written = dict(machine.world.recorder.written)
        finally:
            machine.back(state)
        return ending, {i: code for i, code in written.items() if code != state[i]}

    def named(self, index: int) -> str:
        """Return the name of a variable; what is bookkeeping is the place of its actor."""
        variable = self.machine.variables[index]
        return f"{variable.entity}'s place" if variable.hidden else str(variable)

    def moves(self, number: int) -> dict[str, tuple[str, str]]:
        """Return for each actor that a step moves where it was and where it is."""
        found = {}
        for index in self.changed(number):
            variable = self.machine.variables[index]
            if variable.name == "_at":
                before, after = (
                    _place(self.machine, variable.entity, self.states[n][index])
                    for n in (number, number + 1)
                )
                found[str(variable.entity)] = (before, after)
        return found


def _actor(instance: Instance) -> object:
    return instance.binding[0] if instance.binding else None


def _place(machine: Machine, actor: object, at: int) -> str:
    """Return in which sequence an actor is."""
    if not at:
        return "idle"
    for instance in machine.instances:
        made = instance.program
        if made is not None and isinstance(actor, made.actor):
            if made.first_place <= at < made.first_place + made.places:
                return f"in {made.step.name}()"
    return f"at {at}"


def mechanism(instance: Instance) -> str:
    """Return the mechanism of an instance: the file that its step stands in."""
    module = instance.step.function.__module__
    return module.removeprefix("vmlitmus.model.").removeprefix("vmlitmus_user_").replace(".", "/")


def _assumed(machine: Machine, step: str) -> tuple[str, ...]:
    """Return the assumptions that a step rests on, with the value in force."""
    return tuple(
        f"{source.name} = {shown(machine.world.assume(source))}: {source.text}"
        for source in machine.sources[step]
        if isinstance(source, Assumption)
    )


def visible(machine: Machine, state: State) -> dict[str, str]:
    """Return a state as text: each field of the model, and where each actor is."""
    found = {}
    for variable, code in zip(machine.variables, state, strict=True):
        if variable.name == "_at":
            found[str(variable.entity)] = _place(machine, variable.entity, code)
        elif not variable.hidden:
            found[str(variable)] = shown(variable.domain.decode(code))
    return found


def constants(machine: Machine) -> dict[str, str]:
    """Return the fields that no step changes in this scenario, as text."""
    varying = {(v.entity, v.name) for v in machine.variables}
    machine.load(machine.initial)
    return {
        f"{entity}.{name}": shown(value)
        for members in machine.entities.values()
        for entity in members
        for name, value in vars(entity).items()
        if not name.startswith("_") and name != "index" and (entity, name) not in varying
    }
