# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821, SIM109 - names in capitals are constants given when compiling
"""Decode what stands before the name of an event in a line, in the kernel language.

A head is ``COMM-PID [(TGID)] [CPU] FLAGS TIME:`` (perf: ``COMM PID [CPU] TIME:``). COMM may hold
anything, "-9 [003]" included, but its column is 16 wide: what stands there is never taken for the
rest. ``ctx`` is an array of words; its slots are in capitals.
Source: kernel/trace/trace_output.c, trace_print_context(), Linux 6.12.107; tools/perf/
builtin-script.c, perf_sample__fprintf_start().
"""

from __future__ import annotations

from vmlitmus.trace.decoders.scanning import decimal, past_blanks, past_digits


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


LINE_HEAD = [
    stamp,
    header,
    left_part,
    right_part,
]
