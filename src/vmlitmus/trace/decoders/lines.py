# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: A001, F821 - names in capitals are constants given when compiling
"""Decode lines of ftrace text, of trace-cmd report and of perf script, in the kernel language.

A line is a head (``line_head``), ``EVENT:`` (perf: ``SYSTEM:EVENT:``) and TEXT, in which the
numbers of an event are found by the keys before them. ``ctx`` is an array of words; its slots are
in capitals.
"""

from __future__ import annotations

from vmlitmus.trace.decoders.line_head import LINE_HEAD, header
from vmlitmus.trace.decoders.mask_text import MASK_TEXT, sent_to_many
from vmlitmus.trace.decoders.records import RECORDS, emit
from vmlitmus.trace.decoders.scanning import (
    SCANNING,
    decimal,
    digit,
    find_slot,
    first_of,
    hash_of,
    hexadecimal,
    last_of,
    past_blanks,
)
from vmlitmus.trace.decoders.task_text import TASK_TEXT, name_task, short_task, switch


def word_value(ctx, at, end):
    """Return the number that a word stands for (the name of an exit reason)."""
    last = at
    while last < end and load8(last, 0) > 32:
        last += 1
    entry = find_slot(load(ctx, WORDS_TABLE), WORDS_MASK, hash_of(at, last))
    if load(entry, 0) == 0:
        return MISSING
    return load(entry, 1)


def value(ctx, at, end, base):
    """Return the number that stands at a place: decimal, hexadecimal, or a known word."""
    at = past_blanks(at, end)
    if at == end:
        return MISSING
    negate = 0
    if load8(at, 0) == 45:
        negate = 1
        at += 1
    if at + 2 < end:
        if load8(at, 0) == 48 and load8(at, 1) == 120:
            at += 2
            base = 16
    if base == 16:
        x = hexadecimal(at, end)
    else:
        if digit(at) == 0:
            return word_value(ctx, at, end)
        x = decimal(at, end)
    if negate:
        x = 0 - x
    return x


def keyed(ctx, row, which, at, end):
    """Return a number of an event by what stands before it; ``which`` is its place in the row."""
    key = load(row, which)
    if key == 0:
        return MISSING
    how = load(row, which + 1)
    length = how & 0xFF
    if length == 0:
        place = at
    elif (how >> 8) & 1:
        place = first_of(at, end, key, length)
    else:
        place = last_of(at, end, key, length)
    if place == 0:
        return MISSING
    base = 10
    if (how >> 9) & 1:
        base = 16
    return value(ctx, place, end, base)


def type_of(ctx, at, end):
    """Return the number of an event's name, a new one if need be; leaves the text's address."""
    start = at
    p = at
    while p < end:
        c = load8(p, 0)
        if c == 32 or c == 40:
            break
        if c == 58:
            if p + 1 == end:
                break
            if load8(p + 1, 0) == 32:
                break
            start = p + 1
        p += 1
    last = p
    if p < end:
        if load8(p, 0) == 40:
            last = p + 1
        p += 1
    store(ctx, REST, p)
    entry = find_slot(load(ctx, TYPE_TABLE), TYPES_MASK, hash_of(start, last))
    if load(entry, 0) != 0:
        return load(entry, 1)
    if load(ctx, NEXT_TYPE) >= MOST_TYPES:
        return 0
    store(entry, 0, hash_of(start, last))
    store(entry, 1, load(ctx, NEXT_TYPE))
    fresh = load(ctx, FRESH) + 16 * load(ctx, FRESH_COUNT)
    store(fresh, 0, start)
    store(fresh, 1, last - start)
    store(ctx, FRESH_COUNT, load(ctx, FRESH_COUNT) + 1)
    store(ctx, NEXT_TYPE, load(ctx, NEXT_TYPE) + 1)
    return load(entry, 1)


def account(ctx, cpu, time):
    """Keep what is known of a cpu: its first and last event, how many, how often backwards."""
    stretch = load(ctx, STRETCHES) + 32 * cpu
    if load(stretch, 2) == 0:
        store(stretch, 0, time)
    else:
        if time < load(stretch, 1):
            store(stretch, 3, load(stretch, 3) + 1)
    store(stretch, 1, time)
    store(stretch, 2, load(stretch, 2) + 1)
    return 0


def one_line(ctx, at, end):
    """Take one line; returns 1 if it cannot be read."""
    if header(ctx, at, end) == 0:
        return 1
    cpu = load(ctx, CPU)
    time = load(ctx, TIME)
    task = load(ctx, TASK)
    name_task(ctx, task, past_blanks(at, end), load(ctx, COMM_END), load(ctx, PROCESS))
    type = type_of(ctx, load(ctx, REST), end)
    rest = load(ctx, REST)
    counts = load(ctx, COUNTS)
    store(counts, type, load(counts, type) + 1)
    row = load(load(ctx, TYPES), type)
    account(ctx, cpu, time)
    if row == 0:
        if load(ctx, WANTED) & 1:
            emit(ctx, time, 0, type, cpu, task, MISSING, MISSING, MISSING)
        return 0
    kind = load(row, ROW_KIND)
    if ((load(ctx, WANTED) >> kind) & 1) == 0:
        return 0
    if kind == KIND_SWITCH:
        return switch(ctx, row, rest, end, time, type, cpu, task)
    if kind == KIND_MASK:
        return sent_to_many(ctx, row, rest, end, time, type, cpu, task)
    a = keyed(ctx, row, ROW_A, rest, end)
    b = keyed(ctx, row, ROW_B, rest, end)
    c = keyed(ctx, row, ROW_C, rest, end)
    if kind == KIND_LOST:
        return emit(ctx, time, kind, type, cpu, MISSING, a, time, OVERWRITTEN)
    if kind == KIND_EXIT and b != MISSING:
        c = b >> 32
        b = b & 0xFFFFFFFF
    if a == MISSING and load(row, ROW_SHORT) != 0:
        a = short_task(ctx, rest, end)
        place = last_of(rest, end, load(row, ROW_SHORT), 4)
        if place != 0:
            b = decimal(place, end)
    return emit(ctx, time, kind, type, cpu, task, a, b, c)


def idle(at, end):
    """Say whether a line is empty, or a short comment: millions of them cost next to nothing."""
    if at == end:
        return 1
    if load8(at, 0) == 35 and end - at < 20:
        return 1
    return 0


def take(ctx, at, end):
    """Take whole lines until the records are full; return the address behind the last one."""
    while at < end and load(ctx, COUNT) < load(ctx, ROOM) and load(ctx, FRESH_COUNT) < 64:
        last = at
        while load8(last, 0) != 10:
            last += 1
        cut = last
        while cut > at and load8(cut - 1, 0) <= 32:
            cut -= 1
        if idle(at, cut) == 0 and one_line(ctx, at, cut) != 0:
            emit(ctx, 0, KIND_UNPARSED, 0, 0, 0, at, last - at, 0)
        at = last + 1
    return at


INTERNAL = [
    *RECORDS,
    *SCANNING,
    *LINE_HEAD,
    *TASK_TEXT,
    *MASK_TEXT,
    word_value,
    value,
    keyed,
    type_of,
    account,
    one_line,
    idle,
]
EXPORTED = [take]
