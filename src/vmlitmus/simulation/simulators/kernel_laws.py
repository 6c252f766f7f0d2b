# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""Random numbers, and how long something takes, in the kernel language: as ``laws`` defines them.

``ctx`` is that of ``kernel_context``, whose fields the names in capitals are.
"""

from __future__ import annotations


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


LAWS = (
    philox, begin_draw, uniform, normal, erlang, gamma, interpolated, chosen_part, to_lattice,
    value, sample,
)  # fmt: skip
