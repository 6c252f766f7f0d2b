# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The passes of a liveness search, in the kernel language (see ``language``).

They run after a complete search, in this order: ``look`` evaluates the conditions, ``wait`` finds
the states in which a run may wait in vain, nearest first, and writes their steps; then, in rounds,
``cut`` finds strongly connected components and ``judge`` decides which is fair, which has no
fair part, and what has to be left out for the next round. ``liveness`` is the definition.

The context is an array of 64-bit numbers; its fields are the constants in capitals below. Arrays
are indexed by state unless something else is said.
"""

from __future__ import annotations

from collections.abc import Callable

FIELDS = (
    # what the search left
    "LOG",
    "LEVELS",
    "FIRST",  # index of the state's first step; the next state's is behind its last one
    "TARGETS",  # where each step leads, 32 bits each
    "TAKEN",  # the instance of each step, 32 bits each
    "CONDITIONS",
    "MORE",
    "STATES",
    # the waiting states
    "AWAITED",  # bit of the condition that has to come
    "ASKED",  # bit of the condition where the waiting begins; 0: only in the initial state
    "TRUTH",  # a byte: bit 0 is what is awaited is not there, bit 1 a run begins to wait here
    "LEVEL",  # the level of the state that is looked at
    "DEPTH",  # distance from the initial state, 32 bits
    "LENGTH",  # 1 + the steps of the shortest run that waits here, 32 bits; 0 when none does
    "CAME",  # the state before on that run, 32 bits; the state itself where the waiting begins
    "SOURCE",  # the next state where the waiting may begin
    "QUEUE",  # states reached by waiting, 32 bits each
    "HEAD",
    "TAIL",
    "ORDER",  # waiting states in order of LENGTH, 32 bits each; later those of the round
    "COUNT",  # how many they are
    # components
    "OPEN",  # a byte: whether it may be part of a fair component
    "NUMBER",  # order of the visit, 32 bits; 0 before it, CLOSED where a visit is of no use
    "STACK",  # visited states without a component, 32 bits each
    "STACKED",
    "CALLS",  # states being visited: the next step, 64 bits, the state, the least number it reaches
    "CALLED",
    "ROOT",  # place in ORDER from which the next visit starts
    "VISITED",
    "PART",  # component of this round, 32 bits; 0 before it is known
    "PARTS",  # how many components
    "MEMBERS",  # states component by component, 32 bits each
    "PLACED",  # how many they are
    # fairness
    "PROMISE",  # for each instance 1 + the index of its promise, or 0; weak ones first
    "WEAK",  # how many weak promises
    "PROMISES",  # how many in all
    "ENABLED",  # for each promise: in how many states of the component it is enabled
    "KEPT",  # for each promise: whether a step inside the component takes it
    "JUDGED",  # place in MEMBERS up to which components were judged
    "BEST",  # least LENGTH of a fair component, or 0
    "BEST_FROM",  # its place in MEMBERS
    "BEST_TO",
    "BEST_ENABLED",  # for each promise: whether it is enabled somewhere in it
    # the way between two states of the component found
    "END",  # where it leads
    "LAST",  # 1 + the state before the end, or 0; NUMBER has the same for each state on the way
)


def look(g, first, last):
    """Note for the states first..last-1 whether a run may wait there, and their distance."""
    truth = load(g, TRUTH)
    depth = load(g, DEPTH)
    while first < last:
        at = load(g, LOG) + first * (8 * WORDS)
        seen = conditions(load(g, CONDITIONS), at, load(g, MORE))
        asked = (seen & load(g, ASKED)) != 0
        if load(g, ASKED) == 0:
            asked = first == 0
        if (seen & load(g, AWAITED)) == 0:
            store8(truth, first, 1 + 2 * asked)
        while load32(load(g, LEVELS), load(g, LEVEL)) <= first:
            store(g, LEVEL, load(g, LEVEL) + 1)
        store32(depth, first, load(g, LEVEL))
        store32(load(g, NUMBER), first, CLOSED)
        first += 1
    return 0


def wait_on(g, state):
    """Queue the waiting states that the steps of a waiting state reach first."""
    length = load32(load(g, LENGTH), state)
    tail = load(g, TAIL)
    e = load(load(g, FIRST), state)
    last = load(load(g, FIRST), state + 1)
    while e < last:
        target = load32(load(g, TARGETS), e)
        if load8(load(g, TRUTH), target) != 0 and load32(load(g, LENGTH), target) == 0:
            store32(load(g, LENGTH), target, length + 1)
            store32(load(g, CAME), target, state)
            store32(load(g, QUEUE), tail, target)
            tail += 1
        e += 1
    store(g, TAIL, tail)
    return 0


def next_source(g):
    """Return the next state where the waiting begins and that is not reached by waiting."""
    source = load(g, SOURCE)
    while source < load(g, STATES):
        if load8(load(g, TRUTH), source) == 3 and load32(load(g, LENGTH), source) == 0:
            break
        source += 1
    store(g, SOURCE, source)
    return source


def wait(g, budget):
    """Go on to find waiting states, nearest first; return 0 when all are found."""
    while budget != 0:
        source = next_source(g)
        state = source
        if load(g, HEAD) < load(g, TAIL):
            state = load32(load(g, QUEUE), load(g, HEAD))
        else:
            if source == load(g, STATES):
                return 0
        if source < load(g, STATES):
            depth = load32(load(g, DEPTH), source)
            if load(g, HEAD) == load(g, TAIL) or depth < load32(load(g, LENGTH), state):
                state = source
                store32(load(g, LENGTH), state, depth + 1)
                store32(load(g, CAME), state, state)
            else:
                store(g, HEAD, load(g, HEAD) + 1)
        else:
            store(g, HEAD, load(g, HEAD) + 1)
        store32(load(g, ORDER), load(g, COUNT), state)
        store(g, COUNT, load(g, COUNT) + 1)
        store8(load(g, OPEN), state, 1)
        store32(load(g, NUMBER), state, 0)
        wait_on(g, state)
        budget -= 1
    return 1


def visit(g, state):
    """Begin to visit a state."""
    number = load(g, VISITED) + 1
    store(g, VISITED, number)
    store32(load(g, NUMBER), state, number)
    store32(load(g, STACK), load(g, STACKED), state)
    store(g, STACKED, load(g, STACKED) + 1)
    call = load(g, CALLS) + 16 * load(g, CALLED)
    store(call, 0, load(load(g, FIRST), state))
    store32(call, 2, state)
    store32(call, 3, number)
    store(g, CALLED, load(g, CALLED) + 1)
    return 0


def follow(g, call):
    """Follow steps to states whose component is open; return one not visited yet, or CLOSED."""
    number = load(g, NUMBER)
    targets = load(g, TARGETS)
    low = load32(call, 3)
    e = load(call, 0)
    last = load(load(g, FIRST), load32(call, 2) + 1)
    found = CLOSED
    while e < last:
        target = load32(targets, e)
        e += 1
        met = load32(number, target)
        if met < low:
            if met == 0:
                found = target
                if e < last:
                    prefetch(load(g, FIRST), load32(targets, e))
                if e + 1 < last:
                    prefetch(load(g, FIRST), load32(targets, e + 1))
                break
            low = met
    store32(call, 3, low)
    store(call, 0, e)
    return found


def leave(g, call):
    """End the visit of a state; if it is the first of its component, the component is complete."""
    state = load32(call, 2)
    low = load32(call, 3)
    called = load(g, CALLED) - 1
    store(g, CALLED, called)
    if called != 0:
        before = call - 16
        if low < load32(before, 3):
            store32(before, 3, low)
    if low == load32(load(g, NUMBER), state):
        part = load(g, PARTS) + 1
        store(g, PARTS, part)
        member = CLOSED
        while member != state:
            stacked = load(g, STACKED) - 1
            store(g, STACKED, stacked)
            member = load32(load(g, STACK), stacked)
            store32(load(g, PART), member, part)
            store32(load(g, NUMBER), member, CLOSED)
            store32(load(g, MEMBERS), load(g, PLACED), member)
            store(g, PLACED, load(g, PLACED) + 1)
    return 0


def cut(g, budget):
    """Go on to find components (Tarjan's algorithm); return 0 when all states have theirs."""
    while budget != 0:
        budget -= 1
        if load(g, CALLED) == 0:
            root = load(g, ROOT)
            if root == load(g, COUNT):
                return 0
            store(g, ROOT, root + 1)
            state = load32(load(g, ORDER), root)
            if load32(load(g, NUMBER), state) == 0:
                visit(g, state)
            continue
        call = load(g, CALLS) + 16 * (load(g, CALLED) - 1)
        target = follow(g, call)
        if target == CLOSED:
            leave(g, call)
        else:
            visit(g, target)
    return 1


def ahead(g, begin, end):
    """Prefetch where the steps of the members of a component stand that come next."""
    if begin + 2 * AHEAD < end:
        prefetch(load(g, FIRST), load32(load(g, MEMBERS), begin + 2 * AHEAD))
        first = load(load(g, FIRST), load32(load(g, MEMBERS), begin + AHEAD))
        prefetch(load(g, TAKEN), first >> 1)
    return 0


def weigh(g, begin, end):
    """Count, for each promise, where in a component it is enabled, and whether it is kept."""
    enabled = load(g, ENABLED)
    kept = load(g, KEPT)
    i = 0
    while i < load(g, PROMISES):
        store(enabled, i, 0)
        store(kept, i, 0)
        i += 1
    promises = load(g, PROMISE)
    taken = load(g, TAKEN)
    part = load32(load(g, PART), load32(load(g, MEMBERS), begin))
    while begin < end:
        ahead(g, begin, end)
        state = load32(load(g, MEMBERS), begin)
        e = load(load(g, FIRST), state)
        last = load(load(g, FIRST), state + 1)
        while e < last:
            promise = load(promises, load32(taken, e))
            if promise != 0:
                store(enabled, promise - 1, load(enabled, promise - 1) + 1)
                if load(kept, promise - 1) == 0:
                    if load32(load(g, PART), load32(load(g, TARGETS), e)) == part:
                        store(kept, promise - 1, 1)
            e += 1
        begin += 1
    return 0


def is_broken(g, promise, size):
    """Say whether a promise is broken by a run through the component just weighed."""
    if load(load(g, KEPT), promise) != 0:
        return 0
    enabled = load(load(g, ENABLED), promise)
    if promise < load(g, WEAK):
        return enabled == size
    return enabled != 0


def keep(g, begin, end):
    """Note a fair component if it is the nearest so far."""
    best = load(g, BEST)
    k = begin
    while k < end:
        length = load32(load(g, LENGTH), load32(load(g, MEMBERS), k))
        if best == 0 or length < best:
            best = length
        k += 1
    if best != load(g, BEST):
        store(g, BEST, best)
        store(g, BEST_FROM, begin)
        store(g, BEST_TO, end)
        k = 0
        while k < load(g, PROMISES):
            store(load(g, BEST_ENABLED), k, load(load(g, ENABLED), k))
            k += 1
    return 0


def is_out(g, state):
    """Say whether a broken (strong) promise is enabled in a state of the component weighed."""
    promises = load(g, PROMISE)
    taken = load(g, TAKEN)
    weak = load(g, WEAK)
    e = load(load(g, FIRST), state)
    last = load(load(g, FIRST), state + 1)
    while e < last:
        promise = load(promises, load32(taken, e))
        if promise > weak:
            if load(load(g, KEPT), promise - 1) == 0:
                return 1
        e += 1
    return 0


def leave_out(g, begin, end, everything):
    """Leave the states out that no fair part can have; all of them, or some."""
    while begin < end:
        ahead(g, begin, end)
        state = load32(load(g, MEMBERS), begin)
        if everything != 0 or is_out(g, state) != 0:
            store8(load(g, OPEN), state, 0)
        begin += 1
    return 0


def judge(g, budget):
    """Go on to judge components; return 0 when all are judged."""
    until = load(g, JUDGED) + budget
    while load(g, JUDGED) < until:
        begin = load(g, JUDGED)
        if begin == load(g, PLACED):
            return 0
        part = load32(load(g, PART), load32(load(g, MEMBERS), begin))
        end = begin
        while end < load(g, PLACED):
            if load32(load(g, PART), load32(load(g, MEMBERS), end)) != part:
                break
            end += 1
        weigh(g, begin, end)
        weak = 0
        strong = 0
        i = 0
        while i < load(g, PROMISES):
            if is_broken(g, i, end - begin) != 0:
                if i < load(g, WEAK):
                    weak = 1
                else:
                    strong = 1
            i += 1
        if weak == 0 and strong == 0:
            keep(g, begin, end)
        leave_out(g, begin, end, (weak + (strong == 0)) != 0)
        store(g, JUDGED, end)
    return 1


def next_round(g):
    """Begin a round with the states that are left."""
    k = 0
    count = 0
    while k < load(g, PLACED):
        state = load32(load(g, MEMBERS), k)
        store32(load(g, PART), state, 0)
        if load8(load(g, OPEN), state) != 0:
            store32(load(g, NUMBER), state, 0)
            store32(load(g, ORDER), count, state)
            count += 1
        k += 1
    store(g, COUNT, count)
    store(g, ROOT, 0)
    store(g, VISITED, 0)
    store(g, PARTS, 0)
    store(g, PLACED, 0)
    store(g, JUDGED, 0)
    return 0


def begin_way(g, start, end):
    """Begin to look for a way inside the component found, from one state to another."""
    k = load(g, BEST_FROM)
    while k < load(g, BEST_TO):
        store32(load(g, NUMBER), load32(load(g, MEMBERS), k), 0)
        k += 1
    store32(load(g, NUMBER), start, start + 1)
    store32(load(g, QUEUE), 0, start)
    store(g, HEAD, 0)
    store(g, TAIL, 1)
    store(g, END, end)
    store(g, LAST, 0)
    return 0


def way(g, budget):
    """Go on to look for it; return 0 when it is found, or there is none."""
    while load(g, HEAD) < load(g, TAIL) and budget != 0:
        state = load32(load(g, QUEUE), load(g, HEAD))
        store(g, HEAD, load(g, HEAD) + 1)
        e = load(load(g, FIRST), state)
        last = load(load(g, FIRST), state + 1)
        while e < last:
            target = load32(load(g, TARGETS), e)
            if load32(load(g, PART), target) == load32(load(g, PART), state):
                if target == load(g, END):
                    store(g, LAST, state + 1)
                    return 0
                if load32(load(g, NUMBER), target) == 0:
                    store32(load(g, NUMBER), target, state + 1)
                    store32(load(g, QUEUE), load(g, TAIL), target)
                    store(g, TAIL, load(g, TAIL) + 1)
            e += 1
        budget -= 1
    return load(g, HEAD) < load(g, TAIL)


INTERNAL: list[Callable[..., int]] = [
    wait_on,
    next_source,
    visit,
    follow,
    leave,
    ahead,
    weigh,
    is_broken,
    keep,
    is_out,
    leave_out,
]
EXPORTED: list[Callable[..., int]] = [look, wait, cut, judge, next_round, begin_way, way]
