# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""What `recoverable` asks of a finished search, in the kernel language: which states lead where.

The passes go over the states of a context of ``breadth_first``, some at a time, with the edges that
it kept. The states that satisfy a condition are marked (``GOOD``), and, in sweeps from the last
state to the first, those that lead to a marked one. When a sweep marks few, the edges of those that
are left are turned round, to mark backwards from the ones with a marked target (``SEED``).
``number_states`` makes ``INDEX`` again, when the table has grown.
"""

from __future__ import annotations

from collections.abc import Callable

GOOD, SEED = 1, 2  # marks of states


def number_states(ctx, first, last):
    """Note for the states first..last-1 in which slot each stands."""
    keys = load(ctx, KEYS_AT)
    while first < last:
        end = first + MOST
        if end > last:
            end = last
        k = 0
        while first + k < end:
            make_key(load(ctx, LOG) + (first + k) * (8 * WORDS), keys + k * (8 * KEYS))
            k += 1
        fetch(ctx, 0, k)
        k = 0
        while first < end:
            slot = find(load(ctx, TABLE), load(ctx, SLOTS), keys + k * (8 * KEYS))
            store32(load(ctx, INDEX), slot, first)
            first += 1
            k += 1
    return 0


def leads_to_good(ctx, state):
    """Say whether an edge of a state leads to one that is marked GOOD."""
    e = load(load(ctx, FIRST), state)
    end = load(load(ctx, FIRST), state + 1)
    while e < end:
        if load8(load(ctx, MARK), load32(load(ctx, TARGETS), e)) == GOOD:
            return 1
        e += 1
    return 0


def sweep(ctx, first, last):
    """Mark the states first..last-1 that lead to a marked one, from the last on."""
    marked = 0
    unmarked = 0
    while first < last:
        last -= 1
        if load8(load(ctx, MARK), last) == 0:
            if leads_to_good(ctx, last) != 0:
                store8(load(ctx, MARK), last, GOOD)
                marked += 1
            else:
                unmarked += 1
    store(ctx, MARKED, load(ctx, MARKED) + marked)
    store(ctx, UNMARKED, load(ctx, UNMARKED) + unmarked)
    return 0


def count_back(ctx, first, last):
    """Count the edges into each state that come from unmarked ones among first..last-1.

    A state with a marked target is marked itself and stacked.
    """
    before = load(ctx, BEFORE)
    height = load(ctx, HEIGHT)
    edges = load(ctx, TURNED)
    while first < last:
        if load8(load(ctx, MARK), first) == 0:
            if leads_to_good(ctx, first) != 0:
                store8(load(ctx, MARK), first, SEED)
                store32(load(ctx, STACK), height, first)
                height += 1
            else:
                e = load(load(ctx, FIRST), first)
                end = load(load(ctx, FIRST), first + 1)
                edges += end - e
                while e < end:
                    target = load32(load(ctx, TARGETS), e)
                    store(before, target, load(before, target) + 1)
                    e += 1
        first += 1
    store(ctx, HEIGHT, height)
    store(ctx, TURNED, edges)
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
    """Write the reverse edges that come from unmarked states among first..last-1."""
    before = load(ctx, BEFORE)
    while first < last:
        if load8(load(ctx, MARK), first) == 0:
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
    """Mark the states first..last-1 that satisfy a condition."""
    while first < last:
        state = load(ctx, LOG) + first * (8 * WORDS)
        if (conditions(load(ctx, CONDITIONS), state, load(ctx, MORE)) & good) != 0:
            store8(load(ctx, MARK), first, GOOD)
        first += 1
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
                store8(load(ctx, MARK), source, SEED)
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


INTERNAL: list[Callable[..., int]] = [leads_to_good]
PASSES: list[Callable[..., int]] = [
    number_states,
    sweep,
    count_back,
    sum_up,
    reverse,
    mark_good,
    mark_back,
    first_unmarked,
]
