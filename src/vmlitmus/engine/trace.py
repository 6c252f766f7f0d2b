"""Turn a path of states into the steps of a trace, by executing it with the reference engine."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from vmlitmus.compiler import Instance, Machine, State
from vmlitmus.engine.reference.lasso import Lasso
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import EnginesDisagree, UsageError, nearest
from vmlitmus.lang import Entity
from vmlitmus.lang.domain import shown
from vmlitmus.outcome import TraceStep


def trace(stepper: Stepper, path: Sequence[State]) -> tuple[TraceStep, ...]:
    """Return the steps between the states of a path, each executed again.

    Of several instances that lead from one state to the next, the first is taken. Raises
    EnginesDisagree when none does, or when the path does not begin in the initial state.
    """
    if path[0] != stepper.machine.initial:
        raise EnginesDisagree("a counterexample does not begin in the initial state")
    found = []
    for number, (before, after) in enumerate(itertools.pairwise(path), 1):
        for instance, name, reached in stepper.successors(before):
            if reached == after:
                found.append(step_taken(stepper, instance, name, before, after))
                break
        else:
            raise EnginesDisagree(f"step {number} of a counterexample cannot be executed again")
    return tuple(found)


def lasso_trace(stepper: Stepper, lasso: Lasso) -> tuple[TraceStep, ...]:
    """Return the steps of a lasso, each executed again; raises EnginesDisagree like ``trace``."""
    if lasso.states[0] != stepper.machine.initial:
        raise EnginesDisagree("a lasso does not begin in the initial state")
    if lasso.states[-1] != lasso.states[lasso.loop_start]:
        raise EnginesDisagree("the loop of a lasso is not closed")
    found = []
    for number, (before, after) in enumerate(itertools.pairwise(lasso.states)):
        for instance, name, reached in stepper.successors(before):
            if instance.index == lasso.taken[number] and reached == after:
                found.append(step_taken(stepper, instance, name, before, after))
                break
        else:
            raise EnginesDisagree(f"step {number + 1} of a lasso cannot be executed again")
    return tuple(found)


def replay(
    machine: Machine, steps: Sequence[str], loop_start: int | None = None
) -> tuple[TraceStep, ...]:
    """Execute named steps and return what each does; see ``replayed``."""
    return replayed(machine, steps, loop_start)[0]


def replayed(
    machine: Machine, steps: Sequence[str], loop_start: int | None = None
) -> tuple[tuple[TraceStep, ...], tuple[State, ...]]:
    """Execute named steps, such as "evict(cpu0,page0)", from the initial state.

    A name without its binding will do where one instance of it is enabled. Those after the first
    ``loop_start`` are a loop. Raises UsageError for the first step that is not enabled,
    with what is enabled there, and for a loop that does not come back to where it begins. Returns
    the steps, and the states before, between and after them.
    """
    stepper = Stepper(machine)
    states, found = [machine.initial], []
    for number, wanted in enumerate(steps, 1):
        state = states[-1]
        enabled = {step_name(i, name): (i, name, s) for i, name, s in stepper.successors(state)}
        chosen = _chosen(wanted.replace(" ", ""), enabled)
        if chosen is None:
            raise UsageError(_not_enabled(number, wanted, list(enabled)))
        instance, name, after = enabled[chosen]
        found.append(step_taken(stepper, instance, name, state, after))
        states.append(after)
    if loop_start is not None:
        _check_loop(machine, states, loop_start)
    return tuple(found), tuple(states)


def _check_loop(machine: Machine, states: Sequence[State], start: int) -> None:
    if not 0 <= start < len(states):
        raise UsageError(f"the loop begins after step {start}, but there are {len(states) - 1}")
    changed = machine.changes(states[start], states[-1])
    if states[start] != states[-1]:
        what = ", ".join(f"{n}: {a} -> {b}" for n, (a, b) in changed.items()) or "an actor's place"
        raise UsageError(f"the loop after step {start} does not come back to its start: {what}")


def step_name(instance: Instance, name: str) -> str:
    """Return how a step is written on the command line: "reclaim.2(task0,page0)"."""
    return f"{name}({','.join(shown(b) for b in instance.binding)})"


def _chosen(wanted: str, enabled: dict[str, tuple[Instance, str, State]]) -> str | None:
    if wanted in enabled:
        return wanted
    same = [full for full, (_, name, _) in enabled.items() if name == wanted]
    return same[0] if len(same) == 1 else None


def _not_enabled(number: int, wanted: str, enabled: list[str]) -> str:
    guess = nearest(wanted, enabled)
    hint = f"; did you mean {guess!r}?" if guess else ""
    return (
        f"step {number}, {wanted!r}, is not enabled{hint}; enabled: {' '.join(enabled) or 'none'}"
    )


def step_taken(
    stepper: Stepper, instance: Instance, name: str, before: State, after: State
) -> TraceStep:
    """Return the step of an instance from one state to the next, by executing it."""
    machine = stepper.machine
    stepper.load(before)
    cpu = _cpu(instance)
    ending, values = machine.fire(instance)
    cpu = cpu or _cpu(instance)
    fired = machine.describe(instance, ending, values)
    machine.back(before)
    return TraceStep(
        step=name,
        binding=tuple(shown(b) for b in instance.binding),
        label=fired.label,
        actor={n: shown(b) for n, b in zip(instance.names, instance.binding, strict=True)},
        cpu=cpu,
        changes=machine.changes(before, after),
        source="; ".join(str(source) for source in machine.sources[name]),
    )


def _cpu(instance: Instance) -> str | None:
    """Return the cpu on which a step happens: a cpu it is about, or the one its actor runs on."""
    for entity in instance.binding:
        if isinstance(entity, Entity) and entity.runs_on is not None:
            if entity.runs_on == "self":
                return str(entity)
            where = entity.__dict__.get(entity.runs_on)
            if where is not None:
                return str(where)
    return None
