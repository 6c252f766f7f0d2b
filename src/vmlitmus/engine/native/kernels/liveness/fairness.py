# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""Which components a fair run may go round in, in the kernel language.

Sets of promises are SETS words, with a bit for each. The members of the component at hand stand at
the top of STACKED, and NUMBER says of each at least the least number of the component.
"""

from __future__ import annotations

from collections.abc import Callable

FIELDS = (
    "WEAK",  # the weak promises
    "STRONG",  # the strong ones
    "ALWAYS",  # what is enabled in all states of the component
    "EVER",  # what is enabled in some
    "BROKEN",  # what a run through it breaks
    "BEST",  # least number in a fair component, or 0
    "BEST_MARK",  # NUMBER of its members
    "BEST_EVER",  # what is enabled somewhere in it
    "LEAST_LEFT",  # the least number that is left for the next round, or 0
    "LAST_LEFT",  # the last one
)


def ahead(g, k):
    """Prefetch what a member enables that comes soon, down the stack; return its number, or 0."""
    if k < AHEAD:
        return 0
    soon = load32(load(g, STACKED), k - AHEAD)
    prefetch(load(g, ENABLED), soon * SETS)
    return soon


def weigh(g, low):
    """Find what is enabled in a component, everywhere and somewhere; return where it begins."""
    always = load(g, ALWAYS)
    ever = load(g, EVER)
    for w in range(SETS):
        store(always, w, ALL)
        store(ever, w, 0)
    k = load(g, STACK_HEIGHT)
    while k != 0:
        number = load32(load(g, STACKED), k - 1)
        if load32(load(g, NUMBER), number) < low:
            break
        k -= 1
        prefetch(load(g, NUMBER), ahead(g, k) >> 1)
        here = load(g, ENABLED) + number * (8 * SETS)
        for w in range(SETS):
            store(always, w, load(always, w) & load(here, w))
            store(ever, w, load(ever, w) | load(here, w))
    return k


def some(one, other):
    """Say whether two sets have something in common."""
    both = 0
    for w in range(SETS):
        both = both | (load(one, w) & load(other, w))
    return both != 0


def suspect(g):
    """Note as BROKEN what is enabled so that it must be taken; say whether there is any."""
    found = 0
    for w in range(SETS):
        weak = load(load(g, WEAK), w) & load(load(g, ALWAYS), w)
        strong = load(load(g, STRONG), w) & load(load(g, EVER), w)
        store(load(g, BROKEN), w, weak | strong)
        found = found | weak | strong
    return found != 0


def keep_inside(g, number, low):
    """Take out of BROKEN what steps from a state to others of its component keep."""
    e = load(load(g, FIRST), number)
    last = load(load(g, FIRST), number + 1)
    while e < last:
        promise = load(load(g, PROMISE), take(load(g, TAKEN), e))
        if promise != 0:
            word = load(g, BROKEN) + 8 * ((promise - 1) >> 6)
            bit = 1 << ((promise - 1) & 63)
            if (load(word, 0) & bit) != 0:
                met = load32(load(g, NUMBER), load32(load(g, TARGETS), e))
                if met >= low and met <= load(g, VISITED):
                    store(word, 0, load(word, 0) ^ bit)
        e += 1
    return 0


def acquit(g, begin, low):
    """Take out of BROKEN what is kept inside the component that begins at a place of the stack."""
    k = load(g, STACK_HEIGHT)
    while k != begin:
        k -= 1
        soon = ahead(g, k)
        prefetch(load(g, FIRST), soon)
        prefetch(load(g, TAKEN) + (load(load(g, FIRST), soon) << TAKEN_BITS), 0)
        number = load32(load(g, STACKED), k)
        if some(load(g, ENABLED) + number * (8 * SETS), load(g, BROKEN)) != 0:
            keep_inside(g, number, low)
    return 0


def mark_members(g, begin, mark):
    """Give all members a mark."""
    k = load(g, STACK_HEIGHT)
    while k != begin:
        k -= 1
        store32(load(g, NUMBER), load32(load(g, STACKED), k), mark)
    return 0


def keep(g, begin):
    """Note a fair component if it is the nearest so far, in this round or an earlier one."""
    best = load(g, BEST)
    k = begin
    while k != load(g, STACK_HEIGHT):
        number = load32(load(g, STACKED), k)
        if best == 0 or number < best:
            best = number
        k += 1
    if best == load(g, BEST):
        return mark_members(g, begin, CLOSED)
    mark = load(g, BEST_MARK) - 1
    store(g, BEST, best)
    store(g, BEST_MARK, mark)
    for w in range(SETS):
        store(load(g, BEST_EVER), w, load(load(g, EVER), w))
    return mark_members(g, begin, mark)


def leave_out(g, begin):
    """Leave the members out that enable what is BROKEN; the next round visits the others."""
    k = load(g, STACK_HEIGHT)
    while k != begin:
        k -= 1
        number = load32(load(g, STACKED), k)
        mark = CLOSED
        if some(load(g, ENABLED) + number * (8 * SETS), load(g, BROKEN)) == 0:
            mark = LEFT
            if load(g, LEAST_LEFT) == 0 or number < load(g, LEAST_LEFT):
                store(g, LEAST_LEFT, number)
            if number > load(g, LAST_LEFT):
                store(g, LAST_LEFT, number)
        store32(load(g, NUMBER), number, mark)
    return 0


def settle(g, low):
    """Judge the component whose least number is ``low``, and take it off the stack."""
    begin = weigh(g, low)
    if suspect(g) != 0:
        acquit(g, begin, low)
    if some(load(g, BROKEN), load(g, WEAK)) != 0:
        mark_members(g, begin, CLOSED)
    else:
        if some(load(g, BROKEN), load(g, STRONG)) != 0:
            leave_out(g, begin)
        else:
            keep(g, begin)
    store(g, STACK_HEIGHT, begin)
    return 0


def leave_hopeless(g):
    """Leave states out that enable a strong promise no step between waiting states keeps."""
    found = 0
    for w in range(SETS):
        hopeless = load(load(g, STRONG), w) & (load(load(g, INSIDE), w) ^ ALL)
        store(load(g, BROKEN), w, hopeless)
        found = found | hopeless
    if found == 0:
        return 0
    number = 1
    while number < load(g, COUNT):
        if some(load(g, ENABLED) + number * (8 * SETS), load(g, BROKEN)) != 0:
            store32(load(g, NUMBER), number, CLOSED)
        number += 1
    return 0


def begin_round(g, first, last, mark):
    """Begin a round among the numbers first..last: with those that have a mark, or are all."""
    number = first
    while number <= last:
        if mark == 0 or load32(load(g, NUMBER), number) == mark:
            store32(load(g, NUMBER), number, 0)
        number += 1
    store(g, ROOT, first - 1)
    store(g, LAST_ROOT, last)
    store(g, VISITED, 0)
    store(g, LEAST_LEFT, 0)
    store(g, LAST_LEFT, 0)
    return 0


INTERNAL: list[Callable[..., int]] = [
    ahead,
    weigh,
    some,
    suspect,
    keep_inside,
    acquit,
    mark_members,
    keep,
    leave_out,
    settle,
]
EXPORTED: list[Callable[..., int]] = [leave_hopeless, begin_round]
