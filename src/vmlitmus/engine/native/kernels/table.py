# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The table that finds a state again by its key, in the kernel language (see ``language``).

A table without deletion has lines of 64 bytes, one cache line each, whose slots fill from the first
on; one comparison of a whole line finds a key or the first empty slot. A line's place is
proportional to the key, so the table grows in order, where it is.

A slot holds a whole key, or, where it is SHORT, a number of 32 bits. Then a state has at most BITS
bits, and its key is another number of as many. The key is in its own line or in one of the next
FAR - 1, so the line says the highest bits, and the slot keeps the lowest 31, with a bit that says
that it is taken. The table has so many lines that the keys of FAR of them differ in these 31 bits:
no state is taken for another, and the whole key is known when the table grows. A key for which FAR
lines have no room goes behind the last slot; then the search ends without an answer.
"""

from __future__ import annotations

from collections.abc import Callable

from vmlitmus.engine.native.kernels.keys import copy_key, home, share


def short(key):
    """Return what a SHORT slot keeps of a key: its lowest 31 bits of BITS, and that it is there."""
    return (load(key, 0) >> (64 - BITS)) | (1 << 31)


def stands_in(line, key):
    """Return where in a line a key stands, as bits."""
    if SHORT == 1:
        return same_lanes32(line, short(key))
    if KEYS == 1:
        return same_lanes(line, load(key, 0), load(key, 0))
    equal = same_lanes(line, load(key, 0), load(key, 1))
    return equal & (equal >> 1) & 0x55


def ends_in(line, key):
    """Return where in a line a search for a key ends, as bits: at the key, or at an empty slot."""
    if SHORT == 1:
        return stands_in(line, key) | vacant_lanes32(line)
    if KEYS == 1:
        return stands_in(line, key) | vacant_lanes(line)
    return stands_in(line, key) | vacant_lanes(line) & 0x55


def holds(table, slot):
    """Return what stands first in a slot: 0 where it is empty."""
    if SHORT == 1:
        return load32(table, slot)
    return load(table, slot * KEYS)


def write_key(table, slot, key):
    """Write a key into a slot."""
    if SHORT == 1:
        store32(table, slot, short(key))
    else:
        copy_key(key, table + slot * SLOT)
    return 0


def missing(table, slots, key):
    """Say whether a key does not stand in its first line; prefetch the next where that is full."""
    line = table + home(key, slots) * SLOT
    absent = stands_in(line, key) == 0
    full = holds(line, LINE - 1) != 0
    prefetch(line + 64 * (absent & full), 0)
    return absent


def find(table, slots, key):
    """Return the slot of a key, or the empty slot where it belongs.

    Where none of FAR lines has room for it, which takes far more than chance allows, that is the
    slot behind the last one.
    """
    slot = home(key, slots)
    further = FAR
    while further != 0:
        ends = ends_in(table + slot * SLOT, key)
        if ends != 0:
            return slot + (lowest_bit(ends) >> (KEYS - 1))
        further -= 1
        slot += LINE
        if slot == slots:
            slot = 0
    return slots


def enter(ctx, key):
    """Put a key into the table; say whether it was not there."""
    table = load(ctx, TABLE)
    slot = find(table, load(ctx, SLOTS), key)
    if holds(table, slot) != 0:
        return 0
    write_key(table, slot, key)
    return 1


def highest(line, lines):
    """Return a number that no key exceeds that belongs to a line or to one before.

    It is at most (lines >> (64 - BITS)) + 3 more than the highest of these keys.
    """
    each = ((1 << 64) - 1) // lines
    return (((line + 1) * each) >> (64 - BITS)) + (lines >> (64 - BITS)) + 2


def whole(kept, most):
    """Return the key of which a SHORT slot keeps a number: the highest that is not above most."""
    return ((most - ((most - kept) & ((1 << 31) - 1))) << (64 - BITS)) | 1


def fill(table, line, end, key, used):
    """Put a key that is not in the table into the first line from one on that has room.

    ``used`` is the address of how many slots of each line are full, 8 bits each. Returns 0, and
    does nothing, where there is no room in FAR lines, or in those before ``end``.
    """
    if end > line + FAR:
        end = line + FAR
    while line < end:
        full = load8(used, line)
        if full != LINE:
            write_key(table, (line << LINE_BITS) + full, key)
            store8(used, line, full + 1)
            return 1
        line += 1
    return 0


def empty(table, slot, most, key):
    """Empty a slot, and write its key elsewhere; ``most`` is what highest() says of its line."""
    if SHORT == 1:
        store(key, 0, whole(load32(table, slot), most))
        store32(table, slot, 0)
    else:
        copy_key(table + slot * SLOT, key)
        store(table, slot * KEYS, 0)
    return 0


def move_line(table, slot, most, slots, first, end, aside, taken, used):
    """Move those keys of a line that belong to lines first..end-1 there, as far as there is room.

    The others are put aside, behind ``taken`` keys; returns how many they are then.
    """
    last = slot + LINE
    while slot < last and holds(table, slot) != 0:
        key = aside + taken * (8 * KEYS)
        empty(table, slot, most, key)
        line = share(key, slots >> LINE_BITS)
        if line < first or fill(table, line, end, key, used) == 0:
            taken += 1
        slot += 1
    return taken


def spread_part(table, begin, slot, old, slots, first, end, aside, taken, used):
    """Move what stands in the slots from ``begin`` to before ``slot`` to lines first..end-1.

    What belongs elsewhere is put aside, behind ``taken`` keys; returns how many they are then, or
    NO_ROOM, which takes a run of full lines far longer than chance allows.
    """
    most = 0
    while slot > begin:
        if taken + LINE > 2 * LOW:
            return NO_ROOM
        slot -= LINE
        if SHORT == 1:
            most = highest(slot >> LINE_BITS, old >> LINE_BITS)
        taken = move_line(table, slot, most, slots, first, end, aside, taken, used)
    return taken


def put_back(table, slots, aside, taken, used):
    """Insert the keys that were put aside; return 0 where there is no room for one."""
    lines = slots >> LINE_BITS
    while taken != 0:
        taken -= 1
        key = aside + taken * (8 * KEYS)
        line = share(key, lines)
        if fill(table, line, lines, key, used) == 0:
            if line + FAR <= lines:
                return 0
            if fill(table, 0, line + FAR - lines, key, used) == 0:
                return 0
    return 1


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
        taken = spread_part(table, begin, end, old, new, first, lines, aside, taken, used)
        if taken == NO_ROOM:
            return 0
        end = begin
    taken = spread_part(table, 0, end, old, new, 0, 0, aside, taken, used)
    if taken == NO_ROOM:
        return 0
    return put_back(table, new, aside, taken, used)


LOOKING: list[Callable[..., int]] = [short, stands_in, ends_in, find]
INTERNAL: list[Callable[..., int]] = [
    highest,
    whole,
    holds,
    write_key,
    *LOOKING,
    missing,
    enter,
    empty,
    fill,
    move_line,
    spread_part,
    put_back,
    next_round,
]
SPREADING: list[Callable[..., int]] = [spread_part, put_back]
