# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The breadth-first search itself, in the kernel language (see ``language``).

States stand one after another in a log, which is also the queue: ``HEAD`` is the next state to
expand, ``TAIL`` the number of states. States are expanded in the order of the log, so the children
of some states in a row stand in a row too: for each FAMILY states the log's length before their
first child is kept, and the parent is found by expanding a family again.

A table finds a state again (see ``table``). Successors are collected in a batch, without those met
lately; their lines are prefetched; then they are inserted in order.

The context, ``ctx``, is an array of 64-bit numbers (see ``context``).
"""

from __future__ import annotations

from collections.abc import Callable

from vmlitmus.engine.native.kernels import keys, table
from vmlitmus.engine.native.kernels.keys import copy_key, copy_state, differ, home, make_key, share
from vmlitmus.engine.native.kernels.table import enter, find, holds, missing, write_key

GROW, FAILED, DONE, FOUND, PAUSE, CROWDED = range(6)  # what advance() returns


def represent(ctx, state, key):
    """Put what stands for its orbit in a state's place; say whether that was not met lately.

    The state itself was not.
    """
    before = load(ctx, SPARE)
    copy_key(key, before)
    canonical(load(ctx, CANONICAL), state)
    make_key(state, key)
    if differ(key, before) == 0:
        return 1
    lately = load(ctx, LATELY) + share(key, MEMORY) * (8 * KEYS)
    new = differ(key, lately)
    copy_key(key, lately)
    return new


def orbit(ctx, state):
    """Return how many states a state stands for."""
    if SYMMETRIC == 1:
        spare = load(ctx, SPARE)
        copy_state(state, spare)
        return canonical(load(ctx, CANONICAL), spare)
    return 1


def step(ctx, state, out):
    """Expand a state and count what fires, for each state of its orbit; return the successors."""
    if SYMMETRIC == 0:
        return expand(load(ctx, EXPAND), state, out, load(ctx, COVERAGE))
    apart = load(ctx, APART)
    counters = load(ctx, COUNTERS)
    i = 0
    while i < counters:
        store(apart, i, 0)
        i += 1
    got = expand(load(ctx, EXPAND), state, out, apart)
    if negative(got):
        return got
    size = orbit(ctx, state)
    coverage = load(ctx, COVERAGE)
    i = 0
    while i < counters:
        store(coverage, i, load(coverage, i) + load(apart, i) * size)
        i += 1
    store(ctx, TRANSITIONS, load(ctx, TRANSITIONS) + got * size)
    return got


def put_to_sleep(ctx, state):
    """Tell expand() which instances sleep in a state; see ``asleep``."""
    if SLEEPING == 1:
        mask = load(load(ctx, ASLEEP), state & load(ctx, RING))
        store(load(ctx, COVERAGE), load(ctx, COUNTERS), mask)
    return 0


def look_ahead(ctx, state, head):
    """Prefetch a state that is to be expanded soon, and what sleeps in it."""
    prefetch(state, AHEAD * WORDS)
    if SLEEPING == 1:
        prefetch(load(ctx, ASLEEP), (head + AHEAD) & load(ctx, RING))
    return 0


def fired(ctx, got):
    """Return how many instances fired in the state that was expanded, those asleep included."""
    if SLEEPING == 1:
        return load(load(ctx, COVERAGE), load(ctx, COUNTERS) + 1)
    return got


def keep_new(ctx, n, got, parent):
    """Add the ``got`` successors behind the batch's first n; return the length of the batch.

    One met lately is left out: it is in the table, or stands in the batch already. Where instances
    sleep, hardly any was met lately, so that all are kept.
    """
    masks = load(ctx, MASKS)
    mask = load(ctx, COVERAGE) + 8 * (load(ctx, COUNTERS) + 2)
    batch = load(ctx, BATCH)
    keys = load(ctx, KEYS_AT)
    recent = load(ctx, LATELY)
    origin = load(ctx, FROM)
    successor = batch + n * (8 * WORDS)
    last = successor + got * (8 * WORDS)
    while successor < last:
        key = keys + n * (8 * KEYS)
        make_key(successor, key)
        new = 1
        if SLEEPING == 0:
            lately = recent + share(key, MEMORY) * (8 * KEYS)
            new = differ(key, lately)
            copy_key(key, lately)
        copy_state(successor, batch + n * (8 * WORDS))
        if SYMMETRIC == 1:
            if new != 0:
                new = represent(ctx, batch + n * (8 * WORDS), key)
        if SLEEPING == 1:
            store(masks, n, load(mask, 0))
            mask += 8
        store32(origin, n, parent)
        n += new
        successor += 8 * WORDS
    return n


def fetch(ctx, n, end):
    """Prefetch the lines where the keys n..end-1 of the batch belong."""
    table = load(ctx, TABLE)
    slots = load(ctx, SLOTS)
    keys = load(ctx, KEYS_AT)
    while n < end:
        prefetch(table + home(keys + n * (8 * KEYS), slots) * SLOT, 0)
        n += 1
    return 0


def owner(ctx, index):
    """Return the number of the search that a state belongs to."""
    owners = load(ctx, OWNERS)
    if owners == 0:
        return 0
    return load32(owners, index)


def ended(ctx, index, end):
    """Say whether a state's own search, one of several, has ended before this level."""
    hit = load(load(ctx, HITS), owner(ctx, index))
    if hit != 0 and hit <= end:
        return 1
    return 0


def collect(ctx, n, most):
    """Expand states of the level into the batch, behind its first n, until it has more than most.

    Return how many successors stand in it. Where they are looked up soon, their lines are
    prefetched, some together: then the cpu looks for their pages together, and goes on meanwhile.
    """
    head = load(ctx, HEAD)
    end = load(ctx, LEVEL_END)
    owners = load(ctx, OWNERS)
    soon = most - n == MOST
    fetched = n
    made = 0
    while head < end and n <= most:
        state = load(ctx, LOG) + head * (8 * WORDS)
        got = 0
        firing = 0
        over = 0
        if owners != 0:
            over = ended(ctx, head, end)
        if over == 0:
            out = load(ctx, BATCH) + n * (8 * WORDS)
            look_ahead(ctx, state, head)
            put_to_sleep(ctx, head)
            got = step(ctx, state, out)
            firing = fired(ctx, got)
        if negative(got):
            store(ctx, FAULT, 0 - got)
            store(ctx, HEAD, head)
            return n
        n = keep_new(ctx, n, got, head)
        if soon and n - fetched >= TOGETHER:
            fetch(ctx, fetched, n)
            fetched = n
        made += firing
        head += 1
    if soon:
        fetch(ctx, fetched, n)
    store(ctx, HEAD, head)
    if SYMMETRIC == 0:
        store(ctx, TRANSITIONS, load(ctx, TRANSITIONS) + made)
    return n


def inherit(ctx, index, parent):
    """Note the search of a state: that of its parent; each initial state begins its own."""
    owners = load(ctx, OWNERS)
    if owners != 0:
        if parent == NO_PARENT:
            store32(owners, index, index)
        else:
            store32(owners, index, load32(owners, parent))
    return 0


def note(ctx, parent, child):
    """Note the first child of a family, when a state of it or of a later one has a new child."""
    if parent != NO_PARENT:
        noted = load(ctx, NOTED)
        while noted * FAMILY <= parent:
            store32(load(ctx, CHILDREN), noted, child)
            noted += 1
            store(ctx, NOTED, noted)
    return 0


def append(ctx, k, index):
    """Put the kth successor of the batch, which is new, at a place of the log."""
    state = load(ctx, LOG) + index * (8 * WORDS)
    copy_state(load(ctx, BATCH) + k * (8 * WORDS), state)
    parent = load32(load(ctx, FROM), k)
    note(ctx, parent, index)
    inherit(ctx, index, parent)
    if SLEEPING == 1:
        store(load(ctx, ASLEEP), index & load(ctx, RING), load(load(ctx, MASKS), k))
    seen = conditions(load(ctx, CONDITIONS), state, load(ctx, MORE))
    store(ctx, OBSERVED, load(ctx, OBSERVED) | seen)
    if SYMMETRIC == 1:
        store(ctx, COUNTED, load(ctx, COUNTED) + orbit(ctx, state))
    if (seen & load(ctx, STOP_ON)) != 0:
        hit = load(ctx, HITS) + 8 * owner(ctx, index)
        if load(hit, 0) == 0:
            store(hit, 0, index + 1)
    return 0


def sift(ctx, k, end):
    """Note which of the states k..end-1 of the batch may be new; return how many they are.

    Those whose key stands in its first line are not, and most of them stand there.
    """
    keys = load(ctx, KEYS_AT)
    picked = load(ctx, PICKED)
    count = 0
    while k < end:
        store32(picked, count, k)
        count += missing(load(ctx, TABLE), load(ctx, SLOTS), keys + k * (8 * KEYS))
        k += 1
    return count


def insert(ctx, n, tail):
    """Insert n states of the batch that are picked, in order; return the log's length then."""
    table = load(ctx, TABLE)
    slots = load(ctx, SLOTS)
    picked = load(ctx, PICKED)
    last = picked + 4 * n
    while picked < last:
        k = load32(picked, 0)
        key = load(ctx, KEYS_AT) + k * (8 * KEYS)
        slot = find(table, slots, key)
        if holds(table, slot) == 0:
            write_key(table, slot, key)
            append(ctx, k, tail)
            tail += 1
        picked += 4
    return tail


def absorb(ctx, n):
    """Insert the first n states of the batch, in order: some at a time, whose lines stay near."""
    tail = load(ctx, TAIL)
    begin = 0
    while begin < n:
        end = begin + PIECE
        if end > n:
            end = n
        tail = insert(ctx, sift(ctx, begin, end), tail)
        begin = end
    store(ctx, TAIL, tail)
    return 0


def advance(ctx, budget):
    """Go on until about ``budget`` states more are expanded, or something has to be done first."""
    until = load(ctx, HEAD) + budget
    while 1:
        if SHORT == 1:
            if holds(load(ctx, TABLE), load(ctx, SLOTS)) != 0:
                return CROWDED
        if load(ctx, HEAD) == load(ctx, LEVEL_END):
            store32(load(ctx, LEVELS), load(ctx, DEPTH), load(ctx, LEVEL_END))
            if load(ctx, TAIL) == load(ctx, LEVEL_END):
                return DONE
            store(ctx, LEVEL_END, load(ctx, TAIL))
            store(ctx, DEPTH, load(ctx, DEPTH) + 1)
        if load(ctx, OWNERS) == 0:
            hit = load(load(ctx, HITS), 0)
            if hit != 0 and hit <= load(ctx, LEVEL_END):
                return FOUND
        if load(ctx, TAIL) + load(ctx, LARGEST) > load(ctx, ROOM):
            return GROW
        if SLEEPING == 1:
            if load(ctx, TAIL) + load(ctx, LARGEST) - load(ctx, HEAD) > load(ctx, RING):
                return GROW
        if load(ctx, HEAD) >= until:
            return PAUSE
        n = collect(ctx, 0, MOST)
        if load(ctx, FAULT) != 0:
            return FAILED
        absorb(ctx, n)
    return 0


def begin(ctx, n):
    """Insert n initial states, which stand in the batch."""
    k = 0
    while k < n:
        make_key(load(ctx, BATCH) + k * (8 * WORDS), load(ctx, KEYS_AT) + k * (8 * KEYS))
        store32(load(ctx, FROM), k, NO_PARENT)
        if SLEEPING == 1:
            store(load(ctx, MASKS), k, 0)
        k += 1
    absorb(ctx, n)
    store(ctx, LEVEL_END, load(ctx, TAIL))
    return 0


def widen(ctx, before):
    """Put what sleeps in the waiting states where it belongs in a ring that had less places."""
    ring = load(ctx, ASLEEP)
    state = load(ctx, HEAD)
    while state < load(ctx, TAIL):
        store(ring, state & load(ctx, RING), load(ring, state & before))
        state += 1
    return 0


def enter_log(ctx, first, last):
    """Put the states first..last-1 of the log into the table; return how many were new."""
    keys = load(ctx, KEYS_AT)
    new = 0
    while first < last:
        n = 0
        while n < MOST and first + n < last:
            make_key(load(ctx, LOG) + (first + n) * (8 * WORDS), keys + n * (8 * KEYS))
            n += 1
        fetch(ctx, 0, n)
        k = 0
        while k < n:
            new += enter(ctx, keys + k * (8 * KEYS))
            k += 1
        first += n
    return new


INTERNAL: list[Callable[..., int]] = [
    *keys.INTERNAL,
    *table.INTERNAL,
    represent,
    orbit,
    step,
    look_ahead,
    put_to_sleep,
    fired,
    keep_new,
    fetch,
    owner,
    ended,
    inherit,
    note,
    collect,
    append,
    sift,
    insert,
    absorb,
]
EXPORTED: list[Callable[..., int]] = [
    advance,
    begin,
    enter_log,
    widen,
    table.spread,
]
