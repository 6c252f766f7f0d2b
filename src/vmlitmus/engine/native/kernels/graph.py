# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""What `recoverable` asks of a finished search, in the kernel language: which states lead where.

The passes go over the states of a context of ``breadth_first``, some at a time: they number the
slots of the table, write the edges and the reverse edges, and mark backwards from the states that
satisfy a condition.
"""

from __future__ import annotations

from collections.abc import Callable


def number_states(ctx, first, last):
    """Note for the states first..last-1 in which slot each stands."""
    key = load(ctx, KEYS_AT)
    while first < last:
        make_key(load(ctx, LOG) + first * (8 * WORDS), key)
        store32(load(ctx, INDEX), find(load(ctx, TABLE), load(ctx, SLOTS), key), first)
        first += 1
    return 0


def connect(ctx, first, last):
    """Write the edges of the states first..last-1, and count the edges into each state."""
    key = load(ctx, KEYS_AT)
    edges = load(ctx, EDGES)
    while first < last:
        store(load(ctx, FIRST), first, edges)
        state = load(ctx, LOG) + first * (8 * WORDS)
        got = expand(load(ctx, EXPAND), state, load(ctx, BATCH), load(ctx, COVERAGE))
        k = 0
        while k < got:
            make_key(load(ctx, BATCH) + k * (8 * WORDS), key)
            slot = find(load(ctx, TABLE), load(ctx, SLOTS), key)
            target = load32(load(ctx, INDEX), slot)
            store32(load(ctx, TARGETS), edges, target)
            store(load(ctx, BEFORE), target, load(load(ctx, BEFORE), target) + 1)
            edges += 1
            k += 1
        first += 1
    store(load(ctx, FIRST), first, edges)
    store(ctx, EDGES, edges)
    return 0


def sum_up(ctx, states):
    """Turn the counts of edges into each state into the place behind its reverse edges."""
    total = 0
    i = 0
    while i < states:
        total += load(load(ctx, BEFORE), i)
        store(load(ctx, BEFORE), i, total)
        i += 1
    store(load(ctx, BEFORE), states, total)
    return 0


def reverse(ctx, first, last):
    """Write the reverse edges that come from the states first..last-1."""
    before = load(ctx, BEFORE)
    while first < last:
        e = load(load(ctx, FIRST), first)
        end = load(load(ctx, FIRST), first + 1)
        while e < end:
            target = load32(load(ctx, TARGETS), e)
            place = load(before, target) - 1
            store(before, target, place)
            store32(load(ctx, SOURCES), place, first)
            e += 1
        first += 1
    return 0


def mark_good(ctx, good, first, last):
    """Mark the states first..last-1 that satisfy a condition, and stack them."""
    height = load(ctx, HEIGHT)
    while first < last:
        state = load(ctx, LOG) + first * (8 * WORDS)
        if (conditions(load(ctx, CONDITIONS), state, load(ctx, MORE)) & good) != 0:
            store8(load(ctx, MARK), first, 1)
            store32(load(ctx, STACK), height, first)
            height += 1
        first += 1
    store(ctx, HEIGHT, height)
    return 0


def mark_back(ctx, budget):
    """Mark what can reach a marked state; return how many states are still to visit."""
    height = load(ctx, HEIGHT)
    while height != 0 and budget != 0:
        height -= 1
        state = load32(load(ctx, STACK), height)
        e = load(load(ctx, BEFORE), state)
        end = load(load(ctx, BEFORE), state + 1)
        while e < end:
            source = load32(load(ctx, SOURCES), e)
            if load8(load(ctx, MARK), source) == 0:
                store8(load(ctx, MARK), source, 1)
                store32(load(ctx, STACK), height, source)
                height += 1
            e += 1
        budget -= 1
    store(ctx, HEIGHT, height)
    return height


def first_unmarked(ctx, first, last):
    """Note the first state without a mark of each search, among the states first..last-1."""
    while first < last:
        if load8(load(ctx, MARK), first) == 0:
            search = owner(ctx, first)
            if load(load(ctx, HITS), search) == 0:
                store(load(ctx, HITS), search, first + 1)
        first += 1
    return 0


PASSES: list[Callable[..., int]] = [
    number_states,
    connect,
    sum_up,
    reverse,
    mark_good,
    mark_back,
    first_unmarked,
]
