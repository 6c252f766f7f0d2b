# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: A001, A002, F821 - names in capitals are constants given when compiling
"""Decode tasks in the text of an event, in the kernel language: sched_switch, and COMM:PID [PRIO].

The kernel prints ``prev_comm=A prev_pid=1 .. ==> next_comm=B ..``; trace-cmd prints
``A:1 [120] S ==> B:2 [120]``. Either way COMM may hold anything, the other's keys included.
"""

from __future__ import annotations

from vmlitmus.trace.decoders.records import emit, slot_of, store_name
from vmlitmus.trace.decoders.scanning import decimal, last_of


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
    return store_name(entry, at, end - at)


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


TASK_TEXT = [
    name_task,
    state_of,
    switch,
    short_pid,
    short_switch,
    short_task,
]
