# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The breadth-first search itself, in the kernel language (see ``kernel_language``).

States stand one after another in a log, which is also the queue: ``HEAD`` is the next state to
expand, ``TAIL`` the number of states. Each has the index of its parent. A table without deletion
finds a state again; the place of a key in it is proportional to the key, so the table grows in
order. Successors are collected in a batch, their slots prefetched, and then inserted in order.

The context is an array of 64-bit numbers; its fields are the constants in capitals below.
"""

from __future__ import annotations

from collections.abc import Callable

FIELDS = (
    "TABLE",  # address of the table: KEYS words a slot, the first is 0 when the slot is empty
    "SLOTS",  # slots in the table
    "LOG",  # address of the states, WORDS words each
    "PARENTS",  # address of the parents, 32 bits each
    "BATCH",  # address of successors collected
    "FROM",  # address of their parents, 32 bits each
    "KEYS_AT",  # address of their keys
    "COVERAGE",  # address of the counters of steps
    "HEAD",
    "TAIL",
    "LEVEL_END",  # where the level at hand ends
    "DEPTH",
    "TRANSITIONS",
    "OBSERVED",  # conditions seen in any state
    "STOP_ON",  # conditions that end the search
    "SPLIT",  # the bits of a state's first word that tell apart searches done as one
    "HITS",  # address, by these bits, of 1 + the first state that ends that search, or 0
    "ROOM",  # how many states the log and the table may hold before one must grow
    "FAULT",  # 1 + the instance that failed, or 0; the state is HEAD
    "INDEX",  # address of each slot's state, 32 bits each (graph passes)
    "FIRST",  # address of each state's first edge (graph passes)
    "TARGETS",  # address of the edges' targets, 32 bits each
    "BEFORE",  # address of each state's first reverse edge
    "SOURCES",  # address of the reverse edges' sources, 32 bits each
    "MARK",  # address of a byte for each state
    "STACK",  # address of states to visit, 32 bits each
    "HEIGHT",  # how many they are
    "EDGES",  # how many edges were found
    "EXPAND",  # address of the machine's expand()
    "CONDITIONS",  # address of the machine's conditions()
    "LARGEST",  # most states that one batch can hold
)
GROW, FAILED, DONE, FOUND, PAUSE = range(5)  # what advance() returns


def mix(x):
    """A bijection on 64-bit numbers that spreads every bit."""
    x = x ^ (x >> 32)
    x = x * 0xD6E8FEB86659FD93
    x = x ^ (x >> 29)
    x = x * 0xD6E8FEB86659FD93
    return x ^ (x >> 32)


def make_key(state, key):
    """Write the key of a state: never 0, and for up to two words no other state has it."""
    if WORDS == 1:
        store(key, 0, mix(load(state, 0) | (1 << 63)))
    else:
        if WORDS == 2:
            store(key, 0, mix(load(state, 0) | (1 << 63)))
            store(key, 1, load(state, 1))
        else:
            a = 0x9E3779B97F4A7C15
            b = 0xC2B2AE3D27D4EB4F
            for i in range(WORDS):
                a = mix(a ^ load(state, i)) + 0x9E3779B97F4A7C15
                b = mix((b + load(state, i)) * 0xFF51AFD7ED558CCD) ^ (b >> 17)
            store(key, 0, mix(a) | 1)
            store(key, 1, mix(b ^ a))
    return 0


def home(key, slots):
    """Return the slot where the search for a key begins."""
    if KEYS == 1:
        return high(load(key, 0), slots)
    return high(mix(load(key, 0) ^ (load(key, 1) * 0x9E3779B97F4A7C15)), slots)


def find(table, slots, key):
    """Return the slot of a key, or the empty slot where it belongs."""
    slot = home(key, slots)
    while 1:
        there = load(table, slot * KEYS)
        if there == 0:
            return slot
        if KEYS == 1:
            if there == load(key, 0):
                return slot
        else:
            if there == load(key, 0) and load(table, slot * KEYS + 1) == load(key, 1):
                return slot
        slot += 1
        if slot == slots:
            slot = 0
    return 0


def absorb(ctx, n):
    """Insert the first n states of the batch, in order."""
    table = load(ctx, TABLE)
    slots = load(ctx, SLOTS)
    log = load(ctx, LOG)
    tail = load(ctx, TAIL)
    k = 0
    while k < n:
        key = load(ctx, KEYS_AT) + k * (8 * KEYS)
        slot = find(table, slots, key)
        if load(table, slot * KEYS) == 0:
            for i in range(KEYS):
                store(table, slot * KEYS + i, load(key, i))
            for i in range(WORDS):
                store(log, tail * WORDS + i, load(load(ctx, BATCH), k * WORDS + i))
            store32(load(ctx, PARENTS), tail, load32(load(ctx, FROM), k))
            seen = conditions(load(ctx, CONDITIONS), log + tail * (8 * WORDS))
            store(ctx, OBSERVED, load(ctx, OBSERVED) | seen)
            if (seen & load(ctx, STOP_ON)) != 0:
                hit = load(ctx, HITS) + 8 * (load(log, tail * WORDS) & load(ctx, SPLIT))
                if load(hit, 0) == 0:
                    store(hit, 0, tail + 1)
            tail += 1
        k += 1
    store(ctx, TAIL, tail)
    return 0


def ended(ctx, state, end):
    """Say whether a state's own search, one of several, has ended before this level."""
    hit = load(load(ctx, HITS), load(state, 0) & load(ctx, SPLIT))
    if hit != 0 and hit <= end:
        return 1
    return 0


def collect(ctx, most):
    """Expand states of the level into the batch; return how many successors they have."""
    head = load(ctx, HEAD)
    end = load(ctx, LEVEL_END)
    split = load(ctx, SPLIT)
    n = 0
    while head < end and n <= most:
        out = load(ctx, BATCH) + n * (8 * WORDS)
        state = load(ctx, LOG) + head * (8 * WORDS)
        got = 0
        over = 0
        if split != 0:
            over = ended(ctx, state, end)
        if over == 0:
            got = expand(load(ctx, EXPAND), state, out, load(ctx, COVERAGE))
        if negative(got):
            store(ctx, FAULT, 0 - got)
            store(ctx, HEAD, head)
            return n
        k = 0
        while k < got:
            key = load(ctx, KEYS_AT) + (n + k) * (8 * KEYS)
            make_key(out + k * (8 * WORDS), key)
            prefetch(load(ctx, TABLE), home(key, load(ctx, SLOTS)) * KEYS)
            store32(load(ctx, FROM), n + k, head)
            k += 1
        n += got
        head += 1
    store(ctx, HEAD, head)
    store(ctx, TRANSITIONS, load(ctx, TRANSITIONS) + n)
    return n


def advance(ctx, budget):
    """Go on until about ``budget`` states more are expanded, or something has to be done first."""
    until = load(ctx, HEAD) + budget
    while 1:
        if load(ctx, HEAD) == load(ctx, LEVEL_END):
            if load(ctx, TAIL) == load(ctx, LEVEL_END):
                return DONE
            store(ctx, LEVEL_END, load(ctx, TAIL))
            store(ctx, DEPTH, load(ctx, DEPTH) + 1)
        if load(ctx, SPLIT) == 0:
            hit = load(load(ctx, HITS), 0)
            if hit != 0 and hit <= load(ctx, LEVEL_END):
                return FOUND
        if load(ctx, TAIL) + load(ctx, LARGEST) > load(ctx, ROOM):
            return GROW
        if load(ctx, HEAD) >= until:
            return PAUSE
        n = collect(ctx, MOST)
        if load(ctx, FAULT) != 0:
            return FAILED
        absorb(ctx, n)
    return 0


def begin(ctx, n):
    """Insert n initial states, which stand in the batch."""
    k = 0
    while k < n:
        make_key(load(ctx, BATCH) + k * (8 * WORDS), load(ctx, KEYS_AT) + k * (8 * KEYS))
        store32(load(ctx, FROM), k, 0xFFFFFFFF)
        k += 1
    absorb(ctx, n)
    store(ctx, LEVEL_END, load(ctx, TAIL))
    return 0


def rehash(old, old_slots, new, new_slots):
    """Put the keys of a table into a larger, empty one."""
    slot = 0
    while slot < old_slots:
        if load(old, slot * KEYS) != 0:
            key = old + slot * (8 * KEYS)
            free = find(new, new_slots, key)
            for i in range(KEYS):
                store(new, free * KEYS + i, load(key, i))
        slot += 1
    return 0


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
        if (conditions(load(ctx, CONDITIONS), state) & good) != 0:
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
            split = load(load(ctx, LOG), first * WORDS) & load(ctx, SPLIT)
            if load(load(ctx, HITS), split) == 0:
                store(load(ctx, HITS), split, first + 1)
        first += 1
    return 0


INTERNAL: list[Callable[..., int]] = [mix, make_key, home, find, absorb, ended, collect]
EXPORTED: list[Callable[..., int]] = [
    advance,
    begin,
    rehash,
    number_states,
    connect,
    sum_up,
    reverse,
    mark_good,
    mark_back,
    first_unmarked,
]
