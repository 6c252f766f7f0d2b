# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: A001, A002, F821, SIM109 - names in capitals are constants given when compiling
"""Decode lines of ftrace text, of trace-cmd report and of perf script, in the kernel language.

A line is ``COMM-PID [(TGID)] [CPU] FLAGS TIME: EVENT: TEXT`` (perf: ``COMM PID [CPU] TIME:
SYSTEM:EVENT: TEXT``). COMM may hold anything, "-9 [003]" included, but its column is 16 wide: what
stands there is never taken for the rest. ``ctx`` is an array of words; its slots are in capitals.
Source: kernel/trace/trace_output.c, trace_print_context(), Linux 6.12.107; tools/perf/
builtin-script.c, perf_sample__fprintf_start().
"""

from __future__ import annotations


def digit(at):
    return load8(at, 0) - 48 < 10


def past_blanks(at, end):
    while at < end and load8(at, 0) == 32:
        at += 1
    return at


def past_digits(at, end):
    while at < end and load8(at, 0) - 48 < 10:
        at += 1
    return at


def decimal(at, end):
    x = 0
    while at < end and load8(at, 0) - 48 < 10:
        x = x * 10 + load8(at, 0) - 48
        at += 1
    return x


def hexadecimal(at, end):
    x = 0
    while at < end:
        c = load8(at, 0)
        if c - 48 < 10:
            c -= 48
        else:
            c = (c | 32) - 87
            if c - 10 >= 6:
                break
        x = x << 4 | c
        at += 1
    return x


def hash_of(at, end):
    """Return the 64-bit FNV-1a hash of some bytes; never 0."""
    x = 0xCBF29CE484222325
    while at < end:
        x = (x ^ load8(at, 0)) * 0x100000001B3
        at += 1
    return x | 1


def same(at, key, length):
    k = 0
    while k < length:
        if load8(at, k) != load8(key, k):
            return 0
        k += 1
    return 1


def first_of(at, end, key, length):
    """Return the address behind the first occurrence of a key, or 0."""
    start = load8(key, 0)
    while at + length <= end:
        if load8(at, 0) == start:
            if same(at, key, length):
                return at + length
        at += 1
    return 0


def last_of(at, end, key, length):
    """Return the address behind the last occurrence of a key, or 0."""
    start = load8(key, 0)
    p = end
    while p >= at + length:
        if load8(p - length, 0) == start:
            if same(p - length, key, length):
                return p
        p -= 1
    return 0


def find_slot(table, mask, hash):
    """Return the address of a hash's entry of two words; its first word is 0 where it is new."""
    n = hash & mask
    while 1:
        entry = table + 16 * n
        there = load(entry, 0)
        if there == hash or there == 0:
            return entry
        n = (n + 1) & mask
    return 0


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


def slot_of(names, task):
    """Return the address of a task's entry in the table of names, or 0 where it is full."""
    n = ((task + 1) * 0x9E3779B97F4A7C15) >> 49
    tries = 0
    while tries < 64:
        entry = names + 32 * ((n + tries) & 0x7FFF)
        there = load(entry, 0)
        if there == task + 1:
            return entry
        if there == 0:
            store(entry, 0, task + 1)
            return entry
        tries += 1
    return 0


def name_task(ctx, task, at, end, process):
    """Keep the name of a task, at most 16 bytes, and its process where that is known."""
    if negative(task) or at >= end:
        return 0
    entry = slot_of(load(ctx, NAMES), task)
    if entry == 0:
        return 0
    if process != 0:
        store(entry, 3, process)
    if load8(at, 0) == 60:
        return 0
    k = 0
    while k < 16:
        x = 0
        if at + k < end:
            x = load8(at, k)
        store8(entry, 8 + k, x)
        k += 1
    return 0


def emit(ctx, time, kind, type, cpu, task, a, b, c):
    out = load(ctx, OUT) + 48 * load(ctx, COUNT)
    store(out, 0, time)
    store(out, 1, kind | type << 16 | cpu << 32)
    store(out, 2, task)
    store(out, 3, a)
    store(out, 4, b)
    store(out, 5, c)
    store(ctx, COUNT, load(ctx, COUNT) + 1)
    return 0


def state_of(at, end):
    """Return how a task left, of the letters of prev_state."""
    left = 0
    if load8(at, 0) == 82:
        left = 1
    while at < end:
        if load8(at, 0) == 88 or load8(at, 0) == 90:
            left = 2
        at += 1
    return left


def switch(ctx, row, at, end, time, type, cpu, task):
    """Take a sched_switch, as the kernel prints it or as trace-cmd does."""
    arrow = last_of(at, end, load(row, ROW_NEXT), 15)
    if arrow == 0:
        return short_switch(ctx, row, at, end, time, type, cpu, task)
    place = last_of(at, arrow, load(row, ROW_PREV), 10)
    state = last_of(at, arrow, load(row, ROW_STATE), 12)
    following = last_of(arrow, end, load(row, ROW_PID), 10)
    if place == 0 or state == 0 or following == 0:
        return 1
    prev = decimal(place, end)
    next = decimal(following, end)
    name_task(ctx, next, arrow, following - 10, 0)
    if negative(task):
        task = prev
    return emit(ctx, time, KIND_SWITCH, type, cpu, task, prev, next, state_of(state, arrow - 15))


def short_pid(at, end):
    """Return where the digits of "COMM:PID [PRIO]" begin, ``end`` behind the bracket; else 0."""
    if end <= at + 4 or load8(end - 1, 0) != 93:
        return 0
    p = end - 2
    while p > at and load8(p, 0) != 91:
        p -= 1
    p -= 1
    if p <= at or load8(p, 0) != 32:
        return 0
    while p > at and load8(p - 1, 0) - 48 < 10:
        p -= 1
    if p <= at or load8(p - 1, 0) != 58:
        return 0
    return p


def short_switch(ctx, row, at, end, time, type, cpu, task):
    """Take "COMM:PID [PRIO] STATE ==> COMM:PID [PRIO]"."""
    following = short_pid(at, end)
    if following == 0:
        return 1
    behind = end
    while 1:
        arrow = last_of(at, behind, load(row, ROW_ARROW), 5)
        if arrow == 0:
            return 1
        state = arrow - 5
        while state > at and load8(state - 1, 0) != 32:
            state -= 1
        place = short_pid(at, state - 1)
        if place != 0:
            break
        behind = arrow - 1
    prev = decimal(place, end)
    next = decimal(following, end)
    name_task(ctx, next, arrow, following - 1, 0)
    return emit(ctx, time, KIND_SWITCH, type, cpu, task, prev, next, state_of(state, arrow - 5))


def short_task(ctx, at, end):
    """Return the tid of "COMM:PID [PRIO] ..", or MISSING."""
    p = end
    while p > at + 4:
        if load8(p - 1, 0) == 93:
            place = short_pid(at, p)
            if place != 0:
                return decimal(place, end)
        p -= 1
    return MISSING


def stamp(at, end):
    """Return a time in ns: "s.us", "s.ns" or a whole number; 0 in the low bit says none stands."""
    last = past_digits(at, end)
    if last == at or last == end:
        return 0
    x = decimal(at, last)
    if load8(last, 0) == 46:
        tail = past_digits(last + 1, end)
        digits = tail - last - 1
        if tail == end or digits == 0 or digits > 9:
            return 0
        x = x * 1000000000
        part = decimal(last + 1, tail)
        while digits < 9:
            part = part * 10
            digits += 1
        x += part
        last = tail
    if load8(last, 0) != 58:
        return 0
    return x << 1 | 1


def header(ctx, at, end):
    """Find the header of a line; leaves its parts in the context. Returns 0 if there is none."""
    least = at + 16
    p = least
    while p + 2 < end:
        if load8(p, 0) == 91:
            tail = past_digits(p + 1, end)
            if tail > p + 1 and tail < end and tail < p + 8:
                if load8(tail, 0) == 93:
                    if left_part(ctx, least, p) != 0:
                        if right_part(ctx, tail + 1, end) != 0:
                            store(ctx, CPU, decimal(p + 1, tail))
                            return load(ctx, CPU) < MOST_CPUS
        p += 1
    return 0


def left_part(ctx, least, at):
    """Take "-PID [(TGID)]" or perf's " PID", which end at an address."""
    p = at
    while p > least and load8(p - 1, 0) == 32:
        p -= 1
    process = 0
    if load8(p - 1, 0) == 41:
        q = p - 1
        while q > least and load8(q, 0) != 40:
            q -= 1
        process = decimal(past_blanks(q + 1, p), p)
        p = q
        while p > least and load8(p - 1, 0) == 32:
            p -= 1
    last = p
    while p > least and load8(p - 1, 0) - 48 < 10:
        p -= 1
    if p == last or p == least:
        return 0
    task = decimal(p, last)
    p -= 1
    c = load8(p, 0)
    if load(ctx, PERF) != 0:
        if c == 45 and p > least:
            p -= 1
            task = 0 - task
            c = load8(p, 0)
        if c == 47:
            while p > least and load8(p - 1, 0) - 48 < 10:
                p -= 1
            process = decimal(p, last)
            if p == least:
                return 0
            p -= 1
            c = load8(p, 0)
        if c != 32:
            return 0
    else:
        if c != 45:
            return 0
    store(ctx, TASK, task)
    store(ctx, PROCESS, process)
    store(ctx, COMM_END, p)
    return 1


def right_part(ctx, at, end):
    """Take "[FLAGS] TIME: "."""
    p = past_blanks(at, end)
    time = stamp(p, end)
    if time == 0:
        while p < end and load8(p, 0) != 32:
            p += 1
        p = past_blanks(p, end)
        time = stamp(p, end)
        if time == 0:
            return 0
    while load8(p, 0) != 58:
        p += 1
    store(ctx, TIME, time >> 1)
    store(ctx, REST, past_blanks(p + 1, end))
    return 1


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


def take(ctx, at, end):
    """Take whole lines until the records are full; return the address behind the last one."""
    while at < end and load(ctx, COUNT) < load(ctx, ROOM) and load(ctx, FRESH_COUNT) < 64:
        last = at
        while load8(last, 0) != 10:
            last += 1
        cut = last
        while cut > at and load8(cut - 1, 0) <= 32:
            cut -= 1
        if one_line(ctx, at, cut) != 0:
            emit(ctx, 0, KIND_UNPARSED, 0, 0, 0, at, last - at, 0)
        at = last + 1
    return at


INTERNAL = [
    digit,
    past_blanks,
    past_digits,
    decimal,
    hexadecimal,
    hash_of,
    same,
    first_of,
    last_of,
    find_slot,
    word_value,
    value,
    keyed,
    slot_of,
    name_task,
    emit,
    state_of,
    switch,
    short_pid,
    short_switch,
    short_task,
    stamp,
    header,
    left_part,
    right_part,
    type_of,
    account,
    one_line,
]
EXPORTED = [take]
