# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""Merge the events of the cpus in order of time, in the kernel language.

``streams`` holds the addresses of the cpus' contexts; ``heap`` the numbers of those that have
events, the earliest first (of two at one time, the lower cpu).
"""

from __future__ import annotations


def later(streams, x, y):
    """Say whether stream x comes after stream y."""
    one = load(streams, x)
    two = load(streams, y)
    a = load(load(one, OUT), WORDS_EACH * load(one, TAKEN))
    b = load(load(two, OUT), WORDS_EACH * load(two, TAKEN))
    if a == b:
        return x > y
    return a > b


def sink(streams, heap, size, at):
    """Let the stream at a place of the heap sink to where it belongs."""
    moved = load(heap, at)
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size:
            if later(streams, load(heap, child), load(heap, child + 1)) != 0:
                child += 1
        if later(streams, moved, load(heap, child)) == 0:
            break
        store(heap, at, load(heap, child))
        at = child
    store(heap, at, moved)
    return 0


def order(streams, heap, size):
    """Make a heap of the streams' numbers."""
    at = size
    while at != 0:
        at -= 1
        sink(streams, heap, size, at)
    return 0


def merge(streams, heap, size, out, room):
    """Write events in order of time until a stream is used up or the room; return how many."""
    n = 0
    while n < room:
        stream = load(streams, load(heap, 0))
        taken = load(stream, TAKEN)
        record = load(stream, OUT) + 8 * WORDS_EACH * taken
        for word in range(WORDS_EACH):
            store(out, word, load(record, word))
        out += 8 * WORDS_EACH
        n += 1
        store(stream, TAKEN, taken + 1)
        if taken + 1 == load(stream, COUNT):
            return n
        if size > 1:
            sink(streams, heap, size, 0)
    return n


INTERNAL = [later, sink]
EXPORTED = [order, merge]
