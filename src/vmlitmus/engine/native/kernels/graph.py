# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""What is asked of a finished search: which states lead where, in the kernel language.

The passes have a context of their own: a copy of the search's, with the fields below behind it.
A search keeps no edges, because what can be left out of it makes it several times as fast; the
states that matter are expanded again, some at a time, while the lines of their successors are
fetched. ``number_states`` comes first.

For `recoverable` the states that satisfy a condition are marked (``GOOD``), and, in sweeps from the
last state to the first, those that lead to a marked one: a state is done at its first marked
successor. When a sweep marks few, the edges of those that are left are written, and turned round,
to mark backwards from the ones with a marked target (``SEED``).
"""

from __future__ import annotations

from collections.abc import Callable

GOOD, SEED = 1, 2  # marks of states
NEAR = 2  # successors of a state whose lines are fetched before they are looked at

FIELDS = (
    "INDEX",  # address of each slot's state, 32 bits each
    "MARK",  # address of a byte for each state
    "MARKED",  # how many states a sweep has marked
    "UNMARKED",  # how many it has left without a mark
    "LEADING",  # how many edges lead from these
    "EDGE_LIST",  # address of a state, how many edges it has, and their targets; 32 bits each
    "WRITTEN",  # how many of these 32-bit numbers there are
    "READ",  # how many were turned round
    "TURNED",  # how many edges have to be turned round
    "BEFORE",  # address of each state's first reverse edge
    "SOURCES",  # address of the reverse edges' sources, 32 bits each
    "STACK",  # address of states to visit, 32 bits each
    "HEIGHT",  # how many they are
)


def look_ahead(g, key):
    """Prefetch where a key and the number of its state stand."""
    slot = home(key, load(g, SLOTS))
    prefetch(load(g, TABLE) + slot * SLOT, 0)
    prefetch(load(g, INDEX), slot >> 1)
    return 0


def slot_of(g, key):
    """Return the slot where a key stands."""
    return find(load(g, TABLE), load(g, SLOTS), key)


def reached(g, key):
    """Return the state with a key."""
    return load32(load(g, INDEX), slot_of(g, key))


def number_states(g, first, last):
    """Note for the states first..last-1 in which slot each stands."""
    keys = load(g, KEYS_AT)
    while first < last:
        n = 0
        while n < MOST and first + n < last:
            key = keys + n * (8 * KEYS)
            make_key(load(g, LOG) + (first + n) * (8 * WORDS), key)
            look_ahead(g, key)
            n += 1
        k = 0
        while k < n:
            store32(load(g, INDEX), slot_of(g, keys + k * (8 * KEYS)), first + k)
            k += 1
        first += n
    return 0


def unfold(g, state, n):
    """Expand the state at an address, behind n successors in the batch; return how many it has."""
    out = load(g, BATCH) + n * (8 * WORDS)
    return expand(load(g, EXPAND), state, out, load(g, COVERAGE))


def name_key(g, k):
    """Write the key of the kth successor in the batch, and look ahead."""
    successor = load(g, BATCH) + k * (8 * WORDS)
    if SYMMETRIC == 1:
        canonical(load(g, CANONICAL), successor)
    key = load(g, KEYS_AT) + k * (8 * KEYS)
    make_key(successor, key)
    look_ahead(g, key)
    return 0


def name_keys(g, k, end):
    """Do so for the successors k..end-1."""
    while k < end:
        name_key(g, k)
        k += 1
    return 0


def first_good(g, k, end):
    """Return which is the first of the successors k..end-1 that is marked GOOD, or ``end``.

    The keys of the first NEAR are known.
    """
    while k < end:
        if k + NEAR < end:
            name_key(g, k + NEAR)
        if load8(load(g, MARK), reached(g, load(g, KEYS_AT) + k * (8 * KEYS))) == GOOD:
            break
        k += 1
    return k


def near(n, got):
    """Return the end of the first NEAR of ``got`` successors behind n."""
    if got < NEAR:
        return n + got
    return n + NEAR


def sweep(g, first, last):
    """Mark the states first..last-1 that lead to a marked one, from the last on."""
    mark = load(g, MARK)
    states = load(g, FROM)
    ends = load(g, PICKED)
    while first < last:
        n = 0
        count = 0
        while first < last and n <= MOST and count < MOST:
            last -= 1
            if load8(mark, last) == 0:
                got = unfold(g, load(g, LOG) + last * (8 * WORDS), n)
                name_keys(g, n, near(n, got))
                n += got
                store32(states, count, last)
                store32(ends, count, n)
                count += 1
        settle_marks(g, count)
    return 0


def settle_marks(g, count):
    """Mark those of ``count`` states in the batch that lead to a marked one."""
    n = 0
    i = 0
    while i < count:
        end = load32(load(g, PICKED), i)
        if first_good(g, n, end) < end:
            store8(load(g, MARK), load32(load(g, FROM), i), GOOD)
            store(g, MARKED, load(g, MARKED) + 1)
        else:
            store(g, UNMARKED, load(g, UNMARKED) + 1)
            store(g, LEADING, load(g, LEADING) + end - n)
        n = end
        i += 1
    return 0


def write_edges(g, first, last):
    """Write the edges of the unmarked states among first..last-1; count those into each state.

    A state with a marked target is marked itself and stacked.
    """
    while first < last:
        n = 0
        count = 0
        while first < last and n <= MOST and count < MOST:
            if load8(load(g, MARK), first) == 0:
                got = unfold(g, load(g, LOG) + first * (8 * WORDS), n)
                name_keys(g, n, n + got)
                n += got
                store32(load(g, FROM), count, first)
                store32(load(g, PICKED), count, n)
                count += 1
            first += 1
        n = 0
        i = 0
        while i < count:
            write_state(g, load32(load(g, FROM), i), n, load32(load(g, PICKED), i))
            n = load32(load(g, PICKED), i)
            i += 1
    return 0


def write_state(g, state, k, end):
    """Write the edges of a state to the successors k..end-1 of the batch, or stack it."""
    at = load(g, EDGE_LIST) + 4 * load(g, WRITTEN)
    store32(at, 0, state)
    store32(at, 1, end - k)
    good = 0
    i = 0
    while k + i < end:
        target = reached(g, load(g, KEYS_AT) + (k + i) * (8 * KEYS))
        store32(at, 2 + i, target)
        if load8(load(g, MARK), target) == GOOD:
            good = 1
        i += 1
    if good != 0:
        store8(load(g, MARK), state, SEED)
        store32(load(g, STACK), load(g, HEIGHT), state)
        store(g, HEIGHT, load(g, HEIGHT) + 1)
        return 0
    store(g, WRITTEN, load(g, WRITTEN) + 2 + i)
    store(g, TURNED, load(g, TURNED) + i)
    while i != 0:
        i -= 1
        before = load(g, BEFORE) + 8 * load32(at, 2 + i)
        store(before, 0, load(before, 0) + 1)
    return 0


def sum_up(g, states):
    """Turn the counts of edges into each state into the place behind its reverse edges."""
    total = 0
    i = 0
    while i < states:
        total += load(load(g, BEFORE), i)
        store(load(g, BEFORE), i, total)
        i += 1
    store(load(g, BEFORE), states, total)
    return 0


def reverse(g, budget):
    """Go on to write the reverse edges; return how much is still to be read."""
    before = load(g, BEFORE)
    while load(g, READ) < load(g, WRITTEN) and budget != 0:
        at = load(g, EDGE_LIST) + 4 * load(g, READ)
        count = load32(at, 1)
        store(g, READ, load(g, READ) + 2 + count)
        while count != 0:
            count -= 1
            target = load32(at, 2 + count)
            place = load(before, target) - 1
            store(before, target, place)
            store32(load(g, SOURCES), place, load32(at, 0))
        budget -= 1
    return load(g, WRITTEN) - load(g, READ)


def mark_good(g, good, first, last):
    """Mark the states first..last-1 that satisfy a condition."""
    while first < last:
        state = load(g, LOG) + first * (8 * WORDS)
        if (conditions(load(g, CONDITIONS), state, load(g, MORE)) & good) != 0:
            store8(load(g, MARK), first, GOOD)
        first += 1
    return 0


def mark_back(g, budget):
    """Mark what can reach a marked state; return how many states are still to visit."""
    height = load(g, HEIGHT)
    while height != 0 and budget != 0:
        height -= 1
        state = load32(load(g, STACK), height)
        e = load(load(g, BEFORE), state)
        end = load(load(g, BEFORE), state + 1)
        while e < end:
            source = load32(load(g, SOURCES), e)
            if load8(load(g, MARK), source) == 0:
                store8(load(g, MARK), source, SEED)
                store32(load(g, STACK), height, source)
                height += 1
            e += 1
        budget -= 1
    store(g, HEIGHT, height)
    return height


def first_unmarked(g, first, last):
    """Note the first state without a mark of each search, among the states first..last-1."""
    while first < last:
        if load8(load(g, MARK), first) == 0:
            search = owner(g, first)
            if load(load(g, HITS), search) == 0:
                store(load(g, HITS), search, first + 1)
        first += 1
    return 0


AGAIN: list[Callable[..., int]] = [look_ahead, slot_of, unfold, name_key]
INTERNAL: list[Callable[..., int]] = [
    *AGAIN,
    reached,
    name_keys,
    first_good,
    near,
    settle_marks,
    write_state,
]
PASSES: list[Callable[..., int]] = [number_states, mark_good, sweep, first_unmarked]
BACKWARDS: list[Callable[..., int]] = [write_edges, sum_up, reverse, mark_back]
