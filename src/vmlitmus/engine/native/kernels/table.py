# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The table that finds a state again by its key, in the kernel language (see ``language``).

A table without deletion has lines of 64 bytes, one cache line each, whose slots fill from the first
on; one comparison of a whole line finds a key or the first empty slot. A line's place is
proportional to the key, so the table grows in order, where it is.
"""

from __future__ import annotations

from collections.abc import Callable

from vmlitmus.engine.native.kernels.keys import copy_key, home, share


def stands_in(line, key):
    """Return where in a line a key stands, as bits."""
    if KEYS == 1:
        return same_lanes(line, load(key, 0), load(key, 0))
    equal = same_lanes(line, load(key, 0), load(key, 1))
    return equal & (equal >> 1) & 0x55


def ends_in(line, key):
    """Return where in a line a search for a key ends, as bits: at the key, or at an empty slot."""
    if KEYS == 1:
        return stands_in(line, key) | vacant_lanes(line)
    return stands_in(line, key) | vacant_lanes(line) & 0x55


def missing(table, slots, key):
    """Say whether a key does not stand in its first line; prefetch the next where that is full."""
    line = table + home(key, slots) * (8 * KEYS)
    absent = stands_in(line, key) == 0
    full = load(line, (LINE - 1) * KEYS) != 0
    prefetch(line + 64 * (absent & full), 0)
    return absent


def find(table, slots, key):
    """Return the slot of a key, or the empty slot where it belongs."""
    slot = home(key, slots)
    while 1:
        line = table + slot * (8 * KEYS)
        ends = ends_in(line, key)
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


LOOKING: list[Callable[..., int]] = [stands_in, ends_in, find]
INTERNAL: list[Callable[..., int]] = [
    *LOOKING,
    missing,
    enter,
    put_aside,
    fill,
    go_up,
    spread_part,
    put_back,
    next_round,
]
SPREADING: list[Callable[..., int]] = [spread_part, put_back]
