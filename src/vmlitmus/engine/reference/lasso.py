"""Lassos: runs that end in a loop, and how a short one is cut out of a fair component.

Fairness is a promise about single instances on infinite runs. Weak: one that is enabled for ever
from some point on is taken infinitely often. Strong: one that is enabled infinitely often is. On
a lasso "for ever" is "in every state of the loop", and "infinitely often" is "in some". A loop
without steps is a run that stops: it is fair when no promised instance is enabled there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from vmlitmus.compiler import State
from vmlitmus.errors import EnginesDisagree
from vmlitmus.frozen import Frozen
from vmlitmus.lang import Fairness

N = TypeVar("N")  # a state, or its number
Promises = Mapping[int, Fairness]  # the instances with a declared fairness, by index
Step = tuple[int, N]  # an instance by its index, and where it leads
CANDIDATES = 64  # states of a component from which a loop is tried
_EFFORT = 100_000  # states visited after which the best loop so far will do


class Lasso(Frozen):
    """A run: ``taken[i]`` leads from ``states[i]`` to the next one, the last back to the loop.

    The loop begins at state ``loop_start``, which is the last state as well; where that leaves no
    step for the loop, the run stops there for ever. ``since`` is the state from which on the claim
    waits in vain.
    """

    states: tuple[State, ...]
    taken: tuple[int, ...]
    loop_start: int
    since: int


def broken(
    promises: Promises, enabled: Iterable[Collection[int]], taken: Collection[int]
) -> list[int]:
    """Return the promises that a run breaks which is in some states, and takes some instances,
    infinitely often.

    ``enabled`` gives for each of these states the instances enabled in it.
    """
    sets = [frozenset(here) for here in enabled]
    always, sometimes = frozenset.intersection(*sets), frozenset.union(*sets)
    return [
        instance
        for instance, fairness in promises.items()
        if instance in (always if fairness == "weak" else sometimes) and instance not in taken
    ]


class Component(Generic[N]):
    """Some states (``members``) between which a fair loop exists.

    ``nearest`` are those of them that are nearest to the initial state, from which loops are
    tried; ``steps`` returns all steps from a state, also those that leave the component;
    ``occurring`` are the promised instances that are enabled in some state of it.
    """

    def __init__(
        self,
        members: Container[N],
        nearest: Sequence[N],
        steps: Callable[[N], Sequence[Step[N]]],
        promises: Promises,
        occurring: Collection[int],
    ) -> None:
        self.members = members
        self.nearest = nearest
        self.steps = steps
        self.promises = promises
        self.occurring = occurring
        self.effort = 0
        self.known: dict[N, frozenset[int]] = {}

    def enabled(self, state: N) -> frozenset[int]:
        """Return the promised instances enabled in a state."""
        if state not in self.known:
            self.known[state] = frozenset(i for i, _ in self.steps(state) if i in self.promises)
        return self.known[state]

    def is_fair(self, start: N, loop: Sequence[Step[N]]) -> bool:
        """Say whether running round a loop, or stopping when it has no steps, is fair."""
        visited = {start, *(state for _, state in loop)}
        taken = {instance for instance, _ in loop}
        return not broken(self.promises, map(self.enabled, visited), taken)

    def loop(self, distance: Callable[[N], int]) -> tuple[N, list[Step[N]]]:
        """Return a start and a fair loop from it: the best of some, by the length of the run."""
        best: tuple[N, list[Step[N]]] | None = None
        length = 0
        for start in self.nearest:
            if best is not None and self.effort > _EFFORT:
                break
            for loop in (self.shortest(start), self.round_trip(start)):
                long = distance(start) + len(loop)
                if (best is None or long < length) and self.is_fair(start, loop):
                    best, length = (start, loop), long
        if best is None:
            raise EnginesDisagree("a fair component has no fair loop")
        return best

    def shortest(self, start: N) -> list[Step[N]]:
        """Return the shortest loop, fair or not: none where stopping is fair."""
        if self.is_fair(start, []):
            return []
        return self.way(start, start)

    def round_trip(self, start: N) -> list[Step[N]]:
        """Return a loop that goes to what is nearest of what fairness asks for, and then back."""
        loop: list[Step[N]] = []
        owed = set(self.occurring)
        here = start
        while owed:
            loop += self.walk(here, self.pays(owed))
            here = loop[-1][1] if loop else start
            owed -= self.paid(owed, here, loop[-1] if loop else None)
        return self.trimmed(start, loop + (self.way(here, start) if here != start else []))

    def trimmed(self, start: N, loop: list[Step[N]]) -> list[Step[N]]:
        """Return the loop without detours that fairness does not ask for."""
        seen: dict[N, list[int]] = {start: [0]}
        for j, (_, state) in enumerate(loop, 1):
            for i in seen.setdefault(state, []):
                shorter = loop[:i] + loop[j:]
                if shorter and self.is_fair(start, shorter):
                    return self.trimmed(start, shorter)
            seen[state].append(j)
        return loop

    def pays(self, owed: set[int]) -> Callable[[N, Step[N] | None], bool]:
        return lambda state, step: bool(self.paid(owed, state, step))

    def paid(self, owed: set[int], state: N, step: Step[N] | None) -> set[int]:
        """Return what of the owed instances a visit pays for: taken, or (weak) not enabled."""
        idle = owed - self.enabled(state)
        paid = {i for i in idle if self.promises[i] == "weak"}
        return paid | {step[0]} & owed if step is not None else paid

    def way(self, start: N, end: N) -> list[Step[N]]:
        """Return the shortest way inside the component between two states; at least one step."""
        return self.walk(start, lambda _, step: step is not None and step[1] == end)

    def walk(self, start: N, ends: Callable[[N, Step[N] | None], bool]) -> list[Step[N]]:
        """Return the shortest way inside the component from a state to what ends it."""
        if ends(start, None):
            return []
        came: dict[N, tuple[N, Step[N]]] = {}
        level = [start]
        while level:
            following: list[N] = []
            for state in level:
                self.effort += 1
                for step in self.steps(state):
                    if step[1] not in self.members:
                        continue
                    if ends(step[1], step):
                        return [*_back(start, state, came), step]
                    if step[1] != start and step[1] not in came:
                        came[step[1]] = state, step
                        following.append(step[1])
            level = following
        raise EnginesDisagree("a fair component is not strongly connected")


def _back(start: N, state: N, came: Mapping[N, tuple[N, Step[N]]]) -> list[Step[N]]:
    found = []
    while state != start:
        state, step = came[state]
        found.append(step)
    return found[::-1]
