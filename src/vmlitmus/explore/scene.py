"""One scenario to explore: its machine, what can happen in a state, what is true there."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vmlitmus.compiler import Instance, Machine, State
from vmlitmus.engine.causes import annotated_steps, constants, mechanism, visible
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.engine.trace import step_name, step_taken
from vmlitmus.lang.model import Model
from vmlitmus.outcome import Result, TraceStep, Verdict
from vmlitmus.scenario import Cell, Test

_LOOKED_AT = 20_000  # states, on the way to the next interesting moment
_NODES = 60  # of the graph around a state


@dataclass(frozen=True)
class Walk:
    """A run from the start: its states, one more than steps, and where it could not go on."""

    states: tuple[State, ...]
    steps: tuple[TraceStep, ...]
    stuck: str | None = None


class Scene:
    """A cell with its machine, stepped by the reference engine. One thread at a time."""

    def __init__(self, model: Model, test: Test, cell: Cell) -> None:
        self.model = model
        self.test = test
        self.cell = cell
        self.machine: Machine = cell.machine(model)
        self.stepper = Stepper(self.machine)
        made = (mechanism(instance) for instance in self.machine.instances)
        self.mechanisms = list(dict.fromkeys(made))
        self.last = Walk((self.machine.initial,), ())
        self.names: list[str] = []  # of the steps of the last walk

    def walk(self, wanted: Sequence[str], digests: Sequence[str] = ()) -> Walk:
        """Take named steps from the start, as far as they are enabled.

        ``digests`` are those of the labels that the run had when it was noted; where one differs,
        the model has changed, and the walk says so. What a walk shares with the last one is not
        executed again.
        """
        shared = _common(wanted, self.names)
        states, steps = list(self.last.states[: shared + 1]), list(self.last.steps[:shared])
        stuck = _changed(steps, digests, 0)
        for number in range(shared, len(wanted) if stuck is None else 0):
            taken = self._taken(states[-1], wanted[number])
            if taken is None:
                enabled = ", ".join(e["step"] for e in self.enabled(states[-1])[:6]) or "nothing"
                stuck = f"Step {number + 1}, {wanted[number]}, cannot happen here. "
                stuck += f"Enabled are: {enabled}."
                break
            steps.append(taken[0])
            states.append(taken[1])
            stuck = _changed(steps, digests, number)
            if stuck is not None:
                break
        self.names = [name_of(step) for step in steps]
        self.last = Walk(tuple(states), tuple(steps), stuck)
        return self.last

    def _taken(self, state: State, wanted: str) -> tuple[TraceStep, State] | None:
        for instance, name, after in self.stepper.successors(state):
            if step_name(instance, name) == wanted:
                return step_taken(self.stepper, instance, name, state, after), after
        return None

    def enabled(self, state: State) -> list[dict[str, Any]]:
        """Return what can happen in a state: the steps, in order, with what each would change."""
        found = []
        for instance, name, after in self.stepper.successors(state):
            step = step_taken(self.stepper, instance, name, state, after)
            found.append(
                {
                    "step": step_name(instance, name),
                    "label": step.label,
                    "actor": next(iter(step.binding), "host"),
                    "mechanism": self.mechanisms.index(mechanism(instance)),
                    "disturbance": instance.step.disturbance,
                    "changes": [[field, *pair] for field, pair in step.changes.items()],
                }
            )
        return found

    def true(self, state: State) -> dict[str, bool]:
        """Return which of the model's conditions hold in a state."""
        return {c.name: self.stepper.holds(state, c.name) for c in self.model.conditions}

    def shown(self, state: State) -> dict[str, str]:
        return visible(self.machine, state)

    def result(self, walk: Walk) -> Result:
        """Return a walk as the trace of a result, with causes and code."""
        steps, code = annotated_steps(self.machine, walk.steps)
        fixed = constants(self.machine)
        self.stepper.now = None  # others have put the world into states of their own
        return Result(
            verdict=Verdict.INCONCLUSIVE,
            engine="reference",
            states=len(set(walk.states)),
            transitions=len(steps),
            depth=len(steps),
            seconds=0.0,
            trace=steps,
            initial=visible(self.machine, self.machine.initial),
            fixed=fixed,
            code=code,
        )

    def random_step(self, state: State) -> list[str]:
        """Return a step that can happen, drawn at random; none where nothing can."""
        found = self.stepper.successors(state)
        return [step_name(*random.choice(found)[:2])] if found else []

    def interesting(self, state: State) -> list[str]:
        """Return the shortest way to a state where another set of conditions holds; maybe none."""
        before = self.true(state)
        ways: dict[State, tuple[State, str] | None] = {state: None}
        level = [state]
        while level and len(ways) < _LOOKED_AT:
            following = []
            for here in level:
                for instance, name, after in self.stepper.successors(here):
                    if after not in ways:
                        ways[after] = (here, step_name(instance, name))
                        following.append(after)
            for found in following:
                if self.true(found) != before:
                    return _way(ways, found)
            level = following
        return []

    def graph(self, state: State, depth: int = 2) -> dict[str, Any]:
        """Return the states around one: nodes with the way there, edges with their steps."""
        numbers, ways = {state: 0}, {0: list[str]()}
        nodes, edges = [{"depth": 0}], []
        level = [state]
        for far in range(1, depth + 1):
            following = []
            for here in level:
                for instance, name, after in self.stepper.successors(here):
                    if after not in numbers:
                        if len(numbers) >= _NODES:
                            continue
                        numbers[after] = len(numbers)
                        ways[numbers[after]] = [*ways[numbers[here]], step_name(instance, name)]
                        nodes.append({"depth": far})
                        following.append(after)
                    edges.append([numbers[here], numbers[after], *self._edge(instance, name)])
            level = following
        true = self.true(state)
        for other, number in numbers.items():
            now = self.true(other)
            nodes[number] |= {
                "way": ways[number],  # type: ignore[dict-item]
                "changed": [n for n in now if now[n] != true[n]],  # type: ignore[dict-item]
                "conditions": [n for n, holds in now.items() if holds],  # type: ignore[dict-item]
            }
        return {"nodes": nodes, "edges": edges, "full": len(numbers) < _NODES}

    def _edge(self, instance: Instance, name: str) -> tuple[str, int]:
        return step_name(instance, name), self.mechanisms.index(mechanism(instance))

    def from_here(self, state: State) -> Machine:
        """Return a machine of its own that starts in a state, to be searched by another thread."""
        fresh = self.cell.machine(self.model)
        variables = tuple(
            replace(variable, initial=code)
            for variable, code in zip(fresh.variables, state, strict=True)
        )
        return replace(fresh, variables=variables)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many of the first names are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _changed(steps: Sequence[TraceStep], digests: Sequence[str], first: int) -> str | None:
    """Say which step, from a position on, has another label than it had."""
    for number, (step, noted) in enumerate(
        zip(steps[first:], digests[first:], strict=False), first
    ):
        if noted != digest(step.label):
            return f"Step {number + 1}, {name_of(step)}, is another now: {step.label}."
    return None


def name_of(step: TraceStep) -> str:
    """Return a step as it is written on the command line."""
    return f"{step.step}({','.join(step.binding)})"


def _way(ways: Mapping[State, tuple[State, str] | None], end: State) -> list[str]:
    steps, at = list[str](), ways[end]
    while at is not None:
        steps.append(at[1])
        at = ways[at[0]]
    return steps[::-1]


def digest(label: str) -> str:
    """Return four hexadecimal digits that tell a label from another."""
    return hashlib.sha256(label.encode()).hexdigest()[:4]
