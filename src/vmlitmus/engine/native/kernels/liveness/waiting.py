# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The states in which a run may wait in vain, and their steps, in the kernel language.

They are met by the length of the shortest run that waits in them, that from the initial state to
where the waiting begins included. INDEX tells them by their slots in the table, so that a step
costs one look at the table, and the other states of the search none.
"""

from __future__ import annotations

from collections.abc import Callable

from vmlitmus.engine.native.kernels import graph

FIELDS = (
    "INDEX",  # the number of the state in each slot of the table, 0 where it was not met, or
    # CLOSED where what is awaited is there; 32 bits each
    "NAMES",  # address of the instances that lead to successors, as expand() writes them
    "AWAITED",  # bit of the condition that has to come
    "ASKED",  # bits of the condition where the waiting begins; 0: in the states before SOURCES
    "SOURCE",  # the next state of the log where the waiting may begin
    "SOURCES",  # the first one of those in which it cannot
    "LENGTH",  # the steps of the shortest runs that wait in the states that are met next
    "WAITING",  # the waiting states, WORDS words each
    "CAME",  # the number before on the run there; its own where the waiting begins; 32 bits
    "NEXT",  # the next number whose steps are to be written
    "BEHIND",  # the first number behind those of the length at hand
    "COUNT",  # the number that the next waiting state gets
    "FIRST",  # index of the first step; that of the next number is behind the last one
    "TARGETS",  # the number to which each step leads, 32 bits each
    "TAKEN",  # the instance of each step, 1 << TAKEN_BITS bytes each
    "EDGES",  # how many steps were written
    "EDGE_ROOM",  # how many there may be before these arrays must grow
    "PROMISE",  # for each instance 1 + the index of its promise, or 0
    "ENABLED",  # by number: the promises of the instances that are enabled; SETS words, a bit each
    "WATCHED",  # 1 where it is noted which promises are
    "INSIDE",  # taken by some step from one waiting state to another
)


def enlist(g, state, slot, came):
    """Give the state at an address, which has a slot, the next number; return it."""
    number = load(g, COUNT)
    store32(load(g, INDEX), slot, number)
    copy_state(state, load(g, WAITING) + number * (8 * WORDS))
    if came == 0:
        came = number
    store32(load(g, CAME), number, came)
    store(g, COUNT, number + 1)
    return number


def meet(g, state, slot, came):
    """Return the number of the state at an address to which a step leads, or 0."""
    number = load32(load(g, INDEX), slot)
    if number == 0:
        if (conditions(load(g, CONDITIONS), state, load(g, MORE)) & load(g, AWAITED)) == 0:
            return enlist(g, state, slot, came)
        store32(load(g, INDEX), slot, CLOSED)
        return 0
    if number == CLOSED:
        return 0
    return number


def last_source(g):
    """Return the end of the log's part from which runs of the length at hand begin to wait."""
    if load(g, LENGTH) > load(g, DEPTH):
        return load(g, SOURCES)
    end = load32(load(g, LEVELS), load(g, LENGTH))
    if end > load(g, SOURCES):
        return load(g, SOURCES)
    return end


def begins(g, state):
    """Say whether waiting begins in the state at an address."""
    seen = conditions(load(g, CONDITIONS), state, load(g, MORE))
    if (seen & load(g, AWAITED)) != 0:
        return 0
    if load(g, ASKED) == 0:
        return 1
    return (seen & load(g, ASKED)) != 0


def begin_waiting(g, end):
    """Enlist some states before ``end`` in which waiting begins, unless they have been met."""
    state = load(g, SOURCE)
    if end > state + PORTION:
        end = state + PORTION
    n = 0
    while state < end:
        at = load(g, LOG) + state * (8 * WORDS)
        if begins(g, at) != 0:
            key = load(g, KEYS_AT) + n * (8 * KEYS)
            make_key(at, key)
            look_ahead(g, key)
            store32(load(g, FROM), n, state)
            n += 1
        state += 1
    store(g, SOURCE, end)
    k = 0
    while k < n:
        slot = slot_of(g, load(g, KEYS_AT) + k * (8 * KEYS))
        if load32(load(g, INDEX), slot) == 0:
            enlist(g, load(g, LOG) + load32(load(g, FROM), k) * (8 * WORDS), slot, 0)
        k += 1
    return 0


def lengthen(g):
    """Go on to find states of the next length; return 0 when there are no more."""
    end = last_source(g)
    if load(g, SOURCE) < end:
        begin_waiting(g, end)
        return 1
    if load(g, BEHIND) == load(g, COUNT) and end == load(g, SOURCES):
        store(load(g, FIRST), load(g, NEXT), load(g, EDGES))
        return 0
    store(g, BEHIND, load(g, COUNT))
    store(g, LENGTH, load(g, LENGTH) + 1)
    return 1


def take(taken, e):
    """Return the instance of a step."""
    if TAKEN_BITS == 0:
        return load8(taken, e)
    if TAKEN_BITS == 1:
        return load16(taken, e)
    return load32(taken, e)


def add(promises, promise):
    """Put a promise into a set."""
    word = promises + 8 * (promise >> 6)
    store(word, 0, load(word, 0) | (1 << (promise & 63)))
    return 0


def note_taken(g, e, got, enabled):
    """Note the instances of the ``got`` steps from e on, and which promises a state enables."""
    names = load(g, NAMES)
    taken = load(g, TAKEN)
    promises = load(g, PROMISE)
    k = 0
    while k < got:
        name = load(names, k)
        promise = load(promises, name)
        if promise != 0:
            add(enabled, promise - 1)
        if TAKEN_BITS == 0:
            store8(taken, e + k, name)
        if TAKEN_BITS == 1:
            store16(taken, e + k, name)
        if TAKEN_BITS == 2:
            store32(taken, e + k, name)
        k += 1
    return 0


def collect_steps(g):
    """Expand some waiting states of the length at hand into the batch; return the successors."""
    number = load(g, NEXT)
    behind = load(g, BEHIND)
    if behind > number + PORTION:
        behind = number + PORTION
    n = 0
    while number < behind and n <= PORTION:
        got = unfold(g, load(g, WAITING) + number * (8 * WORDS), n)
        note_taken(g, load(g, EDGES) + n, got, load(g, ENABLED) + number * (8 * SETS))
        store(load(g, FIRST), number, load(g, EDGES) + n)
        k = n
        n += got
        while k < n:
            name_key(g, k)
            store32(load(g, FROM), k, number)
            k += 1
        number += 1
    store(g, NEXT, number)
    return n


def note_inside(g, e, n):
    """Note the promises that those of n steps from e on take that lead to waiting states."""
    while n != 0:
        promise = load(load(g, PROMISE), take(load(g, TAKEN), e))
        if promise != 0 and load32(load(g, TARGETS), e) != 0:
            add(load(g, INSIDE), promise - 1)
        e += 1
        n -= 1
    return 0


def wait(g, budget):
    """Go on to find waiting states; return 0 when all are found, NO_ROOM for more steps."""
    while budget != 0:
        budget -= 1
        if load(g, NEXT) == load(g, BEHIND):
            if lengthen(g) == 0:
                return 0
            continue
        if load(g, EDGES) + load(g, LARGEST) > load(g, EDGE_ROOM):
            return NO_ROOM
        n = collect_steps(g)
        targets = load(g, TARGETS) + 4 * load(g, EDGES)
        k = 0
        while k < n:
            slot = slot_of(g, load(g, KEYS_AT) + k * (8 * KEYS))
            state = load(g, BATCH) + k * (8 * WORDS)
            store32(targets, k, meet(g, state, slot, load32(load(g, FROM), k)))
            k += 1
        if load(g, WATCHED) != 0:
            note_inside(g, load(g, EDGES), n)
        store(g, EDGES, load(g, EDGES) + n)
    return 1


INTERNAL: list[Callable[..., int]] = [
    *graph.AGAIN,
    enlist,
    meet,
    last_source,
    begins,
    begin_waiting,
    lengthen,
    take,
    add,
    note_taken,
    collect_steps,
    note_inside,
]
EXPORTED: list[Callable[..., int]] = [wait]
