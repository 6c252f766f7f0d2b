# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The simulator in the kernel language: the same process as ``reference``, event by event.

Each firing (an instance with an ending) has a number; the arrays below are by that number unless
they say something else. After an event only those instances are looked at, and those conditions
asked, that read what it changed; so an event costs as much in a large world as in a small one.
Doubles are given as their bits.
"""

from __future__ import annotations

from vmlitmus.simulation.simulators.kernel_laws import LAWS

FIELDS = (
    "STATE",  # address of the state at hand: the words of each variable
    "WRITTEN",  # how many of its words the last event changed, and which
    "INSTANCES",
    "FUNCTION",  # by instance: address of the function that says whether it is enabled
    "ROW",  # and of the row of that function's table
    "CURRENT",  # 1 + the firing that would be taken now, or 0
    "ENABLED",  # the instances with one, as words of bits
    "ENABLED_WORDS",
    "READERS_BEGIN",  # by word of the state: where its readers begin, which are instances
    "READERS",
    "TODO",  # instances that have to be looked at in the state at hand
    "TODO_COUNT",
    "MARK",  # the event after which each instance was looked at last
    "STREAM",
    "DRAWS",  # how often its stream was drawn from
    "BEGAN",  # 1 while its clock runs, or it is immediate
    "STARTED",  # the firing that its clock was started for
    "ENDS",
    "LEFT",  # 1 + what is left of a stopped clock, or 0
    "STOPPED",  # the firing that it was started for
    "RESAMPLES",  # 1 where some clocks are drawn anew after every event
    "ENTERED",  # 1 once the clocks are set for the state at hand
    "CHOSEN",  # 1 + which instance is next, or 0
    "CHOSEN_END",  # when
    "TAKEN",  # the firing that was taken last
    "NOW",
    "EVENTS",  # how many events there were
    "AT_ONCE",  # events since time went on
    "UNTIL",  # the last moment that is simulated
    "LAW",  # by firing: 1 + index of its law; 0 is immediate, NEVER is never taken
    "RANK",  # its priority, above 0
    "WEIGHT",
    "RULE",  # number of the row that is about it
    "MEMORY",  # 0 enabling, 1 age, 2 resampling
    "KEY",  # the seed
    "REPLICATION",
    "TIES",  # the stream that decides at one instant
    "TIE_DRAWS",
    "LAWS",  # 8 words each: kind, a, b, c, plus, first point, points, first part
    "POINTS",  # 2 words each: probability, value or part
    "U_STREAM",  # the draw at hand: its stream, its number, how many were taken, and a block
    "U_DRAW",
    "U_TAKEN",
    "U_FIRST",
    "U_SECOND",
    "CONDITIONS",  # how many are watched
    "CONDITION_FUNCTION",  # by condition: as of an instance
    "CONDITION_ROW",
    "WATCHERS_BEGIN",  # by word of the state: where the conditions that read it begin
    "WATCHERS",
    "BITS",  # conditions that are true, as words of bits
    "BIT_WORDS",
    "SHARES",  # time in which each condition was true
    "RISES",  # occurrences, as FOUND_WORDS words of bits, of each condition that becomes true
    "FALLS",
    "OCCURS",  # occurrences that a firing is, as words of bits
    "FOUND",  # occurrences at hand, as words of bits
    "FOUND_WORDS",
    "ACTOR",
    "COUNTS",  # how often each occurrence came
    "FIRST",  # 1 + when it first came, or 0
    "FROM",  # by latency: the occurrence that begins it
    "TO",
    "BY_ACTOR",
    "PENDING",  # 1 + since when, by latency and actor
    "SAMPLES",  # pairs: latency, value
    "SAMPLED",
    "LOG",  # pairs: time, firing; 0 when nobody asks
    "LOGGED",
    "LATENCIES",
    "ACTORS",
)
GO_ON, DONE, FAILED, STANDS_STILL = range(4)


def same_rule(ctx, one, other):
    """Say whether the same row of the timing is about two firings."""
    return load(load(ctx, RULE), one) == load(load(ctx, RULE), other)


def start_clock(ctx, instance, firing):
    """Start the clock of an instance, or let it go on where it was stopped."""
    same = same_rule(ctx, firing, load(load(ctx, STOPPED), instance))
    store(load(ctx, STARTED), instance, firing)
    law = load(load(ctx, LAW), firing)
    if law == 0:
        return 0
    left = load(load(ctx, LEFT), instance)
    now = load(ctx, NOW)
    store(load(ctx, LEFT), instance, 0)
    if left and same:
        store(load(ctx, ENDS), instance, now + left - 1)
        return 0
    number = load(load(ctx, DRAWS), instance)
    store(load(ctx, DRAWS), instance, number + 1)
    begin_draw(ctx, load(load(ctx, STREAM), instance), number)
    store(load(ctx, ENDS), instance, now + sample(ctx, law - 1))
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
        left = load(load(ctx, ENDS), instance) - load(ctx, NOW)
        store(load(ctx, LEFT), instance, left + 1)
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


def end_of(ctx, instance):
    """Return 1 + when an enabled instance fires; 0 is at once."""
    if load(load(ctx, LAW), load(load(ctx, STARTED), instance)) == 0:
        return 0
    return load(load(ctx, ENDS), instance) + 1


def choose(ctx):
    """Choose what happens next: the earliest, of these the highest, of these by chance.

    The rank that counts is that of the firing for which the clock was started.
    """
    best = NEVER
    highest = 0
    ties = 0
    chosen = 0
    ranks = load(ctx, RANK)
    started = load(ctx, STARTED)
    w = 0
    while w < load(ctx, ENABLED_WORDS):
        bits = load(load(ctx, ENABLED), w)
        while bits:
            instance = 64 * w + lowest_bit(bits)
            end = end_of(ctx, instance)
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
    if end_of(ctx, instance) != best:
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


def wake_readers(ctx):
    """List the instances that read what the last event changed."""
    written = load(ctx, WRITTEN)
    begins = load(ctx, READERS_BEGIN)
    i = load(written, 0)
    while i:
        word = load(written, i)
        reader = load(begins, word)
        while reader < load(begins, word + 1):
            has_to_look(ctx, load(load(ctx, READERS), reader))
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
    *LAWS, same_rule, start_clock, is_resampled, enable, disable, look_at, redraw, end_of,
    choose, tied, total_weight, by_chance, enter, has_to_look, wake_readers, pass_time, find, ask,
    changes, is_found, occur, note, take,
)  # fmt: skip
