# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""A table that keeps of each key only what its place does not say (see ``breadth_first``).

It serves where the states go to a file, and a state has one word. The key is a bijection of the
state's BITS bits, so that the table never has to look a state up in the file. A line of 64 bytes is
chosen by the key, in proportion: the keys of a line follow one another, so their lowest bits, REST
in number, tell them apart. Of those 31 stand in one of sixteen 32-bit numbers, with a bit that says
that it is taken; where REST is larger, the last numbers of a line give room for MORE_BYTES further
bytes of each of the HELD others. A key whose line is full goes to a small table of whole keys, that
of ``breadth_first``. The table grows in order, where it is.

The functions here take the place of those of the same name there.
"""

from __future__ import annotations

from collections.abc import Callable


def make_key(state, key):
    """Write the key of a state in the highest bits, and a 1 below: no other state has it."""
    store(key, 0, (spread_bits(load(state, 0)) << (64 - BITS)) | 1)
    return 0


def higher_bits(line, held, more, number):
    """Return what stands in the further bytes of a number of a line."""
    further = line + 4 * held
    if more == 0:
        return 0
    if more == 1:
        return load8(further, number)
    if more == 2:
        return load16(further, number)
    return load32(further, number)


def put(line, held, more, number, rest):
    """Write the lowest bits of a key as a number of a line."""
    store32(line, number, rest | (1 << 31))
    further = line + 4 * held
    high_bits = rest >> 31
    if more == 1:
        store8(further, number, high_bits)
    if more == 2:
        store16(further, number, high_bits)
    if more == 4:
        store32(further, number, high_bits)
    return 0


def enter(ctx, key):
    """Put a key into the table; say whether it was not there."""
    whole = load(key, 0)
    held = load(ctx, HELD)
    more = load(ctx, MORE_BYTES)
    rest = (whole >> (64 - BITS)) & load(ctx, REST_MASK)
    line = load(ctx, LINES_AT) + high(whole, load(ctx, LINES)) * 64
    usable = (1 << held) - 1
    same = same_lanes32(line, rest | (1 << 31)) & usable
    while same != 0:
        if higher_bits(line, held, more, lowest_bit(same)) == rest >> 31:
            return 0
        same = same & (same - 1)
    vacant = vacant_lanes32(line) & usable
    if vacant != 0:
        put(line, held, more, lowest_bit(vacant), rest)
        return 1
    slot = load(ctx, TABLE) + find(load(ctx, TABLE), load(ctx, SLOTS), key) * 8
    if load(slot, 0) != 0:
        return 0
    copy_key(key, slot)
    store(ctx, OVERFLOWN, load(ctx, OVERFLOWN) + 1)
    return 1


def absorb(ctx, n):
    """Insert the first n states of the batch, in order."""
    tail = load(ctx, TAIL)
    keys = load(ctx, KEYS_AT)
    k = 0
    while k < n:
        if enter(ctx, keys + k * 8) != 0:
            append(ctx, k, tail)
            tail += 1
        k += 1
    store(ctx, TAIL, tail)
    return 0


def fetch(ctx, n, end):
    """Prefetch the lines where the keys n..end-1 of the batch belong."""
    lines = load(ctx, LINES)
    keys = load(ctx, KEYS_AT)
    while n < end:
        prefetch(load(ctx, LINES_AT), high(load(keys, n), lines) * 8)
        n += 1
    return 0


def first_key(lines, line):
    """Return the lowest key, without the bit below, of one of so many lines."""
    if line == 0:
        return 0
    most = (1 << 64) - 1
    whole = most // lines
    left = most % lines + 1
    begin = line * whole + (line * left + lines - 1) // lines
    return (begin + (1 << (64 - BITS)) - 2) >> (64 - BITS)


def take_out(at, aside, first, held, more, mask):
    """Empty a line whose lowest key is given; write its keys aside, and return how many."""
    taken = 0
    while taken < held:
        if load32(at, taken) == 0:
            break
        rest = (load32(at, taken) & ((1 << 31) - 1)) | (higher_bits(at, held, more, taken) << 31)
        key = first + ((rest - first) & mask)
        store(aside, taken, (key << (64 - BITS)) | 1)
        taken += 1
    for i in range(8):
        store(at, i, 0)
    return taken


def spread_lines(ctx, aside, lines, held, more, mask):
    """Spread the keys of a table's first ``lines`` lines over the lines that it has now.

    A key goes up or stays, so the last line comes first. Returns 0, or how many lines are left
    where there is no room for what overflows, which takes far more than chance allows.
    """
    line = lines
    while line != 0 and load(ctx, OVERFLOWN) + LINE_KEYS < load(ctx, SLOTS):
        line -= 1
        at = load(ctx, LINES_AT) + line * 64
        taken = take_out(at, aside, first_key(lines, line), held, more, mask)
        while taken != 0:
            taken -= 1
            enter(ctx, aside + 8 * taken)
    return line


def gather(ctx, slots, to):
    """Move the keys of a small table of so many slots elsewhere; return how many they are."""
    taken = 0
    slot = 0
    while slot < slots:
        key = load(load(ctx, TABLE), slot)
        store(to, taken, key)
        store(load(ctx, TABLE), slot, 0)
        taken += key != 0
        slot += 1
    store(ctx, OVERFLOWN, 0)
    return taken


def enter_all(ctx, keys, count):
    """Put some keys that are elsewhere into the table; return how many were new."""
    new = 0
    while count != 0:
        count -= 1
        new += enter(ctx, keys + 8 * count)
    return new


INSTEAD: list[Callable[..., int]] = [make_key, enter, absorb, fetch]
INTERNAL: list[Callable[..., int]] = [higher_bits, put, first_key, take_out]
EXPORTED: list[Callable[..., int]] = [spread_lines, gather, enter_all]
