# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""Strongly connected components of the waiting states, in the kernel language.

Tarjan's algorithm with one number a state, after Pearce (2016): NUMBER says in which order the
states were visited, and, while they have no component, the least such number that they are known to
reach. A component is judged as soon as it is complete (``fairness``), while its states are near; it
is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Callable

FIELDS = (
    "NUMBER",  # 0 before the visit; from CLOSED down where a visit is of no use; 32 bits each
    "ROOT",  # the last number from which a visit may have started
    "LAST_ROOT",  # the last one from which one may start
    "VISITED",  # how many numbers of open visits are in use
    "STACKED",  # states left whose component is not complete, 32 bits each
    "STACK_HEIGHT",
    "CALLS",  # states being visited: how many steps were followed, in its highest bit whether one
    # reaches a state visited before, and the state; 32 bits each
    "CALLED",
)


def visit(g, state):
    """Begin to visit a state; prefetch what is asked of those that its steps lead to."""
    number = load(g, NUMBER)
    targets = load(g, TARGETS)
    visited = load(g, VISITED) + 1
    store(g, VISITED, visited)
    store32(number, state, visited)
    call = load(g, CALLS) + 8 * load(g, CALLED)
    store(call, 0, state << 32)
    store(g, CALLED, load(g, CALLED) + 1)
    e = load(load(g, FIRST), state)
    last = load(load(g, FIRST), state + 1)
    while e < last:
        prefetch(number, load32(targets, e) >> 1)
        e += 1
    return 0


def follow(g, call):
    """Follow steps to states whose component is open; return one not visited yet, or 0."""
    number = load(g, NUMBER)
    targets = load(g, TARGETS)
    state = load32(call, 1)
    before = load32(number, state)
    low = before
    begin = load(load(g, FIRST), state)
    done = load32(call, 0)
    e = begin + (done & (OLDER - 1))
    last = load(load(g, FIRST), state + 1)
    found = 0
    while e < last:
        target = load32(targets, e)
        e += 1
        met = load32(number, target)
        if met == 0:
            found = target
            if e < last:
                prefetch(load(g, FIRST), load32(targets, e))
            if e + 1 < last:
                prefetch(load(g, FIRST), load32(targets, e + 1))
            break
        low = low ^ ((low ^ met) & (0 - (met < low)))
    store32(number, state, low)
    store32(call, 0, (e - begin) | (done & OLDER) | ((low < before) << 31))
    return found


def leave(g, call):
    """End the visit of a state; if it is the first of its component, the component is complete."""
    state = load32(call, 1)
    low = load32(load(g, NUMBER), state)
    called = load(g, CALLED) - 1
    store(g, CALLED, called)
    height = load(g, STACK_HEIGHT)
    store32(load(g, STACKED), height, state)
    store(g, STACK_HEIGHT, height + 1)
    if (load32(call, 0) & OLDER) == 0:
        settle(g, low)
        store(g, VISITED, low - 1)
        return 0
    before = call - 8
    if low < load32(load(g, NUMBER), load32(before, 1)):
        store32(load(g, NUMBER), load32(before, 1), low)
        store32(before, 0, load32(before, 0) | OLDER)
    return 0


def cut(g, budget):
    """Go on to find components; return 0 when all states have theirs."""
    while budget != 0:
        budget -= 1
        called = load(g, CALLED)
        if called == 0:
            root = load(g, ROOT) + 1
            if root > load(g, LAST_ROOT):
                return 0
            store(g, ROOT, root)
            if load32(load(g, NUMBER), root) == 0:
                visit(g, root)
            continue
        call = load(g, CALLS) + 8 * (called - 1)
        target = follow(g, call)
        if target == 0:
            leave(g, call)
        else:
            visit(g, target)
    return 1


INTERNAL: list[Callable[..., int]] = [visit, follow, leave]
EXPORTED: list[Callable[..., int]] = [cut]
