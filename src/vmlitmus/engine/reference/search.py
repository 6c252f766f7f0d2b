"""The reference engine: plain breadth-first search in Python. It is the definition.

On a hit at depth d, levels 0..d-1 are expanded completely and nothing deeper. *States* are the
distinct states at depth <= d; *transitions* the enabled instances of the expanded levels,
self-loops included; *depth* is d, or without a hit the last non-empty level. The trace is the
first of the shortest in the order of instances, because states are visited in that order.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import compress
from operator import ne

from vmlitmus.compiler import Instance, Machine, State
from vmlitmus.engine.fault import blamed
from vmlitmus.lang import NotEnabled
from vmlitmus.lang.guard import Blocked


@dataclass
class Explored:
    """What a search has seen: for each state, in order of discovery, its parent (None at first).

    ``hit`` is the first state found that ends the search; ``edges``, kept only when asked for, are
    the enabled instances of each state, by index, and where each leads.
    """

    parent: dict[State, State | None]
    transitions: int = 0
    depth: int = 0
    hit: State | None = None
    coverage: Counter[str] = field(default_factory=Counter)
    edges: dict[State, list[tuple[int, State]]] = field(default_factory=dict)

    def path(self, state: State) -> list[State]:
        """Return the states from the initial one to this one."""
        path = [state]
        while (before := self.parent[path[-1]]) is not None:
            path.append(before)
        return path[::-1]


class Stepper:
    """Runs the instances of a machine on states."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.plain: list[Instance] = []
        self.placed: dict[tuple[int, int], list[Instance]] = {}
        for instance in machine.instances:
            if instance.guards:
                self.placed.setdefault(instance.guards[0], []).append(instance)
            else:
                self.plain.append(instance)
        self.at = sorted({variable for variable, _ in self.placed})
        self.here: dict[tuple[int, ...], list[Instance]] = {}
        self.now: State | None = None

    def load(self, state: State) -> None:
        """Put the world into a state, by what differs from the state it is in."""
        if state is self.now:
            return
        if self.now is None:
            self.machine.load(state)
        else:
            codes = zip(self.machine.variables, state, strict=True)
            for variable, code in compress(codes, map(ne, self.now, state)):
                variable.put(code)
        self.now = state

    def candidates(self, state: State) -> Iterator[Instance]:
        """Yield, in order, the instances whose actor is where they start."""
        places = tuple([state[variable] for variable in self.at])
        if places not in self.here:
            lists = [self.placed.get(place, []) for place in zip(self.at, places, strict=True)]
            self.here[places] = list(heapq.merge(self.plain, *lists, key=lambda i: i.index))
        for instance in self.here[places]:
            for variable, code in instance.guards:
                if state[variable] != code:
                    break
            else:
                yield instance

    def successors(self, state: State) -> list[tuple[Instance, str, State]]:
        """Return every enabled instance, the id of the step that it takes, and the next state."""
        machine = self.machine
        self.load(state)
        written = machine.world.recorder.written
        found = []
        for instance in self.candidates(state):
            try:
                ending, _ = machine.fire(instance)
            except Blocked:
                machine.back(state)
                continue
            except NotEnabled as error:
                if written:
                    raise blamed(str(instance), error, instance) from None
                continue
            except Exception as error:
                raise blamed(str(instance), error, instance) from None
            after = list(state)
            for index, code in written.items():
                after[index] = code
            machine.back(state)
            found.append((instance, instance.step_id(ending), tuple(after)))
        return found

    def holds(self, state: State, condition: str) -> bool:
        """Say whether a condition is true in a state."""
        self.load(state)
        try:
            return self.machine.conditions[condition](self.machine.world)
        except Exception as error:
            raise blamed(f"condition {condition!r}", error) from None


def explore(
    stepper: Stepper,
    ends: Callable[[State], bool],
    each_level: Callable[[Explored, int], None],
    *,
    keep_edges: bool = False,
) -> Explored:
    """Search breadth-first until a state ends the search; ``ends`` sees each new state once.

    ``each_level`` is called often with what was explored and the size of the frontier; it stops a
    search that goes on for too long by raising.
    """
    first = stepper.machine.initial
    seen = Explored({first: None})
    level = [first]
    seen.hit = first if ends(first) else None
    while level and seen.hit is None:
        following: list[State] = []
        for number, state in enumerate(level):
            if number % 256 == 0:
                each_level(seen, len(level))
            found = seen.edges.setdefault(state, []) if keep_edges else []
            for instance, name, after in stepper.successors(state):
                seen.transitions += 1
                seen.coverage[name] += 1
                found.append((instance.index, after))
                if after not in seen.parent:
                    seen.parent[after] = state
                    following.append(after)
                    if ends(after) and seen.hit is None:
                        seen.hit = after
        seen.depth += bool(following)
        level = following
    return seen


def unrecoverable(seen: Explored, good: Callable[[State], bool]) -> State | None:
    """Return the first state found from which no good state can be reached, or None."""
    before: dict[State, list[State]] = {state: [] for state in seen.parent}
    for state, steps in seen.edges.items():
        for _, target in steps:
            before[target].append(state)
    reaches = {state for state in seen.parent if good(state)}
    waiting = list(reaches)
    while waiting:
        for state in before[waiting.pop()]:
            if state not in reaches:
                reaches.add(state)
                waiting.append(state)
    return next((state for state in seen.parent if state not in reaches), None)
