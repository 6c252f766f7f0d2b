# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The simulator in the kernel language: the same process as ``reference``, event by event.

Each firing (an instance with an ending) has a number; the arrays below are by that number unless
they say something else. The clock of an instance runs while ``STAMP`` says that it did in the state
before. Doubles are given as their bits.
"""

from __future__ import annotations

FIELDS = (
    "EXPAND",  # address of the machine's expand()
    "CONDITIONS",  # address of the machine's conditions()
    "STATE",  # address of the state at hand, WORDS words
    "OUT",  # address of its successors
    "COVERAGE",  # address of expand's counters; behind them the number of each successor's firing
    "COUNT",  # how many firings are enabled
    "ENTERED",  # 1 once the clocks are set for the state at hand
    "CHOSEN",  # 1 + which successor is next, or 0
    "CHOSEN_END",  # when
    "NOW",
    "EVENT",  # number of the state at hand, from 2 on
    "EVENTS",  # how many events there were
    "AT_ONCE",  # events since time went on
    "UNTIL",  # the last moment that is simulated
    "FAULT",  # 1 + the instance that failed
    "LAW",  # 1 + index of its law; 0 is immediate, NEVER is never taken
    "RANK",  # its priority, above 0
    "WEIGHT",
    "RULE",  # number of the row that is about it
    "MEMORY",  # 0 enabling, 1 age, 2 resampling
    "INSTANCE",  # whose firing it is
    "STREAM",  # by instance, and so on
    "DRAWS",  # how often its stream was drawn from
    "STAMP",
    "STARTED",  # the firing that its clock was started for
    "ENDS",
    "LEFT",  # 1 + what is left of a stopped clock, or 0
    "BEFORE",  # instances that were enabled in the state before (by position)
    "BEFORE_COUNT",
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
    "BITS",  # conditions that are true: 63 in the first word, 64 in each further one
    "NEXT_BITS",  # the same in the state that was entered
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
    "WORDS",  # of a state
    "COUNTERS",  # that expand() keeps, before it writes what leads where
    "AGES",  # 1 where some clocks age
    "WATCHING",  # conditions
    "LATENCIES",
    "ACTORS",
)
GO_ON, DONE, FAILED, STANDS_STILL = range(4)


def philox(ctx):
    """Fill the block of random numbers at hand."""
    draw = load(ctx, U_DRAW)
    a = draw & 0xFFFFFFFF
    b = (load(ctx, REPLICATION) << 16) | (load(ctx, U_TAKEN) >> 1)
    c = load(ctx, U_STREAM) & 0xFFFFFFFF
    d = load(ctx, U_STREAM) >> 32
    k = load(ctx, KEY) & 0xFFFFFFFF
    m = load(ctx, KEY) >> 32
    for _ in range(10):
        x = a * 0xD2511F53
        y = c * 0xCD9E8D57
        a = (y >> 32) ^ b ^ k
        c = (x >> 32) ^ d ^ m
        b = y & 0xFFFFFFFF
        d = x & 0xFFFFFFFF
        k = (k + 0x9E3779B9) & 0xFFFFFFFF
        m = (m + 0xBB67AE85) & 0xFFFFFFFF
    store(ctx, U_FIRST, (a << 32) | b)
    store(ctx, U_SECOND, (c << 32) | d)
    return 0


def begin_draw(ctx, stream, number):
    store(ctx, U_STREAM, stream)
    store(ctx, U_DRAW, number)
    store(ctx, U_TAKEN, 0)
    return 0


def uniform(ctx):
    """Return the next number between 0 and 1 of the draw at hand."""
    taken = load(ctx, U_TAKEN)
    if taken & 1:
        word = load(ctx, U_SECOND)
    else:
        philox(ctx)
        word = load(ctx, U_FIRST)
    store(ctx, U_TAKEN, taken + 1)
    return fmul(fadd(to_double(word >> 12), HALF), UNIT)


def normal(ctx):
    radius = sqrt(fmul(MINUS_TWO, log(uniform(ctx))))
    return fmul(radius, cos(fmul(TWO_PI, uniform(ctx))))


def erlang(ctx, mean, phases):
    total = 0
    left = to_integer(phases)
    while left:
        total = fsub(total, log(uniform(ctx)))
        left -= 1
    return fmul(total, fdiv(mean, phases))


def gamma(ctx, mean, shape):
    small = fless(shape, ONE)
    raised = shape
    if small:
        raised = fadd(shape, ONE)
    d = fsub(raised, THIRD)
    c = fdiv(ONE, sqrt(fmul(NINE, d)))
    found = 0
    while 1:
        x = normal(ctx)
        v = fadd(ONE, fmul(c, x))
        u = log(uniform(ctx))
        if fless(0, v):
            v = fmul(fmul(v, v), v)
            right = fadd(fmul(HALF, fmul(x, x)), fmul(d, fadd(fsub(ONE, v), log(v))))
            if fless(u, right):
                found = fmul(d, v)
                break
    if small:
        found = fmul(found, exp(fdiv(log(uniform(ctx)), shape)))
    return fmul(found, fdiv(mean, shape))


def interpolated(ctx, law, chosen):
    points = load(ctx, POINTS) + 16 * load(law, 5)
    last = load(law, 6) - 1
    at = 1
    while at < last and not fless(chosen, load(points, 2 * at)):
        at += 1
    p = load(points, 2 * at - 2)
    x = load(points, 2 * at - 1)
    q = load(points, 2 * at)
    y = load(points, 2 * at + 1)
    return fadd(x, fmul(fsub(y, x), fdiv(fsub(chosen, p), fsub(q, p))))


def chosen_part(ctx, law, chosen):
    points = load(ctx, POINTS) + 16 * load(law, 5)
    last = load(law, 6) - 1
    at = 0
    while at < last and not fless(chosen, load(points, 2 * at)):
        at += 1
    return load(law, 7) + to_integer(load(points, 2 * at + 1))


def to_lattice(ctx, law):
    period = to_integer(load(law, 1))
    phase = to_integer(load(law, 2))
    since = (load(ctx, NOW) + period - phase) % period
    return period - since + (to_integer(load(law, 3)) - 1) * period


def value(ctx, index):
    """Return a duration of a law before it is rounded."""
    law = load(ctx, LAWS) + 64 * index
    kind = load(law, 0)
    a = load(law, 1)
    found = a
    if kind == UNIFORM:
        found = fadd(a, fmul(fsub(load(law, 2), a), uniform(ctx)))
    elif kind == EXPONENTIAL:
        found = fmul(fmul(MINUS_ONE, a), log(uniform(ctx)))
    elif kind == ERLANG:
        found = erlang(ctx, a, load(law, 2))
    elif kind == GAMMA:
        found = gamma(ctx, a, load(law, 2))
    elif kind == LOGNORMAL:
        found = fmul(a, exp(fmul(load(law, 2), normal(ctx))))
    elif kind == QUANTILES:
        found = interpolated(ctx, law, uniform(ctx))
    elif kind == CHOICE:
        found = value(ctx, chosen_part(ctx, law, uniform(ctx)))
    elif kind == LATTICE:
        found = to_double(to_lattice(ctx, law))
        if load(law, 6):
            found = fadd(found, value(ctx, load(law, 7)))
    return fadd(found, load(law, 4))


def sample(ctx, index):
    found = floor(fadd(value(ctx, index), HALF))
    if fless(found, 0):
        return 0
    return to_integer(found)


def same_rule(ctx, one, other):
    """Say whether the same row of the timing is about two firings."""
    return load(load(ctx, RULE), one) == load(load(ctx, RULE), other)


def start_clock(ctx, instance, firing):
    """Start the clock of an instance, or let it go on where it was stopped."""
    same = same_rule(ctx, firing, load(load(ctx, STARTED), instance))
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


def set_clocks(ctx, names, count, event):
    """Start, and draw anew, the clocks of what is enabled."""
    instances = load(ctx, INSTANCE)
    laws = load(ctx, LAW)
    starts = load(ctx, STARTED)
    stamps = load(ctx, STAMP)
    rules = load(ctx, RULE)
    memories = load(ctx, MEMORY)
    i = 0
    while i < count:
        firing = load(names, i)
        instance = load(instances, firing)
        if load(laws, firing) != NEVER:
            started = load(starts, instance)
            if (
                load(stamps, instance) + 1 != event
                or load(rules, firing) != load(rules, started)
                or load(memories, started) == 2
            ):
                start_clock(ctx, instance, firing)
            store(stamps, instance, event)
        i += 1
    return 0


def stop_clocks(ctx, event):
    """Note what is left of the clocks that age and are not enabled any more."""
    before = load(ctx, BEFORE)
    count = load(ctx, BEFORE_COUNT)
    i = 0
    while i < count:
        instance = load(before, i)
        started = load(load(ctx, STARTED), instance)
        if load(load(ctx, STAMP), instance) + 1 == event and load(load(ctx, MEMORY), started) == 1:
            if load(load(ctx, LAW), started) != 0:
                left = load(load(ctx, ENDS), instance) - load(ctx, NOW)
                store(load(ctx, LEFT), instance, left + 1)
        i += 1
    return 0


def keep_names(ctx, names, count):
    before = load(ctx, BEFORE)
    i = 0
    while i < count:
        store(before, i, load(load(ctx, INSTANCE), load(names, i)))
        i += 1
    store(ctx, BEFORE_COUNT, count)
    return 0


def end_of(ctx, firing):
    """Return 1 + when a firing happens; 0 is at once, and NEVER is never."""
    if load(load(ctx, LAW), firing) == NEVER:
        return NEVER
    instance = load(load(ctx, INSTANCE), firing)
    if load(load(ctx, LAW), load(load(ctx, STARTED), instance)) == 0:
        return 0
    return load(load(ctx, ENDS), instance) + 1


def rule_of(ctx, firing):
    """Return the firing whose rank and weight count: the one that the clock was started for."""
    return load(load(ctx, STARTED), load(load(ctx, INSTANCE), firing))


def choose(ctx, names, count):
    """Choose what happens next: the earliest, of these the highest, of these by chance."""
    best = NEVER
    highest = 0
    ties = 0
    chosen = 0
    i = 0
    while i < count:
        firing = load(names, i)
        end = end_of(ctx, firing)
        if end != NEVER:
            rank = load(load(ctx, RANK), rule_of(ctx, firing))
            if end < best or (end == best and rank > highest):
                best = end
                highest = rank
                ties = 1
                chosen = i + 1
            elif end == best and rank == highest:
                ties += 1
        i += 1
    if ties > 1:
        chosen = by_chance(ctx, names, count, best, highest)
    store(ctx, CHOSEN, chosen)
    store(ctx, CHOSEN_END, best - 1)
    if best == 0:
        store(ctx, CHOSEN_END, load(ctx, NOW))
    return 0


def tied(ctx, firing, best, highest):
    """Return the weight of a firing that may be chosen by chance, or 0."""
    if end_of(ctx, firing) != best:
        return 0
    rule = rule_of(ctx, firing)
    if load(load(ctx, RANK), rule) != highest:
        return 0
    return load(load(ctx, WEIGHT), rule)


def by_chance(ctx, names, count, best, highest):
    total = 0
    i = 0
    while i < count:
        total = fadd(total, tied(ctx, load(names, i), best, highest))
        i += 1
    number = load(ctx, TIE_DRAWS)
    store(ctx, TIE_DRAWS, number + 1)
    begin_draw(ctx, load(ctx, TIES), number)
    limit = fmul(uniform(ctx), total)
    below = 0
    last = 0
    i = 0
    while i < count:
        weight = tied(ctx, load(names, i), best, highest)
        if fless(0, weight):
            below = fadd(below, weight)
            last = i + 1
            if fless(limit, below):
                return last
        i += 1
    return last


def enter(ctx):
    """Find what is enabled in the state at hand, set the clocks, and choose what is next."""
    event = load(ctx, EVENT) + 1
    store(ctx, EVENT, event)
    out = load(ctx, OUT)
    count = expand(load(ctx, EXPAND), load(ctx, STATE), out, load(ctx, COVERAGE))
    if negative(count):
        store(ctx, FAULT, 0 - count)
        return FAILED
    names = load(ctx, COVERAGE) + 8 * load(ctx, COUNTERS)
    store(ctx, COUNT, count)
    set_clocks(ctx, names, count, event)
    if load(ctx, AGES):
        stop_clocks(ctx, event)
        keep_names(ctx, names, count)
    choose(ctx, names, count)
    store(ctx, ENTERED, 1)
    return GO_ON


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
            first = 63 + 64 * w
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


def changes(ctx):
    """Add the occurrences of the conditions that changed to those at hand."""
    if load(ctx, WATCHING) == 0:
        return 0
    before = load(ctx, BITS)
    now = load(ctx, NEXT_BITS)
    words = load(ctx, BIT_WORDS)
    w = 1
    while w < words:
        store(now, w, 0)
        w += 1
    store(now, 0, conditions(load(ctx, CONDITIONS), load(ctx, STATE), now + 8))
    first = 0
    w = 0
    while w < words:
        is_true = load(now, w)
        changed = is_true ^ load(before, w)
        if w == 0:
            changed = changed & NO_FAULT
        while changed:
            c = lowest_bit(changed)
            if (is_true >> c) & 1:
                find(ctx, load(ctx, RISES), first + c)
            else:
                find(ctx, load(ctx, FALLS), first + c)
            changed = changed & (changed - 1)
        store(before, w, is_true)
        first = 63 + 64 * w
        w += 1
    return 0


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
    """Count what is true at the start."""
    if load(ctx, WATCHING):
        changes(ctx)
        occur(ctx, 0)
        if load(load(ctx, BITS), 0) >> 63:
            return FAILED
    return GO_ON


def take(ctx):
    """Take the firing that was chosen."""
    at = load(ctx, CHOSEN) - 1
    pass_time(ctx, load(ctx, CHOSEN_END))
    firing = load(load(ctx, COVERAGE) + 8 * load(ctx, COUNTERS), at)
    words = load(ctx, WORDS)
    w = 0
    while w < words:
        store(load(ctx, STATE), w, load(load(ctx, OUT), at * words + w))
        w += 1
    store(load(ctx, STAMP), load(load(ctx, INSTANCE), firing), 0)
    store(ctx, ENTERED, 0)
    store(ctx, EVENTS, load(ctx, EVENTS) + 1)
    if load(ctx, LOG):
        logged = load(ctx, LOGGED)
        store(load(ctx, LOG), 2 * logged, load(ctx, NOW))
        store(load(ctx, LOG), 2 * logged + 1, firing)
        store(ctx, LOGGED, logged + 1)
    find(ctx, load(ctx, OCCURS), firing)
    changes(ctx)
    occur(ctx, load(load(ctx, ACTOR), firing))
    return 0


def simulate(ctx, most):
    """Simulate at most so many events; there is room for what they leave behind."""
    while most:
        if load(ctx, ENTERED) == 0:
            if enter(ctx) == FAILED:
                return FAILED
        if load(ctx, CHOSEN) == 0 or load(ctx, CHOSEN_END) > load(ctx, UNTIL):
            return DONE
        take(ctx)
        if load(load(ctx, BITS), 0) >> 63:
            return FAILED
        if load(ctx, AT_ONCE) > MOST_AT_ONCE:
            return STANDS_STILL
        most -= 1
    return GO_ON


EXPORTED = (simulate, watch)
INTERNAL = (
    philox, begin_draw, uniform, normal, erlang, gamma, interpolated, chosen_part, to_lattice,
    value, sample, same_rule, start_clock, set_clocks, stop_clocks, keep_names, end_of, rule_of,
    choose, tied, by_chance, enter, pass_time, find, changes,
    is_found, occur, take,
)  # fmt: skip
