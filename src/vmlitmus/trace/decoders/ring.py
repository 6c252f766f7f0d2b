# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: A001, A002, F821 - names in capitals are constants given when compiling
"""Decode pages of the kernel's ring buffer, in the kernel language.

``ctx`` is an array of words, one for each cpu; its slots are the constants in capitals. A page that
cannot be right (more bytes than it holds, a stamp before the page before it or after the page
behind it) is dropped and counted, and an event LOST says so.
Source: include/linux/ring_buffer.h and kernel/trace/ring_buffer.c, Linux 6.12.107, 7.2.8.
"""

from __future__ import annotations

from vmlitmus.trace.decoders.records import RECORDS, emit, slot_of, store_name


def u16(at):
    if SWAP:
        return load8(at, 0) << 8 | load8(at, 1)
    return load8(at, 1) << 8 | load8(at, 0)


def u32(at):
    x = load32(at, 0)
    if SWAP:
        x = (x & 0xFF) << 24 | (x & 0xFF00) << 8 | (x >> 8 & 0xFF00) | x >> 24
    return x


def u64(at):
    if SWAP:
        return u32(at) << 32 | u32(at + 4)
    return u32(at + 4) << 32 | u32(at)


def long(at):
    if LONG == 4:
        return u32(at)
    return u64(at)


def signed32(x):
    return (x ^ 0x80000000) - 0x80000000


def number(at, spec):
    """Return a field: ``spec`` is 0 for none, or offset, size << 16, signed << 24, 1 << 32."""
    if spec == 0:
        return MISSING
    at += spec & 0xFFFF
    size = (spec >> 16) & 0xFF
    if size == 4:
        x = u32(at)
        if (spec >> 24) & 1:
            x = signed32(x)
        return x
    if size == 8:
        return u64(at)
    if size == 2:
        return u16(at)
    return load8(at, 0)


def lose(ctx, until, count, why):
    """Say that events are missing after the last one, up to ``until`` (MISSING: not known)."""
    time = load(ctx, TIME)
    if time == 0 and until != MISSING:
        time = until
    if why == DAMAGED:
        store(ctx, BROKEN, load(ctx, BROKEN) + 1)
    else:
        if count == MISSING:
            store(ctx, UNKNOWN, load(ctx, UNKNOWN) + 1)
        else:
            store(ctx, LOST, load(ctx, LOST) + count)
    return emit(ctx, time, KIND_LOST, 0, load(ctx, CPU), MISSING, count, until, why)


def name_task(names, task, at, length):
    """Keep the name of a task."""
    entry = slot_of(names, task)
    if entry == 0:
        return 0
    return store_name(entry, at, length)


def keep_name(ctx, row, at, length):
    spec = load(row, ROW_COMM)
    if spec == 0:
        return 0
    task = number(at, load(row, ROW_TID))
    place = spec & 0xFFFF
    size = (spec >> 16) & 0xFF
    if (spec >> 24) & 1:
        x = u32(at + place)
        place = x & 0xFFFF
        size = x >> 16
    if place + size > length:
        return 0
    return name_task(load(ctx, NAMES), task, at + place, size)


def left(state, row):
    if (state & load(row, ROW_DEAD)) != 0:
        return 2
    return (state & load(row, ROW_STATES)) == 0


def mask_of(at, end):
    """Return 64 bits of a mask, which is made of longs: the first has the lowest."""
    if at + 8 <= end:
        if LONG == 8:
            return u64(at)
        return u32(at + 4) << 32 | u32(at)
    if at + 4 <= end:
        return u32(at)
    return 0


def sent_to_many(ctx, at, length, time, type, task, place):
    """Take an IPI to the cpus of a mask: a record for each 128 of them."""
    if place == MISSING:
        return emit(ctx, time, KIND_MASK, type, load(ctx, CPU), task, MISSING, 0, 0)
    end = at + (place & 0xFFFF) + (place >> 16 & 0xFFFF)
    if end > at + length:
        return lose(ctx, MISSING, MISSING, DAMAGED)
    at += place & 0xFFFF
    cpu = 0
    while at < end:
        low = mask_of(at, end)
        emit(ctx, time, KIND_MASK, type, load(ctx, CPU), task, cpu, low, mask_of(at + 8, end))
        at += 16
        cpu += 128
    return 0


def event(ctx, at, length, time):
    """Take one event: count it, and pass it on if its kind is wanted."""
    if length < load(ctx, HEAD_SIZE):
        return lose(ctx, MISSING, MISSING, DAMAGED)
    type = u16(at + load(ctx, TYPE_AT))
    counts = load(ctx, COUNTS)
    store(counts, type, load(counts, type) + 1)
    store(ctx, EVENTS, load(ctx, EVENTS) + 1)
    if load(ctx, FIRST) == MISSING:
        store(ctx, FIRST, time)
    task = signed32(u32(at + load(ctx, PID_AT)))
    row = load(load(ctx, TYPES), type)
    if row == 0:
        if load(ctx, WANTED) & 1:
            emit(ctx, time, 0, type, load(ctx, CPU), task, MISSING, MISSING, MISSING)
        return 0
    kind = load(row, ROW_KIND)
    if length < load(row, ROW_SIZE):
        return lose(ctx, MISSING, MISSING, DAMAGED)
    keep_name(ctx, row, at, length)
    if ((load(ctx, WANTED) >> kind) & 1) == 0:
        return 0
    a = number(at, load(row, ROW_A))
    b = number(at, load(row, ROW_B))
    c = number(at, load(row, ROW_C))
    if kind == KIND_SWITCH:
        c = left(c, row)
    if kind == KIND_MASK:
        return sent_to_many(ctx, at, length, time, type, task, a)
    return emit(ctx, time, kind, type, load(ctx, CPU), task, a, b, c)


def lost_before(ctx, at, time, used, word):
    """Say that events were lost before a page, with their number where it is stored."""
    count = MISSING
    if ((word >> 30) & 1) != 0 and HEADER + used + LONG <= load(ctx, PAGE):
        count = long(at + HEADER + used)
    return lose(ctx, time, count, OVERWRITTEN)


def extended(kind, time, stamp, whole):
    """Return the time after an entry with 59 bits of it: a step, or the time itself."""
    if kind == TIME_EXTEND:
        return time + whole
    absolute = (stamp & 0xF800000000000000) | whole
    if absolute < time:
        absolute += 0x800000000000000
    return absolute


def one_page(ctx, at, limit):
    """Decode a page; ``limit`` is the stamp of the page behind it. Returns 0 if it is damaged."""
    time = u64(at)
    word = long(at + 8)
    used = word & 0xFFFFF
    if used == 0:
        return 1
    if used > load(ctx, PAGE) - HEADER or time < load(ctx, TIME) or time > limit:
        return 0
    if (word >> 31) & 1:
        lost_before(ctx, at, time, used, word)
    stamp = time
    p = at + HEADER
    end = p + used
    while p + 4 <= end:
        head = u32(p)
        p += 4
        if SWAP:
            kind = head >> 27
            delta = head & 0x7FFFFFF
        else:
            kind = head & 31
            delta = head >> 5
        if kind == 0 or kind >= PADDING:
            if kind == PADDING and delta == 0:
                break
            if p + 4 > end:
                store(ctx, TIME, time)
                return 0
            more = u32(p)
            if kind == PADDING:
                if more < 4 or more > end - p:
                    store(ctx, TIME, time)
                    return 0
                time += delta
                p += more
                continue
            p += 4
            if kind != 0:
                time = extended(kind, time, stamp, more << 27 | delta)
                continue
            length = more - 4
            if more < 4:
                return 0
        else:
            length = kind << 2
        time += delta
        if length > end - p or time > limit or time < stamp:
            return 0
        event(ctx, p, length, time)
        store(ctx, TIME, time)
        p += length
    return 1


def decode(ctx, pages, known):
    """Decode ``pages`` pages of ``known`` that stand one behind the other; return the events.

    A page that is damaged is dropped from there on.
    """
    at = load(ctx, AT)
    end = at + pages * load(ctx, PAGE)
    while at < end:
        limit = MISSING
        if at + load(ctx, PAGE) < load(ctx, AT) + known * load(ctx, PAGE):
            following = u64(at + load(ctx, PAGE))
            if following >= load(ctx, TIME) and following != 0:
                limit = following
        if one_page(ctx, at, limit) == 0:
            lose(ctx, MISSING, MISSING, DAMAGED)
        at += load(ctx, PAGE)
    return load(ctx, COUNT)


INTERNAL = [
    *RECORDS,
    u16,
    u32,
    u64,
    long,
    signed32,
    number,
    lose,
    name_task,
    keep_name,
    left,
    mask_of,
    sent_to_many,
    event,
    lost_before,
    extended,
    one_page,
]
EXPORTED = [decode]
