# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""One search whose states are divided among shards, in the kernel language (see ``breadth_first``).

Each shard has the states of some values of the key: a log, a queue and a table of its own. What
it expands it puts into boxes, one for each shard, with room for ``room`` states each, of which
``counts`` says how many are in use. What others have put into theirs for it, it inserts.
"""

from __future__ import annotations

from collections.abc import Callable


def shard_of(key, shards):
    """Return which of so many shards a key belongs to: not by the bits that place it there."""
    if KEYS == 1:
        return high(mix(load(key, 0) ^ 0x9E3779B97F4A7C15), shards)
    return high(mix(load(key, 0) * 0x9E3779B97F4A7C15 + mix(load(key, 1))), shards)


def belongs(ctx, state, shards):
    """Return which of so many shards a state belongs to."""
    make_key(state, load(ctx, KEYS_AT))
    return shard_of(load(ctx, KEYS_AT), shards)


def scatter(ctx, n, boxes, counts, room, shards):
    """Put the first n successors of the batch into their boxes; say how many the fullest had."""
    fullest = 0
    k = 0
    while k < n:
        number = shard_of(load(ctx, KEYS_AT) + k * (8 * KEYS), shards)
        count = load(counts, number)
        box = boxes + number * room * (8 * WORDS)
        copy_state(load(ctx, BATCH) + k * (8 * WORDS), box + count * (8 * WORDS))
        store(counts, number, count + 1)
        if count >= fullest:
            fullest = count + 1
        k += 1
    return fullest


def send(ctx, boxes, counts, room, shards, some, largest):
    """Expand states of the level until the level ends, or the next ones might not fit a box.

    They are collected until there are more than ``some``, which are at most ``largest``. Return how
    many successors stand in the boxes.
    """
    n = 0
    fullest = 0
    while fullest + largest <= room and load(ctx, HEAD) < load(ctx, LEVEL_END):
        made = collect(ctx, 0, some)
        if load(ctx, FAULT) != 0:
            return n
        count = scatter(ctx, made, boxes, counts, room, shards)
        if count > fullest:
            fullest = count
        n += made
    return n


def receive(ctx, states, n):
    """Insert n states that stand elsewhere."""
    batch = load(ctx, BATCH)
    keys = load(ctx, KEYS_AT)
    while n != 0:
        k = 0
        while k < MOST and k < n:
            copy_state(states + k * (8 * WORDS), batch + k * (8 * WORDS))
            make_key(batch + k * (8 * WORDS), keys + k * (8 * KEYS))
            store32(load(ctx, FROM), k, NO_PARENT)
            k += 1
        fetch(ctx, 0, k)
        absorb(ctx, k)
        states += k * (8 * WORDS)
        n -= k
    return 0


def leads_to(ctx, first, end, wanted, uncounted):
    """Return 1 + the first of the states first..end-1 that has a successor, or 0."""
    batch = load(ctx, BATCH)
    while first < end:
        state = load(ctx, LOG) + first * (8 * WORDS)
        last = batch + expand(load(ctx, EXPAND), state, batch, uncounted) * (8 * WORDS)
        successor = batch
        while successor < last:
            if SYMMETRIC == 1:
                canonical(load(ctx, CANONICAL), successor)
            if differ_states(successor, wanted) == 0:
                return first + 1
            successor += 8 * WORDS
        first += 1
    return 0


def first_with(ctx, first, end, asked):
    """Return 1 + the first of the states first..end-1 that has one of some conditions, or 0."""
    while first < end:
        state = load(ctx, LOG) + first * (8 * WORDS)
        if (conditions(load(ctx, CONDITIONS), state, load(ctx, MORE)) & asked) != 0:
            return first + 1
        first += 1
    return 0


INTERNAL: list[Callable[..., int]] = [shard_of, scatter]
PASSES: list[Callable[..., int]] = [belongs, send, receive, leads_to, first_with]
