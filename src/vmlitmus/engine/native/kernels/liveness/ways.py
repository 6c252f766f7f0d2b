# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""What makes a run of the fair component found, in the kernel language.

It consists of shortest ways between states; the log says where the run begins to wait.
"""

from __future__ import annotations

from collections.abc import Callable

FIELDS = (
    "QUEUE",  # numbers reached, 32 bits each
    "QUEUE_HEAD",
    "QUEUE_TAIL",
    "END",  # where it leads
    "BEFORE_END",  # the number before the end, or 0; NUMBER has the same for each on the way
)


def seek(g, number, first, last):
    """Return which of the states first..last-1 of the log a waiting state is, or ``last``."""
    wanted = load(g, WAITING) + number * (8 * WORDS)
    while first < last:
        if differ_states(load(g, LOG) + first * (8 * WORDS), wanted) == 0:
            return first
        first += 1
    return last


def open_ways(g):
    """Let ways go through the component found, and nowhere else."""
    number = 1
    while number < load(g, COUNT):
        mark = CLOSED
        if load32(load(g, NUMBER), number) == load(g, BEST_MARK):
            mark = 0
        store32(load(g, NUMBER), number, mark)
        number += 1
    return 0


def nearest(g, most):
    """Queue up to ``most`` members of the component found, nearest first; return how many."""
    number = load(g, BEST)
    count = 0
    while number < load(g, COUNT) and count < most:
        if load32(load(g, NUMBER), number) == 0:
            store32(load(g, QUEUE), count, number)
            count += 1
        number += 1
    return count


def begin_way(g, start, end):
    """Begin to look for a way inside the component found, from one state to another."""
    k = 0
    while k < load(g, QUEUE_TAIL):
        store32(load(g, NUMBER), load32(load(g, QUEUE), k), 0)
        k += 1
    store32(load(g, NUMBER), start, start)
    store32(load(g, QUEUE), 0, start)
    store(g, QUEUE_HEAD, 0)
    store(g, QUEUE_TAIL, 1)
    store(g, END, end)
    store(g, BEFORE_END, 0)
    return 0


def way(g, budget):
    """Go on to look for it; return 0 when it is found, or there is none."""
    queue = load(g, QUEUE)
    number = load(g, NUMBER)
    targets = load(g, TARGETS)
    end = load(g, END)
    tail = load(g, QUEUE_TAIL)
    head = load(g, QUEUE_HEAD)
    while head < tail and budget != 0:
        state = load32(queue, head)
        head += 1
        e = load(load(g, FIRST), state)
        last = load(load(g, FIRST), state + 1)
        while e < last:
            target = load32(targets, e)
            if target == end:
                store(g, BEFORE_END, state)
                budget = 1
                break
            if load32(number, target) == 0:
                store32(number, target, state)
                store32(queue, tail, target)
                tail += 1
            e += 1
        budget -= 1
    store(g, QUEUE_HEAD, head)
    store(g, QUEUE_TAIL, tail)
    return (head < tail) & (load(g, BEFORE_END) == 0)


EXPORTED: list[Callable[..., int]] = [seek, open_ways, nearest, begin_way, way]
