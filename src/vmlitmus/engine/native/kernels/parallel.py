# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""A level on several cores, in exact breadth-first order, in the kernel language.

Some states in a row are cut into parts, one for each core, with a context of ``breadth_first``
each: its own batch, counters and memory of successors met lately, and the log and the table of all.
Three phases follow one another; none begins before all cores have done the one before.

1. Each expands its part into its batch (``expand_part``).
2. The table is cut into shards, one for each core, which goes through all batches in order and
   inserts what belongs to its shard (``settle``). So of equal successors the first one in
   breadth-first order is new, whoever has made it. Where a search leads out of the shard, the key
   is left to the end of the phase, when one core alone inserts it (``settle_left``).
3. How many are new in each batch says where in the log they belong: each appends its own
   (``append_part``).

No two cores write the same place in a phase, so there are no atomic operations. ``parts`` is the
address of the addresses of the contexts.
"""

from __future__ import annotations

from collections.abc import Callable


def expand_part(ctx, most):
    """Expand the states of a part."""
    store(ctx, MADE, collect(ctx, most))
    return 0


def pick(shard, keys, begin, end):
    """Note which of the keys begin..end-1 belong to a shard, and prefetch their lines."""
    slots = load(shard, SLOTS)
    first = load(shard, SHARD_FIRST)
    size = load(shard, SHARD_END) - first
    picked = load(shard, PICKED)
    count = 0
    while begin < end:
        store32(picked, count, begin)
        count += home(keys + begin * (8 * KEYS), slots) - first < size
        begin += 1
    k = 0
    while k < count:
        slot = home(keys + load32(picked, k) * (8 * KEYS), slots)
        prefetch(load(shard, TABLE) + slot * SLOT, 0)
        k += 1
    return count


def sift_picked(shard, keys, count):
    """Leave of the keys picked those that may be new, as ``sift`` does; return how many."""
    picked = load(shard, PICKED)
    left = 0
    i = 0
    while i < count:
        k = load32(picked, i)
        store32(picked, left, k)
        left += missing(load(shard, TABLE), load(shard, SLOTS), keys + k * (8 * KEYS))
        i += 1
    return left


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


def settle_batch(shard, batch, number, bits):
    """Insert what belongs to a shard from a batch; return how many are new."""
    table = load(shard, TABLE)
    slots = load(shard, SLOTS)
    last = load(shard, SHARD_END)
    picked = load(shard, PICKED)
    keys = load(batch, KEYS_AT)
    made = load(batch, MADE)
    new = 0
    begin = 0
    while begin < made:
        end = begin + MOST
        if end > made:
            end = made
        count = sift_picked(shard, keys, pick(shard, keys, begin, end))
        i = 0
        while i < count:
            k = load32(picked, i)
            slot = find_inside(table, slots, keys + k * (8 * KEYS), last)
            if slot == last:
                leave_over(shard, number, k)
            else:
                if holds(table, slot) == 0:
                    write_key(table, slot, keys + k * (8 * KEYS))
                    mark_new(bits, k)
                    new += 1
            i += 1
        begin = end
    return new


def settle(parts, number, count):
    """Insert from all ``count`` batches what belongs to a shard."""
    shard = load(parts, number)
    batch = 0
    while batch < count:
        at = load(parts, batch)
        bits = load(at, NEW) + number * load(at, STRIDE)
        store(load(shard, SHARD_NEW), batch, settle_batch(shard, at, batch, bits))
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


def gather(ctx, part, further):
    """Add what a part has counted and seen to the whole; ``further`` is the words of MORE."""
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


def add_up(counts, others, count):
    """Add some counters to others, and make them zero."""
    i = 0
    while i < count:
        store(counts, i, load(counts, i) + load(others, i))
        store(others, i, 0)
        i += 1
    return 0


INTERNAL: list[Callable[..., int]] = [
    pick,
    sift_picked,
    find_inside,
    mark_new,
    leave_over,
    settle_batch,
    add_up,
]
PASSES: list[Callable[..., int]] = [
    expand_part,
    settle,
    settle_left,
    append_part,
    end_families,
    gather,
]
