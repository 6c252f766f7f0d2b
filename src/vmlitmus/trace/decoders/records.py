# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: A002, F821 - names in capitals are constants given when compiling
"""Records of events and names of tasks: what every decoder writes, in the kernel language.

A record has six words (``trace.events.RECORD``); names stand in a table of ``NAME_SLOTS`` entries.
"""

from __future__ import annotations


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


def store_name(slot, at, length):
    """Keep the name of a task in its entry: at most 16 bytes."""
    if length == 16:
        store32(slot, 2, load32(at, 0))
        store32(slot, 3, load32(at, 1))
        store32(slot, 4, load32(at, 2))
        store32(slot, 5, load32(at, 3))
        return 0
    k = 0
    while k < 16:
        x = 0
        if k < length:
            x = load8(at, k)
        store8(slot, 8 + k, x)
        k += 1
    return 0


def emit(ctx, time, kind, type, cpu, task, a, b, c):
    """Write the record of an event: six words."""
    out = load(ctx, OUT) + 48 * load(ctx, COUNT)
    store(out, 0, time)
    store(out, 1, kind | type << 16 | cpu << 32)
    store(out, 2, task)
    store(out, 3, a)
    store(out, 4, b)
    store(out, 5, c)
    store(ctx, COUNT, load(ctx, COUNT) + 1)
    return 0


RECORDS = [slot_of, store_name, emit]
