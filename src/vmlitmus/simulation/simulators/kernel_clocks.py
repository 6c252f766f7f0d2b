# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""Which firing is next: the clocks of those that are enabled, in the kernel language.

``ctx`` is that of ``kernel_context``, whose fields the names in capitals are.
"""

from __future__ import annotations


def same_rule(ctx, one, other):
    """Say whether the same row of the timing is about two firings."""
    return load(load(ctx, RULE), one) == load(load(ctx, RULE), other)


def start_clock(ctx, instance, firing):
    """Start the clock of an instance, or let it go on where it was stopped."""
    same = same_rule(ctx, firing, load(load(ctx, STOPPED), instance))
    store(load(ctx, STARTED), instance, firing)
    law = load(load(ctx, LAW), firing)
    if law == 0:
        store(load(ctx, ENDS), instance, 0)
        return 0
    left = load(load(ctx, LEFT), instance)
    now = load(ctx, NOW)
    store(load(ctx, LEFT), instance, 0)
    if left and same:
        store(load(ctx, ENDS), instance, now + left)
        return 0
    number = load(load(ctx, DRAWS), instance)
    store(load(ctx, DRAWS), instance, number + 1)
    begin_draw(ctx, load(load(ctx, STREAM), instance), number)
    store(load(ctx, ENDS), instance, now + sample(ctx, law - 1) + 1)
    return 0


def is_resampled(ctx, instance):
    return load(load(ctx, MEMORY), load(load(ctx, STARTED), instance)) == 2


def enable(ctx, instance, firing):
    """Note that an instance is enabled; start its clock, unless it runs for the same rule."""
    began = load(load(ctx, BEGAN), instance)
    store(load(ctx, BEGAN), instance, 1)
    if began and same_rule(ctx, firing, load(load(ctx, STARTED), instance)):
        if is_resampled(ctx, instance) == 0:
            return 0
    return start_clock(ctx, instance, firing)


def disable(ctx, instance):
    """Note that an instance is not enabled; where its clock ages, keep what is left of it."""
    if load(load(ctx, BEGAN), instance) == 0:
        return 0
    store(load(ctx, BEGAN), instance, 0)
    started = load(load(ctx, STARTED), instance)
    if load(load(ctx, MEMORY), started) == 1 and load(load(ctx, LAW), started) != 0:
        store(load(ctx, LEFT), instance, load(load(ctx, ENDS), instance) - load(ctx, NOW))
        store(load(ctx, STOPPED), instance, started)
    return 0


def look_at(ctx, instance):
    """Find what an instance would do in the state at hand."""
    function = load(load(ctx, FUNCTION), instance)
    found = evaluate(function, load(ctx, STATE), load(load(ctx, ROW), instance), 0)
    if negative(found):
        return FAILED
    if found:
        if load(load(ctx, LAW), found - 1) == NEVER:
            found = 0
    if found == load(load(ctx, CURRENT), instance) and load(ctx, RESAMPLES) == 0:
        if load(load(ctx, BEGAN), instance) == (found != 0):
            return GO_ON
    store(load(ctx, CURRENT), instance, found)
    place = instance >> 6
    bit = 1 << (instance & 63)
    words = load(ctx, ENABLED)
    if found:
        store(words, place, load(words, place) | bit)
        enable(ctx, instance, found - 1)
    else:
        store(words, place, load(words, place) & (bit ^ NEVER))
        disable(ctx, instance)
    return GO_ON


def redraw(ctx):
    """Draw anew the clocks with that memory which were not looked at."""
    event = load(ctx, EVENTS)
    w = 0
    while w < load(ctx, ENABLED_WORDS):
        bits = load(load(ctx, ENABLED), w)
        while bits:
            instance = 64 * w + lowest_bit(bits)
            if load(load(ctx, MARK), instance) != event + 1 and is_resampled(ctx, instance):
                start_clock(ctx, instance, load(load(ctx, CURRENT), instance) - 1)
            bits = bits & (bits - 1)
        w += 1
    return 0


def choose(ctx):
    """Choose what happens next: the earliest, of these the highest, of these by chance.

    The rank that counts is that of the firing for which the clock was started.
    """
    best = NEVER
    highest = 0
    ties = 0
    chosen = 0
    ends = load(ctx, ENDS)
    ranks = load(ctx, RANK)
    started = load(ctx, STARTED)
    w = 0
    while w < load(ctx, ENABLED_WORDS):
        bits = load(load(ctx, ENABLED), w)
        while bits:
            instance = 64 * w + lowest_bit(bits)
            end = load(ends, instance)
            if end <= best:
                rank = load(ranks, load(started, instance))
                if end < best or rank > highest:
                    best = end
                    highest = rank
                    ties = 1
                    chosen = instance + 1
                elif rank == highest:
                    ties += 1
            bits = bits & (bits - 1)
        w += 1
    if ties > 1:
        chosen = by_chance(ctx, best, highest)
    store(ctx, CHOSEN, chosen)
    store(ctx, CHOSEN_END, best - 1)
    if best == 0:
        store(ctx, CHOSEN_END, load(ctx, NOW))
    return 0


def tied(ctx, instance, best, highest):
    """Return the weight of an instance that may be chosen by chance, or 0."""
    if load(load(ctx, ENDS), instance) != best:
        return 0
    started = load(load(ctx, STARTED), instance)
    if load(load(ctx, RANK), started) != highest:
        return 0
    return load(load(ctx, WEIGHT), started)


def total_weight(ctx, best, highest):
    total = 0
    w = 0
    while w < load(ctx, ENABLED_WORDS):
        bits = load(load(ctx, ENABLED), w)
        while bits:
            total = fadd(total, tied(ctx, 64 * w + lowest_bit(bits), best, highest))
            bits = bits & (bits - 1)
        w += 1
    return total


def by_chance(ctx, best, highest):
    total = total_weight(ctx, best, highest)
    number = load(ctx, TIE_DRAWS)
    store(ctx, TIE_DRAWS, number + 1)
    begin_draw(ctx, load(ctx, TIES), number)
    limit = fmul(uniform(ctx), total)
    below = 0
    last = 0
    w = 0
    while w < load(ctx, ENABLED_WORDS):
        bits = load(load(ctx, ENABLED), w)
        while bits:
            instance = 64 * w + lowest_bit(bits)
            weight = tied(ctx, instance, best, highest)
            if fless(0, weight):
                below = fadd(below, weight)
                last = instance + 1
                if fless(limit, below):
                    return last
            bits = bits & (bits - 1)
        w += 1
    return last


CLOCKS = (
    same_rule, start_clock, is_resampled, enable, disable, look_at, redraw, choose, tied,
    total_weight, by_chance,
)  # fmt: skip
