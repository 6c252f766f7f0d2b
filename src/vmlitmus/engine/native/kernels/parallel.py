# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""A level on several cores, in exact breadth-first order, in the kernel language.

Some states in a row are cut into parts, one for each core, with a context of ``breadth_first``
each: its own batch, counters and memory of successors met lately, and the log and the table of all.
Three phases follow one another; none begins before all cores have done the one before.

1. Each expands its part into its batch (``expand_part``). What the table holds already is left
   out. The rest is listed by shard of the table, one for each core.
2. Each goes through its lists of all batches in order and inserts what belongs to its shard
   (``settle``). So of equal successors the first one in breadth-first order is new, whoever has
   made it. Where the line of a key is cut, or a search leads out of the shard, the key
   is left to the end of the phase, when one core alone inserts it (``settle_left``).
3. How many are new in each batch says where in the log they belong: each appends its own
   (``append_part``).

No two cores write the same place in a phase, so there are no atomic operations. ``parts`` is the
address of the addresses of the contexts.
"""

from __future__ import annotations

from collections.abc import Callable


def tell(ctx, part):
    """Tell a part where the log and the table are, which may move when they grow."""
    store(part, TABLE, load(ctx, TABLE))
    store(part, SLOTS, load(ctx, SLOTS))
    store(part, LOG, load(ctx, LOG))
    store(part, CHILDREN, load(ctx, CHILDREN))
    store(part, ASLEEP, load(ctx, ASLEEP))
    store(part, RING, load(ctx, RING))
    return 0


def cut(ctx, parts, count, size):
    """Cut the next states of the level, at most ``size`` for each core, between families."""
    first = load(ctx, HEAD)
    end = load(ctx, LEVEL_END)
    base = first // FAMILY * FAMILY
    if end > base + size * count:
        end = base + size * count
    each = (end - base + FAMILY * count - 1) // (FAMILY * count) * FAMILY
    number = 0
    while number < count:
        part = load(parts, number)
        number += 1
        behind = base + each * number
        if behind > end:
            behind = end
        tell(ctx, part)
        store(part, HEAD, first)
        store(part, LEVEL_END, behind)
        first = behind
    return 0


def expand_part(ctx, count):
    """Expand the states of a part, for ``count`` shards."""
    shard = 0
    while shard < count:
        store(load(ctx, KEPT), shard, 0)
        shard += 1
    n = 0
    while load(ctx, HEAD) < load(ctx, LEVEL_END) and load(ctx, FAULT) == 0:
        n = keep_missing(ctx, n, collect(ctx, n, n + MOST), count)
    store(ctx, MADE, n)
    return 0


def keep_missing(ctx, n, end, count):
    """Keep of the successors n..end-1 of the batch those that may be new, behind its first n.

    They are listed by shard. Return how many stand in the batch then.
    """
    lists = load(ctx, KEPT)
    picked = load(ctx, PICKED)
    last = picked + 4 * sift(ctx, n, end)
    while picked < last:
        k = load32(picked, 0)
        key = load(ctx, KEYS_AT) + n * (8 * KEYS)
        copy_key(load(ctx, KEYS_AT) + k * (8 * KEYS), key)
        copy_state(load(ctx, BATCH) + k * (8 * WORDS), load(ctx, BATCH) + n * (8 * WORDS))
        store32(load(ctx, FROM), n, load32(load(ctx, FROM), k))
        if SLEEPING == 1:
            store(load(ctx, MASKS), n, load(load(ctx, MASKS), k))
        shard = share(key, count)
        length = load(lists, shard)
        store32(load(ctx, LISTS) + shard * load(ctx, LIST_BYTES), length, n)
        store(lists, shard, length + 1)
        n += 1
        picked += 4
    return n


def made(ctx, parts, count):
    """Return how many successors the batches hold; note the first step that failed, if any did."""
    successors = 0
    number = count
    while number != 0:
        number -= 1
        part = load(parts, number)
        successors += load(part, MADE)
        if load(part, FAULT) != 0:
            store(ctx, FAULT, load(part, FAULT))
            store(ctx, HEAD, load(part, HEAD))
    return successors


def shards(ctx, parts, count):
    """Cut the table into a shard for each core: a line that is cut belongs to the later one."""
    lines = load(ctx, SLOTS) >> LINE_BITS
    number = 0
    while number < count:
        part = load(parts, number)
        tell(ctx, part)
        number += 1
        store(part, SHARD_END, lines * number // count << LINE_BITS)
    return 0


def find_inside(table, slots, key, end):
    """Return the slot of a key, or the empty slot where it belongs, or the end of its shard."""
    slot = home(key, slots)
    until = end
    if until > slot + FAR * LINE:
        until = slot + FAR * LINE
    while slot < until:
        ends = ends_in(table + slot * SLOT, key)
        if ends != 0:
            return slot + (lowest_bit(ends) >> (KEYS - 1))
        slot += LINE
    return end


def mark_new(bits, k):
    """Note that the kth successor of a batch is new."""
    store(bits, k >> 6, load(bits, k >> 6) | (1 << (k & 63)))
    return 0


def leave_over(shard, number, k):
    """Note that a successor of a batch is to be inserted at the end of the phase."""
    count = load(shard, LEFT_COUNT)
    store32(load(shard, LEFT), 2 * count, number)
    store32(load(shard, LEFT), 2 * count + 1, k)
    store(shard, LEFT_COUNT, count + 1)
    return 0


def fetch_listed(shard, keys, listed, end):
    """Prefetch the lines of keys that are listed up to an address."""
    table = load(shard, TABLE)
    slots = load(shard, SLOTS)
    while listed < end:
        prefetch(table + home(keys + load32(listed, 0) * (8 * KEYS), slots) * SLOT, 0)
        listed += 4
    return 0


def settle_some(shard, batch, number, listed, end):
    """Insert keys of a batch that are listed up to an address; return how many are new."""
    table = load(shard, TABLE)
    slots = load(shard, SLOTS)
    last = load(shard, SHARD_END)
    keys = load(batch, KEYS_AT)
    bits = load(batch, NEW) + load(shard, NUMBER) * load(batch, STRIDE)
    new = 0
    while listed < end:
        k = load32(listed, 0)
        key = keys + k * (8 * KEYS)
        slot = find_inside(table, slots, key, last)
        if slot == last:
            leave_over(shard, number, k)
        else:
            if holds(table, slot) == 0:
                write_key(table, slot, key)
                mark_new(bits, k)
                new += 1
        listed += 4
    return new


def settle_batch(shard, batch, number):
    """Insert what belongs to a shard from a batch; return how many are new."""
    keys = load(batch, KEYS_AT)
    listed = load(batch, LISTS) + load(shard, NUMBER) * load(batch, LIST_BYTES)
    last = listed + 4 * load(load(batch, KEPT), load(shard, NUMBER))
    new = 0
    while listed < last:
        end = listed + 4 * PIECE
        if end > last:
            end = last
        fetch_listed(shard, keys, listed, end)
        new += settle_some(shard, batch, number, listed, end)
        listed = end
    return new


def settle(parts, number, count):
    """Insert from all ``count`` batches what belongs to a shard."""
    shard = load(parts, number)
    batch = 0
    while batch < count:
        new = settle_batch(shard, load(parts, batch), batch)
        store(load(shard, SHARD_NEW), batch, new)
        batch += 1
    return 0


def settle_left(parts, number):
    """Insert what a shard has left over."""
    shard = load(parts, number)
    i = 0
    while i < load(shard, LEFT_COUNT):
        batch = load32(load(shard, LEFT), 2 * i)
        k = load32(load(shard, LEFT), 2 * i + 1)
        at = load(parts, batch)
        if enter(shard, load(at, KEYS_AT) + k * (8 * KEYS)) != 0:
            mark_new(load(at, NEW) + number * load(at, STRIDE), k)
            counts = load(shard, SHARD_NEW)
            store(counts, batch, load(counts, batch) + 1)
        i += 1
    store(shard, LEFT_COUNT, 0)
    return 0


def new_of(parts, count, batch):
    """Return how many states of a batch are new."""
    new = 0
    number = 0
    while number < count:
        new += load(load(load(parts, number), SHARD_NEW), batch)
        number += 1
    return new


def place(ctx, parts, count):
    """Insert what is left over; say where in the log the new states of each part begin."""
    number = 0
    while number < count:
        settle_left(parts, number)
        number += 1
    tail = load(ctx, TAIL)
    first = load(ctx, HEAD)
    end_families(ctx, first, tail)
    number = 0
    while number < count:
        part = load(parts, number)
        store(part, NOTED, (first + FAMILY - 1) // FAMILY)
        store(part, TAIL, tail)
        tail += new_of(parts, count, number)
        first = load(part, HEAD)
        number += 1
    return 0


def append_part(parts, number, count):
    """Append the new states of a batch to the log, from TAIL on; forget which they were."""
    ctx = load(parts, number)
    tail = load(ctx, TAIL)
    words = (load(ctx, MADE) + 63) >> 6
    word = 0
    while word < words:
        new = 0
        shard = 0
        while shard < count:
            bits = load(ctx, NEW) + shard * load(ctx, STRIDE)
            new = new | load(bits, word)
            store(bits, word, 0)
            shard += 1
        while new != 0:
            append(ctx, (word << 6) + lowest_bit(new), tail)
            tail += 1
            new = new & (new - 1)
        word += 1
    store(ctx, TAIL, tail)
    end_families(ctx, load(ctx, LEVEL_END), tail)
    return 0


def end_families(ctx, end, tail):
    """Note the log's length for the families before a state that have no new child."""
    noted = load(ctx, NOTED)
    while noted * FAMILY < end:
        store32(load(ctx, CHILDREN), noted, tail)
        noted += 1
    store(ctx, NOTED, noted)
    return 0


def add_part(ctx, part, further):
    """Add what a part has counted and seen to the whole."""
    store(ctx, TRANSITIONS, load(ctx, TRANSITIONS) + load(part, TRANSITIONS))
    store(part, TRANSITIONS, 0)
    store(ctx, COUNTED, load(ctx, COUNTED) + load(part, COUNTED))
    store(part, COUNTED, 0)
    store(ctx, OBSERVED, load(ctx, OBSERVED) | load(part, OBSERVED))
    add_up(load(ctx, COVERAGE), load(part, COVERAGE), load(ctx, COUNTERS))
    i = 0
    while i < further:
        store(load(ctx, MORE), i, load(load(ctx, MORE), i) | load(load(part, MORE), i))
        i += 1
    hit = load(load(part, HITS), 0)
    store(load(part, HITS), 0, 0)
    if load(load(ctx, HITS), 0) == 0:
        store(load(ctx, HITS), 0, hit)
    return 0


def gather(ctx, parts, count, further):
    """Note in the whole what the parts have found; ``further`` is the words of MORE."""
    number = 0
    while number < count:
        part = load(parts, number)
        add_part(ctx, part, further)
        store(ctx, TAIL, load(part, TAIL))
        store(ctx, NOTED, load(part, NOTED))
        store(ctx, HEAD, load(part, HEAD))
        number += 1
    return 0


def add_up(counts, others, count):
    """Add some counters to others, and make them zero."""
    i = 0
    while i < count:
        store(counts, i, load(counts, i) + load(others, i))
        store(others, i, 0)
        i += 1
    return 0


INTERNAL: list[Callable[..., int]] = [
    tell,
    keep_missing,
    find_inside,
    mark_new,
    leave_over,
    fetch_listed,
    settle_some,
    settle_batch,
    settle_left,
    new_of,
    end_families,
    add_part,
    add_up,
]
PASSES: list[Callable[..., int]] = [
    cut,
    expand_part,
    made,
    shards,
    settle,
    place,
    append_part,
    gather,
]
