# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The simulator in the kernel language: the same process as ``reference``, event by event.

Each firing (an instance with an ending) has a number; the arrays below are by that number unless
they say something else. After an event only those instances are looked at, and those conditions
asked, that read what it changed, and no instance whose guard is false; so an event costs as much in
a large world as in a small one. Doubles are given as their bits.
"""

from __future__ import annotations

from vmlitmus.simulation.simulators.kernel_clocks import CLOCKS, choose, look_at, redraw
from vmlitmus.simulation.simulators.kernel_laws import LAWS

GO_ON, DONE, FAILED, STANDS_STILL = range(4)


def enter(ctx):
    """Look at what may have changed in the state at hand, and choose what is next."""
    todo = load(ctx, TODO)
    count = load(ctx, TODO_COUNT)
    i = 0
    while i < count:
        if look_at(ctx, load(todo, i)) == FAILED:
            return FAILED
        i += 1
    store(ctx, TODO_COUNT, 0)
    if load(ctx, RESAMPLES):
        redraw(ctx)
    choose(ctx)
    store(ctx, ENTERED, 1)
    return GO_ON


def has_to_look(ctx, instance):
    """Put an instance on the list of those to look at, once."""
    event = load(ctx, EVENTS) + 1
    if load(load(ctx, MARK), instance) == event:
        return 0
    store(load(ctx, MARK), instance, event)
    count = load(ctx, TODO_COUNT)
    store(load(ctx, TODO), count, instance)
    store(ctx, TODO_COUNT, count + 1)
    return 0


def may_matter(ctx, instance):
    """Say whether an instance is enabled, or may be: it is not where its guard is false."""
    word = load(load(ctx, STATE), load(load(ctx, GUARD_WORD), instance))
    if (word & load(load(ctx, GUARD_MASK), instance)) == load(load(ctx, GUARD_VALUE), instance):
        return 1
    return load(load(ctx, BEGAN), instance)


def wake_readers(ctx):
    """List the instances that read what the last event changed, and may be enabled by it or not."""
    written = load(ctx, WRITTEN)
    begins = load(ctx, READERS_BEGIN)
    i = load(written, 0)
    while i:
        word = load(written, i)
        reader = load(begins, word)
        while reader < load(begins, word + 1):
            instance = load(load(ctx, READERS), reader)
            if may_matter(ctx, instance):
                has_to_look(ctx, instance)
            reader += 1
        i -= 1
    return 0


def pass_time(ctx, time):
    """Let time go on in the state at hand."""
    passed = time - load(ctx, NOW)
    if passed:
        store(ctx, AT_ONCE, 0)
        shares = load(ctx, SHARES)
        words = load(ctx, BIT_WORDS)
        first = 0
        w = 0
        while w < words:
            bits = load(load(ctx, BITS), w)
            while bits:
                c = first + lowest_bit(bits)
                store(shares, c, load(shares, c) + passed)
                bits = bits & (bits - 1)
            first += 64
            w += 1
        store(ctx, NOW, time)
    else:
        store(ctx, AT_ONCE, load(ctx, AT_ONCE) + 1)
    return 0


def find(ctx, occurrences, row):
    """Add a row of occurrences to those at hand."""
    found = load(ctx, FOUND)
    words = load(ctx, FOUND_WORDS)
    w = 0
    while w < words:
        store(found, w, load(found, w) | load(occurrences, row * words + w))
        w += 1
    return 0


def ask(ctx, condition):
    """Find whether a condition is true now; add the occurrences that it is to those at hand."""
    function = load(load(ctx, CONDITION_FUNCTION), condition)
    row = load(load(ctx, CONDITION_ROW), condition)
    found = evaluate(function, load(ctx, STATE), row, 0)
    if negative(found):
        return FAILED
    place = condition >> 6
    bits = load(load(ctx, BITS), place)
    bit = found << (condition & 63)
    if (bits & (1 << (condition & 63))) == bit:
        return GO_ON
    store(load(ctx, BITS), place, bits ^ (1 << (condition & 63)))
    if found:
        find(ctx, load(ctx, RISES), condition)
    else:
        find(ctx, load(ctx, FALLS), condition)
    return GO_ON


def changes(ctx):
    """Ask the conditions that read what the last event changed."""
    if load(ctx, CONDITIONS) == 0:
        return GO_ON
    written = load(ctx, WRITTEN)
    begins = load(ctx, WATCHERS_BEGIN)
    i = load(written, 0)
    while i:
        word = load(written, i)
        watcher = load(begins, word)
        while watcher < load(begins, word + 1):
            if ask(ctx, load(load(ctx, WATCHERS), watcher)) == FAILED:
                return FAILED
            watcher += 1
        i -= 1
    return GO_ON


def is_found(ctx, occurrence):
    return (load(load(ctx, FOUND), occurrence >> 6) >> (occurrence & 63)) & 1


def occur(ctx, actor):
    """Count the occurrences at hand: what they end, then what they begin; forget them."""
    found = load(ctx, FOUND)
    words = load(ctx, FOUND_WORDS)
    some = 0
    w = 0
    while w < words:
        some = some | load(found, w)
        w += 1
    if some == 0:
        return 0
    now = load(ctx, NOW)
    counts = load(ctx, COUNTS)
    first = load(ctx, FIRST)
    w = 0
    while w < words:
        bits = load(found, w)
        while bits:
            o = 64 * w + lowest_bit(bits)
            store(counts, o, load(counts, o) + 1)
            if load(first, o) == 0:
                store(first, o, now + 1)
            bits = bits & (bits - 1)
        w += 1
    m = 0
    while m < load(ctx, LATENCIES):
        slot = m * load(ctx, ACTORS)
        if load(load(ctx, BY_ACTOR), m):
            slot += actor
        pending = load(load(ctx, PENDING), slot)
        if is_found(ctx, load(load(ctx, TO), m)) and pending:
            sampled = load(ctx, SAMPLED)
            store(load(ctx, SAMPLES), 2 * sampled, m)
            store(load(ctx, SAMPLES), 2 * sampled + 1, now + 1 - pending)
            store(ctx, SAMPLED, sampled + 1)
            pending = 0
        if is_found(ctx, load(load(ctx, FROM), m)) and pending == 0:
            pending = now + 1
        store(load(ctx, PENDING), slot, pending)
        m += 1
    w = 0
    while w < words:
        store(found, w, 0)
        w += 1
    return 0


def watch(ctx):
    """Begin: every instance has to be looked at; count what is true at the start."""
    i = 0
    while i < load(ctx, INSTANCES):
        has_to_look(ctx, i)
        i += 1
    c = 0
    while c < load(ctx, CONDITIONS):
        if ask(ctx, c) == FAILED:
            return FAILED
        c += 1
    occur(ctx, 0)
    return GO_ON


def note(ctx, firing):
    """Keep an event for who asked for all of them."""
    logged = load(ctx, LOGGED)
    store(load(ctx, LOG), 2 * logged, load(ctx, NOW))
    store(load(ctx, LOG), 2 * logged + 1, firing)
    store(ctx, LOGGED, logged + 1)
    return 0


def take(ctx):
    """Take the firing that was chosen."""
    instance = load(ctx, CHOSEN) - 1
    pass_time(ctx, load(ctx, CHOSEN_END))
    firing = load(load(ctx, CURRENT), instance) - 1
    function = load(load(ctx, FUNCTION), instance)
    row = load(load(ctx, ROW), instance)
    evaluate(function, load(ctx, STATE), row, load(ctx, WRITTEN))
    store(load(ctx, BEGAN), instance, 0)
    store(ctx, TAKEN, firing)
    store(ctx, ENTERED, 0)
    store(ctx, EVENTS, load(ctx, EVENTS) + 1)
    has_to_look(ctx, instance)
    wake_readers(ctx)
    if load(ctx, LOG):
        note(ctx, firing)
    find(ctx, load(ctx, OCCURS), firing)
    if changes(ctx) == FAILED:
        return FAILED
    occur(ctx, load(load(ctx, ACTOR), firing))
    return GO_ON


def simulate(ctx, most):
    """Simulate at most so many events; there is room for what they leave behind."""
    while most:
        if load(ctx, ENTERED) == 0:
            if enter(ctx) == FAILED:
                return FAILED
        if load(ctx, CHOSEN) == 0 or load(ctx, CHOSEN_END) > load(ctx, UNTIL):
            return DONE
        if take(ctx) == FAILED:
            return FAILED
        if load(ctx, AT_ONCE) > MOST_AT_ONCE:
            return STANDS_STILL
        most -= 1
    return GO_ON


EXPORTED = (simulate, watch)
INTERNAL = (
    *LAWS, *CLOCKS, enter, has_to_look, may_matter, wake_readers, pass_time, find, ask,
    changes, is_found, occur, note, take,
)  # fmt: skip
