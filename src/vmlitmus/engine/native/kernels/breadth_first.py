# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The breadth-first search itself, in the kernel language (see ``language``).

States stand one after another in a log, which is also the queue: ``HEAD`` is the next state to
expand, ``TAIL`` the number of states. States are expanded in the order of the log, so the children
of some states in a row stand in a row too: for each FAMILY states the log's length before their
first child is kept, and the parent is found by expanding a family again.

A table without deletion finds a state again. It has lines of 64 bytes, one cache line each, whose
slots fill from the first on; one comparison of a whole line finds a key or the first empty slot. A
line's place is proportional to the key, so the table grows in order, where it is. Successors are
collected in a batch, without those met lately; their lines are prefetched; then they are inserted
in order.

The context is an array of 64-bit numbers; its fields are the constants in capitals below.
"""

from __future__ import annotations

from collections.abc import Callable

FIELDS = (
    "TABLE",  # address of the table: KEYS words a slot, the first is 0 when the slot is empty
    "SLOTS",  # slots in the table
    "LOG",  # address of the states, WORDS words each
    "CHILDREN",  # address, for each FAMILY states, of the first child of theirs, 32 bits each
    "NOTED",  # how many of these are known
    "LEVELS",  # address of where each level ends, 32 bits each
    "BATCH",  # address of successors collected
    "FROM",  # address of their parents, 32 bits each
    "KEYS_AT",  # address of their keys
    "LATELY",  # address of MEMORY keys of successors met lately
    "COVERAGE",  # address of the counters of steps
    "HEAD",
    "TAIL",
    "LEVEL_END",  # where the level at hand ends
    "DEPTH",
    "TRANSITIONS",
    "OBSERVED",  # conditions seen in any state
    "STOP_ON",  # conditions that end the search
    "OWNERS",  # address of the search of each state, 32 bits each; 0 where there is only one
    "HITS",  # address, by search, of 1 + the first state that ends it, or 0
    "ROOM",  # how many states the log and the table may hold before one must grow
    "FAULT",  # 1 + the instance that failed, or 0; the state is HEAD
    "INDEX",  # address of each slot's state, 32 bits each, where edges are kept
    "FIRST",  # address of each state's first edge
    "TARGETS",  # address of the edges' targets, 32 bits each; 0 where no edges are kept
    "TAKEN",  # address of the edges' instances, 32 bits each; 0 where they are not kept
    "EDGES",  # how many edges were found
    "EDGE_OF",  # address of the edge of each successor in the batch
    "LATELY_AT",  # address of the indexes of the states met lately, 32 bits each, or UNKNOWN
    "EDGE_ROOM",  # how many there may be before their arrays must grow
    "MARKED",  # how many states a sweep has marked (graph passes)
    "UNMARKED",  # how many it has left without a mark
    "TURNED",  # how many edges have to be turned round (graph passes)
    "BEFORE",  # address of each state's first reverse edge
    "SOURCES",  # address of the reverse edges' sources, 32 bits each
    "MARK",  # address of a byte for each state
    "STACK",  # address of states to visit, 32 bits each
    "HEIGHT",  # how many they are
    "EXPAND",  # address of the machine's expand()
    "CONDITIONS",  # address of the machine's conditions()
    "MORE",  # address of bits for the conditions seen that have none in OBSERVED
    "LARGEST",  # most states that one batch can hold
    "CANONICAL",  # address of the machine's canonical(), where SYMMETRIC is 1
    "SPARE",  # address of a state to try something on
    "APART",  # address of the counters of the state at hand
    "COUNTERS",  # how many counters there are
    "COUNTED",  # states in the orbits of those that were found
    "MADE",  # how many successors stand in the batch of a part (passes of ``parallel``)
    "NEW",  # address of a bit for each of them, by shard: whether it is new
    "STRIDE",  # bytes of these bits for each shard
    "PICKED",  # address of MOST places in a batch, 32 bits each
    "SHARD_FIRST",  # the first slot of a shard
    "SHARD_END",  # the slot behind it
    "SHARD_NEW",  # address, by batch, of how many new keys the shard has found there
    "LEFT",  # address of what the shard leaves over: a batch and a place in it, 32 bits each
    "LEFT_COUNT",  # how many they are
    "LINES_AT",  # address of the lines of a table of remainders
    "LINES",  # how many there are
    "HELD",  # how many keys a line has
    "MORE_BYTES",  # bytes of a key beyond its first 31 bits
    "REST_MASK",  # the bits of a key that tell it from others of its line
    "OVERFLOWN",  # keys that are in TABLE because their line is full
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


def share(key, places):
    """Return a place for a key, in proportion, of so many."""
    if KEYS == 1:
        return high(load(key, 0), places)
    return high(mix(load(key, 0) ^ (load(key, 1) * 0x9E3779B97F4A7C15)), places)


def home(key, slots):
    """Return the first slot of the line where the search for a key begins."""
    return share(key, slots >> LINE_BITS) << LINE_BITS


def differ(a, b):
    """Say whether two keys differ."""
    if KEYS == 1:
        return load(a, 0) != load(b, 0)
    return ((load(a, 0) ^ load(b, 0)) | (load(a, 1) ^ load(b, 1))) != 0


def copy_key(key, to):
    for i in range(KEYS):
        store(to, i, load(key, i))
    return 0


def copy_state(state, to):
    for i in range(WORDS):
        store(to, i, load(state, i))
    return 0


def find(table, slots, key):
    """Return the slot of a key, or the empty slot where it belongs."""
    slot = home(key, slots)
    while 1:
        line = table + slot * (8 * KEYS)
        if KEYS == 1:
            ends = same_lanes(line, load(key, 0), load(key, 0)) | vacant_lanes(line)
        else:
            equal = same_lanes(line, load(key, 0), load(key, 1))
            ends = (equal & (equal >> 1) | vacant_lanes(line)) & 0x55
        if ends != 0:
            return slot + (lowest_bit(ends) >> (KEYS - 1))
        slot += LINE
        if slot == slots:
            slot = 0
    return 0


def enter(ctx, key):
    """Put a key into the table; say whether it was not there."""
    slot = load(ctx, TABLE) + find(load(ctx, TABLE), load(ctx, SLOTS), key) * (8 * KEYS)
    if load(slot, 0) != 0:
        return 0
    copy_key(key, slot)
    return 1


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


def keep_new(ctx, n, got, parent):
    """Add the ``got`` successors behind the batch's first n; return the length of the batch.

    One met lately is left out: it is in the table, or stands in the batch already.
    """
    batch = load(ctx, BATCH)
    keys = load(ctx, KEYS_AT)
    recent = load(ctx, LATELY)
    origin = load(ctx, FROM)
    successor = batch + n * (8 * WORDS)
    last = successor + got * (8 * WORDS)
    while successor < last:
        key = keys + n * (8 * KEYS)
        make_key(successor, key)
        lately = recent + share(key, MEMORY) * (8 * KEYS)
        new = differ(key, lately)
        copy_key(key, lately)
        copy_state(successor, batch + n * (8 * WORDS))
        if SYMMETRIC == 1:
            if new != 0:
                new = represent(ctx, batch + n * (8 * WORDS), key)
        store32(origin, n, parent)
        n += new
        successor += 8 * WORDS
    return n


def fetch(ctx, n, end):
    """Prefetch the lines where the keys n..end-1 of the batch belong."""
    table = load(ctx, TABLE)
    slots = load(ctx, SLOTS)
    keys = load(ctx, KEYS_AT)
    index = load(ctx, INDEX)
    while n < end:
        slot = home(keys + n * (8 * KEYS), slots)
        prefetch(table, slot * KEYS)
        if index != 0:
            prefetch(index, slot >> 1)
        n += 1
    return 0


def keep_edges(ctx, n, got, parent):
    """Do what keep_new() does, and note where the edges lead, and which instances they take.

    Where an edge leads is known now for a successor met lately, whose index is remembered; for
    others it is noted when the batch is inserted.
    """
    batch = load(ctx, BATCH)
    keys = load(ctx, KEYS_AT)
    recent = load(ctx, LATELY)
    indexes = load(ctx, LATELY_AT)
    targets = load(ctx, TARGETS)
    edge_of = load(ctx, EDGE_OF)
    edge = load(ctx, EDGES)
    store(load(ctx, FIRST), parent, edge)
    store(ctx, EDGES, edge + got)
    successor = batch + n * (8 * WORDS)
    last = successor + got * (8 * WORDS)
    while successor < last:
        key = keys + n * (8 * KEYS)
        if SYMMETRIC == 1:
            canonical(load(ctx, CANONICAL), successor)
        make_key(successor, key)
        place = share(key, MEMORY)
        lately = recent + place * (8 * KEYS)
        index = load32(indexes, place)
        if differ(key, lately) != 0:
            index = UNKNOWN
            copy_key(key, lately)
            store32(indexes, place, UNKNOWN)
        copy_state(successor, batch + n * (8 * WORDS))
        store32(load(ctx, FROM), n, parent)
        store(edge_of, n, edge)
        store32(targets, edge, index)
        n += index == UNKNOWN
        edge += 1
        successor += 8 * WORDS
    return n


def keep_taken(ctx, got):
    """Note which instances the ``got`` next edges take, if that is wanted."""
    taken = load(ctx, TAKEN)
    if taken != 0:
        names = load(ctx, COVERAGE) + 8 * load(ctx, COUNTERS)
        taken += 4 * load(ctx, EDGES)
        k = 0
        while k < got:
            store32(taken, k, load(names, k))
            k += 1
    return 0


def recall(ctx, key, index):
    """Note the index of a state, if it is one met lately."""
    place = share(key, MEMORY)
    if differ(key, load(ctx, LATELY) + place * (8 * KEYS)) == 0:
        store32(load(ctx, LATELY_AT), place, index)
    return 0


def peek(table, slots, key):
    """Prefetch the line behind a key's first one where that is full; it has to be in the cache."""
    slot = home(key, slots)
    full = load(table, (slot + LINE - 1) * KEYS) != 0
    prefetch(table, (slot + LINE * full) * KEYS)
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


def collect(ctx, most):
    """Expand states of the level into the batch; return how many successors stand in it.

    Where they are inserted soon, their lines are prefetched.
    """
    head = load(ctx, HEAD)
    end = load(ctx, LEVEL_END)
    owners = load(ctx, OWNERS)
    n = 0
    made = 0
    edges = load(ctx, EDGES) + MOST_EDGES
    while head < end and n <= most and load(ctx, EDGES) <= edges:
        state = load(ctx, LOG) + head * (8 * WORDS)
        got = 0
        over = 0
        if owners != 0:
            over = ended(ctx, head, end)
        if over == 0:
            out = load(ctx, BATCH) + n * (8 * WORDS)
            got = step(ctx, state, out)
        if negative(got):
            store(ctx, FAULT, 0 - got)
            store(ctx, HEAD, head)
            return n
        before = n
        if load(ctx, TARGETS) != 0:
            keep_taken(ctx, got)
            n = keep_edges(ctx, n, got, head)
        else:
            n = keep_new(ctx, n, got, head)
        if most == MOST:
            fetch(ctx, before, n)
        made += got
        head += 1
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
    seen = conditions(load(ctx, CONDITIONS), state, load(ctx, MORE))
    store(ctx, OBSERVED, load(ctx, OBSERVED) | seen)
    if SYMMETRIC == 1:
        store(ctx, COUNTED, load(ctx, COUNTED) + orbit(ctx, state))
    if (seen & load(ctx, STOP_ON)) != 0:
        hit = load(ctx, HITS) + 8 * owner(ctx, index)
        if load(hit, 0) == 0:
            store(hit, 0, index + 1)
    return 0


def absorb(ctx, n):
    """Insert the first n states of the batch, in order."""
    table = load(ctx, TABLE)
    slots = load(ctx, SLOTS)
    tail = load(ctx, TAIL)
    keys = load(ctx, KEYS_AT)
    index = load(ctx, INDEX)
    targets = load(ctx, TARGETS)
    k = 0
    while k < n:
        key = keys + k * (8 * KEYS)
        if k + PEEK < n:
            peek(table, slots, key + PEEK * (8 * KEYS))
        slot = find(table, slots, key)
        if load(table, slot * KEYS) == 0:
            copy_key(key, table + slot * (8 * KEYS))
            if index != 0:
                store32(index, slot, tail)
            append(ctx, k, tail)
            tail += 1
        if targets != 0:
            found = load32(index, slot)
            store32(targets, load(load(ctx, EDGE_OF), k), found)
            recall(ctx, key, found)
        k += 1
    store(ctx, TAIL, tail)
    return 0


def advance(ctx, budget):
    """Go on until about ``budget`` states more are expanded, or something has to be done first."""
    until = load(ctx, HEAD) + budget
    while 1:
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
        if load(ctx, TARGETS) != 0:
            if load(ctx, EDGES) + MOST_EDGES + load(ctx, LARGEST) > load(ctx, EDGE_ROOM):
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
        store32(load(ctx, FROM), k, NO_PARENT)
        k += 1
    absorb(ctx, n)
    store(ctx, LEVEL_END, load(ctx, TAIL))
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


def put_aside(table, line, aside, taken):
    """Move what stands in a line behind the keys put aside; return how many they are then."""
    for i in range(LINE):
        key = table + (line + i) * (8 * KEYS)
        copy_key(key, aside + taken * (8 * KEYS))
        taken += load(key, 0) != 0
        store(key, 0, 0)
    return taken


def fill(table, line, end, key, used):
    """Put a key that is not in the table into the first line from one on that has room.

    ``used`` is the address of how many slots of each line are full, 8 bits each. Returns 0, and
    does nothing, where there is no room in the lines before ``end``.
    """
    while line < end:
        full = load8(used, line)
        if full != LINE:
            copy_key(key, table + ((line << LINE_BITS) + full) * (8 * KEYS))
            store8(used, line, full + 1)
            return 1
        line += 1
    return 0


def go_up(table, slots, first, end, aside, taken, before, used):
    """Put those of the keys aside from ``before`` on into place that belong to lines first..end-1.

    Return how many are aside then.
    """
    left = before
    while before < taken:
        key = aside + before * (8 * KEYS)
        line = share(key, slots >> LINE_BITS)
        done = 0
        if line >= first:
            done = fill(table, line, end, key, used)
        if done == 0:
            copy_key(key, aside + left * (8 * KEYS))
            left += 1
        before += 1
    return left


def spread_part(table, begin, slot, slots, first, end, aside, taken, used):
    """Move what stands in the slots from ``begin`` to before ``slot`` to lines first..end-1.

    What belongs elsewhere is put aside, behind ``taken`` keys; returns how many they are then, or
    NO_ROOM, which takes a run of full lines far longer than chance allows.
    """
    while slot > begin:
        if taken + LINE > 2 * LOW:
            return NO_ROOM
        slot -= LINE
        before = taken
        taken = put_aside(table, slot, aside, taken)
        taken = go_up(table, slots, first, end, aside, taken, before, used)
    return taken


def put_back(table, slots, aside, taken, used):
    """Insert the keys that were put aside."""
    lines = slots >> LINE_BITS
    while taken != 0:
        taken -= 1
        key = aside + taken * (8 * KEYS)
        if fill(table, share(key, lines), lines, key, used) == 0:
            fill(table, 0, lines, key, used)
    return 0


def next_round(end, ratio):
    """Return the first slot of those that go to lines behind ``end`` when a table grows.

    ``ratio`` is that of the old and the new number of slots, times 2**64.
    """
    return ((high(end, ratio) >> LINE_BITS) + 2) << LINE_BITS


def spread(table, old, new, ratio, aside, used):
    """Spread the keys of a table's first ``old`` slots over ``new`` slots, where they are.

    A key goes up, so the last slots come first, in rounds: what moves in one goes to lines behind
    all that are still to be moved. What stands in the first slots, and any key that would not go
    up, is put aside and inserted at the end. ``used`` is the address of a byte for each line, all
    zero: how many keys it has by now. Returns 0 where there is no room for them aside.
    """
    taken = 0
    end = old
    while end > LOW and next_round(end, ratio) < end:
        begin = next_round(end, ratio)
        first = end >> LINE_BITS
        lines = new >> LINE_BITS
        taken = spread_part(table, begin, end, new, first, lines, aside, taken, used)
        if taken == NO_ROOM:
            return 0
        end = begin
    taken = spread_part(table, 0, end, new, 0, 0, aside, taken, used)
    if taken == NO_ROOM:
        return 0
    put_back(table, new, aside, taken, used)
    return 1


INTERNAL: list[Callable[..., int]] = [
    mix,
    make_key,
    share,
    home,
    differ,
    copy_key,
    copy_state,
    find,
    enter,
    put_aside,
    fill,
    go_up,
    spread_part,
    put_back,
    next_round,
    represent,
    orbit,
    step,
    keep_new,
    fetch,
    keep_edges,
    keep_taken,
    recall,
    peek,
    owner,
    ended,
    inherit,
    note,
    collect,
    append,
    absorb,
]
OF_ORBITS: list[Callable[..., int]] = [represent, orbit]  # called where SYMMETRIC is 1
EXPORTED: list[Callable[..., int]] = [
    advance,
    begin,
    enter_log,
    spread,
]
