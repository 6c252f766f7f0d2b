# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: A002, F821 - names in capitals are constants given when compiling
"""Decode a mask of cpus in the text of an event, in the kernel language.

The kernel prints groups of 32 bits, "00000000,0000010f"; libtraceevent, which trace-cmd and perf
use, prints a list, "0-3,8". There is a record for each 128 cpus.
"""

from __future__ import annotations

from vmlitmus.trace.decoders.records import emit
from vmlitmus.trace.decoders.scanning import decimal, digit, first_of, hexadecimal, past_digits


def group(at, last, n):
    """Return a group of 32 bits, counted from the end; 0 before the first."""
    place = last - 9 * n - 8
    if place < at:
        return 0
    return hexadecimal(place, place + 8)


def grouped(ctx, at, last, time, type, cpu, task):
    """Take "00000000,0000010f"; returns 1 if it is not that."""
    groups = (last - at + 1) // 9
    if groups * 9 != last - at + 1 or groups > MOST_CPUS // 32:
        return 1
    n = 0
    while n < groups:
        low = group(at, last, n) | group(at, last, n + 1) << 32
        high = group(at, last, n + 2) | group(at, last, n + 3) << 32
        emit(ctx, time, KIND_MASK, type, cpu, task, 32 * n, low, high)
        n += 4
    return 0


def listed(ctx, at, last, time, type, cpu, task):
    """Take "0-3,8", cpus that ascend; what follows something else is not read."""
    first = 0
    low = 0
    high = 0
    least = 0
    while at < last and digit(at):
        one = decimal(at, last)
        at = past_digits(at, last)
        end = one
        if at < last and load8(at, 0) == 45:
            end = decimal(at + 1, last)
            at = past_digits(at + 1, last)
        if one < least or end < one or end >= MOST_CPUS:
            break
        least = end + 1
        while one <= end:
            if one - first >= 128:
                emit(ctx, time, KIND_MASK, type, cpu, task, first, low, high)
                first = one // 128 * 128
                low = 0
                high = 0
            if one - first < 64:
                low |= 1 << (one - first)
            else:
                high |= 1 << (one - first - 64)
            one += 1
        if at < last and load8(at, 0) != 44:
            break
        at += 1
    return emit(ctx, time, KIND_MASK, type, cpu, task, first, low, high)


def sent_to_many(ctx, row, at, end, time, type, cpu, task):
    """Take an IPI to the cpus of a mask, in either form."""
    at = first_of(at, end, load(row, ROW_A), load(row, ROW_A_HOW) & 0xFF)
    last = at
    while at != 0 and last < end and load8(last, 0) > 32:
        last += 1
    if last - at < 8:
        return listed(ctx, at, last, time, type, cpu, task)
    digits = at
    while digits < at + 8 and load8(digits, 0) != 44 and load8(digits, 0) != 45:
        digits += 1
    if digits != at + 8:
        return listed(ctx, at, last, time, type, cpu, task)
    if grouped(ctx, at, last, time, type, cpu, task):
        return emit(ctx, time, KIND_MASK, type, cpu, task, MISSING, 0, 0)
    return 0


MASK_TEXT = [group, grouped, listed, sent_to_many]
