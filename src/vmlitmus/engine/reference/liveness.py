"""Liveness in the reference engine: plain Python on the full state graph. It is the definition.

``eventually(p)``: every fair run reaches a state with p. ``leads_to(p, q)``: on every fair run,
each state with p has q too, or is followed by one with q. A run violates the claim when it *waits*
in vain: from the initial state on it is never in a state with p; or, from a state with p on, never
in one with q.

A run is infinite: where it stops, it stays for ever, which is fair only where no promised instance
is enabled (see ``lasso``). So there is a violation exactly when the waiting states contain a *fair
component*: states that reach each other by steps among them (or a single one, with or without a
step to itself) such that a run through all of them infinitely often, by all of these steps, breaks
no promise. What is enabled in a state counts all its steps, also those that lead out.

The search explores everything: *states* and *transitions* count the reachable state graph, *depth*
is its last level.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator

from vmlitmus.compiler import State
from vmlitmus.engine.reference.lasso import CANDIDATES, Component, Lasso, Promises, Step, broken
from vmlitmus.engine.reference.search import Explored
from vmlitmus.frozen import Frozen


class Waiting(Frozen):
    """The states in which a run may wait in vain, nearest first.

    ``came`` gives for each the state before it and the instance taken there, or None where the
    waiting begins; ``length`` the steps of the shortest run that waits there.
    """

    came: dict[State, tuple[State, int] | None]
    length: dict[State, int]


def waiting(seen: Explored, starts: Iterable[State], unmet: Collection[State]) -> Waiting:
    """Return what is reached from ``starts`` through states where the claim is not met."""
    depth: dict[State, int] = {}
    for state, parent in seen.parent.items():
        depth[state] = 0 if parent is None else depth[parent] + 1
    begins: dict[int, list[State]] = {}
    for state in starts:
        begins.setdefault(depth[state], []).append(state)
    found = Waiting({}, {})
    length, level = 0, list[State]()
    while level or any(at >= length for at in begins):
        for state in begins.get(length, []):
            if state not in found.came:
                found.came[state], found.length[state] = None, length
                level.append(state)
        length += 1
        following = []
        for state in level:
            for instance, after in seen.edges[state]:
                if after in unmet and after not in found.came:
                    found.came[after], found.length[after] = (state, instance), length
                    following.append(after)
        level = following
    return found


def find_lasso(
    seen: Explored,
    starts: Iterable[State],
    unmet: Collection[State],
    promises: Promises,
    go_on: Callable[[], None],
) -> Lasso | None:
    """Return a fair run that waits in vain, or None; ``go_on`` is called often and may raise."""
    waits = waiting(seen, starts, unmet)
    order = {state: number for number, state in enumerate(waits.came)}
    found = [
        sorted(component, key=order.__getitem__)
        for component in fair_components(seen.edges, waits.came, promises, go_on)
    ]
    if not found:
        return None
    nearest = min(found, key=lambda component: order[component[0]])
    occurring = {i for state in nearest for i, _ in seen.edges[state] if i in promises}
    component = Component(
        frozenset(nearest), nearest[:CANDIDATES], seen.edges.__getitem__, promises, occurring
    )
    return lasso(seen, waits, *component.loop(waits.length.__getitem__))


def fair_components(
    edges: dict[State, list[Step[State]]],
    states: Collection[State],
    promises: Promises,
    go_on: Callable[[], None],
) -> Iterator[list[State]]:
    """Yield the largest fair components among some states.

    A component that breaks a strong promise may have a fair one inside, where the instance is not
    enabled. One that breaks a weak promise has none: the instance is enabled in every part of it.
    """
    parts: list[Collection[State]] = [states]
    while parts:
        for component in components(edges, parts.pop(), go_on):
            members = frozenset(component)
            enabled = {s: {i for i, _ in edges[s] if i in promises} for s in component}
            taken = {i for s in component for i, after in edges[s] if after in members}
            wrong = broken(promises, enabled.values(), taken)
            if not wrong:
                yield component
            elif all(promises[i] == "strong" for i in wrong):
                parts.append({s for s in component if not enabled[s] & set(wrong)})


def components(
    edges: dict[State, list[Step[State]]], states: Collection[State], go_on: Callable[[], None]
) -> Iterator[list[State]]:
    """Yield the strongly connected components among some states (Tarjan's, iterative)."""
    number: dict[State, int] = {}
    low: dict[State, int] = {}
    stack: list[State] = []
    stacked: set[State] = set()
    for root in states:
        if root in number:
            continue
        calls = [(root, iter(edges[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        stacked.add(root)
        while calls:
            state, rest = calls[-1]
            for _, after in rest:
                if after not in states:
                    continue
                if after not in number:
                    if len(number) % 1024 == 0:
                        go_on()
                    number[after] = low[after] = len(number)
                    stack.append(after)
                    stacked.add(after)
                    calls.append((after, iter(edges[after])))
                    break
                if after in stacked:
                    low[state] = min(low[state], number[after])
            else:
                calls.pop()
                if calls:
                    low[calls[-1][0]] = min(low[calls[-1][0]], low[state])
                if low[state] == number[state]:
                    yield list(_popped(state, stack, stacked))


def _popped(root: State, stack: list[State], stacked: set[State]) -> Iterator[State]:
    while True:
        state = stack.pop()
        stacked.discard(state)
        yield state
        if state == root:
            return


def lasso(seen: Explored, waits: Waiting, start: State, loop: list[Step[State]]) -> Lasso:
    """Return the shortest run to the start of a loop, with the loop."""
    before: list[Step[State]] = []
    state = start
    while (came := waits.came[state]) is not None:
        before.append((came[1], state))
        state = came[0]
    path = seen.path(state)
    plain = [
        (next(i for i, after in seen.edges[a] if after == b), b)
        for a, b in itertools.pairwise(path)
    ]
    steps = [*plain, *before[::-1], *loop]
    states = (path[0], *(state for _, state in steps))
    taken = tuple(instance for instance, _ in steps)
    return Lasso(states, taken, len(steps) - len(loop), len(plain))
