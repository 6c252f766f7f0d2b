# mypy: disable-error-code="no-untyped-def, no-untyped-call, name-defined, attr-defined"
# ruff: noqa: F821 - names in capitals are constants given when compiling
"""The passes of a liveness search, in the kernel language (see ``language``).

They run after a complete search, in this order: ``look`` evaluates the conditions, ``wait`` finds
the states in which a run may wait in vain, nearest first, and writes their steps; then, in rounds,
``cut`` finds strongly connected components and ``judge`` decides which is fair, which has no
fair part, and what has to be left out for the next round. ``liveness`` is the definition.

The context is the search's, with the fields below behind it. Waiting states have numbers in the
order in which they are found, from 1 on, and arrays are indexed by these unless something else is
said; 0 stands for all states in which no run waits.
"""

from __future__ import annotations

from collections.abc import Callable

from vmlitmus.engine.native.kernels import graph

FIELDS = (
    "INDEX",  # the state in each slot of the table, 32 bits each
    "STATES",
    "NAMES",  # address of the instances that lead to successors, as expand() writes them
    # the waiting states
    "AWAITED",  # bit of the condition that has to come
    "ASKED",  # bit of the condition where the waiting begins; 0: only in the initial state
    "WAITS",  # by state: its number, 0 before it is known, BEGINS where a run begins to wait, or
    # CLOSED where what is awaited is there; 32 bits each
    "SOURCE",  # the next state where the waiting may begin
    "LEVEL",  # the level of that state
    "LENGTH",  # the steps of the shortest run that waits in the states at hand
    "ORDER",  # the state with each number, 32 bits
    "CAME",  # the number before on the run there; its own where the waiting begins; 32 bits
    "NEXT",  # the next number whose steps are to be written
    "BEHIND",  # the first number behind those of the length at hand
    "COUNT",  # the number that the next waiting state gets
    "FIRST",  # index of the first step; that of the next number is behind the last one
    "TARGETS",  # the number to which each step leads, 32 bits each
    "TAKEN",  # the instance of each step, 1 << TAKEN_BITS bytes each
    "EDGES",  # how many steps were written
    "EDGE_ROOM",  # how many there may be before these arrays must grow
    # components
    "ROOTS",  # the numbers from which visits start in later rounds, 32 bits each
    "ROUND",  # which round it is
    "LAST_ROOT",  # how many visits may start
    "ROOT",  # the next one
    "NUMBER",  # order of the visit, 32 bits; 0 before it, CLOSED where a visit is of no use
    "VISITED",
    "STACKED",  # visited states without a component, 32 bits each
    "STACK_HEIGHT",
    "CALLS",  # states being visited: the next step, 64 bits, the state, the least number it reaches
    "CALLED",
    "PART",  # component of this round, 32 bits; 0 before it is known, and where it has no fair part
    "PARTS",  # how many components
    "MEMBERS",  # numbers component by component, 32 bits each
    "PLACED",  # how many they are
    # fairness: sets of promises are SETS words, with a bit for each
    "PROMISE",  # for each instance 1 + the index of its promise, or 0
    "WEAK",  # the weak promises
    "STRONG",  # the strong ones
    "ENABLED",  # by number: what is enabled
    "ALWAYS",  # what is enabled in all states of the component
    "EVER",  # what is enabled in some
    "KEPT",  # what a step inside the component takes
    "BROKEN",  # what a run through it breaks
    "JUDGED",  # place in MEMBERS up to which components were judged
    "BEST",  # least number in a fair component, or 0
    "BEST_FROM",  # its place in MEMBERS
    "BEST_TO",
    "BEST_EVER",  # what is enabled somewhere in it
    # the way between two states of the component found
    "QUEUE",  # numbers reached, 32 bits each
    "QUEUE_HEAD",
    "QUEUE_TAIL",
    "END",  # where it leads
    "BEFORE_END",  # the number before the end, or 0; NUMBER has the same for each on the way
)


def look(g, first, last):
    """Note for the states first..last-1 whether a run may wait there, and begin to."""
    waits = load(g, WAITS)
    while first < last:
        at = load(g, LOG) + first * (8 * WORDS)
        seen = conditions(load(g, CONDITIONS), at, load(g, MORE))
        if (seen & load(g, AWAITED)) != 0:
            store32(waits, first, CLOSED)
        else:
            asked = seen & load(g, ASKED)
            if load(g, ASKED) == 0:
                asked = first == 0
            if asked != 0:
                store32(waits, first, BEGINS)
        first += 1
    return 0


def enlist(g, state, came):
    """Give a state the next number; return it."""
    number = load(g, COUNT)
    store32(load(g, WAITS), state, number)
    store32(load(g, ORDER), number, state)
    if came == 0:
        came = number
    store32(load(g, CAME), number, came)
    store(g, COUNT, number + 1)
    return number


def next_source(g):
    """Return the next state where the waiting begins and that is not reached by waiting."""
    source = load(g, SOURCE)
    while source < load(g, STATES):
        if load32(load(g, WAITS), source) == BEGINS:
            break
        source += 1
    store(g, SOURCE, source)
    while source < load(g, STATES) and load32(load(g, LEVELS), load(g, LEVEL)) <= source:
        store(g, LEVEL, load(g, LEVEL) + 1)
    return source


def lengthen(g):
    """Go on to the states with the next length; say whether there are any."""
    source = next_source(g)
    if load(g, NEXT) == load(g, COUNT):
        if source == load(g, STATES):
            return 0
        store(g, LENGTH, load(g, LEVEL))
    else:
        store(g, LENGTH, load(g, LENGTH) + 1)
    while source < load(g, STATES) and load(g, LEVEL) <= load(g, LENGTH):
        enlist(g, source, 0)
        source = next_source(g)
    store(g, BEHIND, load(g, COUNT))
    return 1


def take(taken, e):
    """Return the instance of a step."""
    if TAKEN_BITS == 0:
        return load8(taken, e)
    if TAKEN_BITS == 1:
        return load16(taken, e)
    return load32(taken, e)


def add(promises, promise):
    """Put a promise into a set."""
    word = promises + 8 * (promise >> 6)
    store(word, 0, load(word, 0) | (1 << (promise & 63)))
    return 0


def note_taken(g, e, got, enabled):
    """Note the instances of the ``got`` steps from e on, and which promises a state enables."""
    names = load(g, NAMES)
    taken = load(g, TAKEN)
    k = 0
    while k < got:
        promise = load(load(g, PROMISE), load(names, k))
        if promise != 0:
            add(enabled, promise - 1)
        if TAKEN_BITS == 0:
            store8(taken, e + k, load(names, k))
        if TAKEN_BITS == 1:
            store16(taken, e + k, load(names, k))
        if TAKEN_BITS == 2:
            store32(taken, e + k, load(names, k))
        k += 1
    return 0


def collect_steps(g):
    """Expand some waiting states of the length at hand into the batch; return the successors."""
    number = load(g, NEXT)
    behind = load(g, BEHIND)
    most = number + MOST
    n = 0
    while number < behind and n <= MOST and number < most:
        got = unfold(g, load32(load(g, ORDER), number), n)
        note_taken(g, load(g, EDGES) + n, got, load(g, ENABLED) + number * (8 * SETS))
        store(load(g, FIRST), number, load(g, EDGES) + n)
        k = n
        n += got
        while k < n:
            name_key(g, k)
            store32(load(g, FROM), k, number)
            k += 1
        number += 1
    store(g, NEXT, number)
    return n


def wait(g, budget):
    """Go on to find waiting states; return 0 when all are found, NO_ROOM for more steps."""
    while budget != 0:
        if load(g, EDGES) + load(g, LARGEST) > load(g, EDGE_ROOM):
            return NO_ROOM
        if load(g, NEXT) == load(g, BEHIND):
            if lengthen(g) == 0:
                store(load(g, FIRST), load(g, NEXT), load(g, EDGES))
                return 0
        n = collect_steps(g)
        targets = load(g, TARGETS) + 4 * load(g, EDGES)
        waits = load(g, WAITS)
        k = 0
        while k < n:
            target = reached(g, load(g, KEYS_AT) + k * (8 * KEYS))
            number = load32(waits, target)
            if number == CLOSED:
                number = 0
            else:
                if (number == 0) | (number == BEGINS):
                    number = enlist(g, target, load32(load(g, FROM), k))
            store32(targets, k, number)
            k += 1
        store(g, EDGES, load(g, EDGES) + n)
        budget -= 1
    return 1


def visit(g, state):
    """Begin to visit a state."""
    number = load(g, VISITED) + 1
    store(g, VISITED, number)
    store32(load(g, NUMBER), state, number)
    store32(load(g, STACKED), load(g, STACK_HEIGHT), state)
    store(g, STACK_HEIGHT, load(g, STACK_HEIGHT) + 1)
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
            height = load(g, STACK_HEIGHT) - 1
            store(g, STACK_HEIGHT, height)
            member = load32(load(g, STACKED), height)
            store32(load(g, PART), member, part)
            store32(load(g, NUMBER), member, CLOSED)
            store32(load(g, MEMBERS), load(g, PLACED), member)
            store(g, PLACED, load(g, PLACED) + 1)
    return 0


def next_root(g):
    """Return the state from which the next visit starts, or 0; it may have been visited."""
    root = load(g, ROOT)
    if root == load(g, LAST_ROOT):
        return 0
    store(g, ROOT, root + 1)
    if load(g, ROUND) == 0:
        return root + 1
    return load32(load(g, ROOTS), root)


def cut(g, budget):
    """Go on to find components (Tarjan's algorithm); return 0 when all states have theirs."""
    while budget != 0:
        budget -= 1
        if load(g, CALLED) == 0:
            state = next_root(g)
            if state == 0:
                return 0
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
    """Prefetch what the members of a component enable that come soon."""
    if begin + AHEAD < end:
        prefetch(load(g, ENABLED), load32(load(g, MEMBERS), begin + AHEAD) * SETS)
    return 0


def lacking(here, kept):
    """Say whether of some promises one is not kept yet."""
    lacks = 0
    for w in range(SETS):
        lacks = lacks | (load(here, w) & (load(kept, w) ^ ALL))
    return lacks


def take_inside(g, number, part):
    """Note the promises that steps from a state to others of its component keep."""
    e = load(load(g, FIRST), number)
    last = load(load(g, FIRST), number + 1)
    while e < last:
        promise = load(load(g, PROMISE), take(load(g, TAKEN), e))
        if promise != 0:
            if load32(load(g, PART), load32(load(g, TARGETS), e)) == part:
                add(load(g, KEPT), promise - 1)
        e += 1
    return 0


def weigh(g, begin, end):
    """Find what is enabled in a component, everywhere and somewhere, and what is kept."""
    always = load(g, ALWAYS)
    ever = load(g, EVER)
    kept = load(g, KEPT)
    for w in range(SETS):
        store(always, w, ALL)
        store(ever, w, 0)
        store(kept, w, 0)
    part = load32(load(g, PART), load32(load(g, MEMBERS), begin))
    while begin < end:
        ahead(g, begin, end)
        number = load32(load(g, MEMBERS), begin)
        here = load(g, ENABLED) + number * (8 * SETS)
        for w in range(SETS):
            store(always, w, load(always, w) & load(here, w))
            store(ever, w, load(ever, w) | load(here, w))
        if lacking(here, kept) != 0:
            take_inside(g, number, part)
        begin += 1
    return 0


def find_broken(g, kind, enabled):
    """Note as BROKEN what of a kind is enabled and not kept; say whether there is any."""
    some = 0
    for w in range(SETS):
        broken = load(kind, w) & load(enabled, w) & (load(load(g, KEPT), w) ^ ALL)
        store(load(g, BROKEN), w, broken)
        some = some | broken
    return some


def keep(g, begin, end):
    """Note a fair component if it is the nearest so far."""
    best = load(g, BEST)
    k = begin
    while k < end:
        number = load32(load(g, MEMBERS), k)
        if best == 0 or number < best:
            best = number
        k += 1
    if best != load(g, BEST):
        store(g, BEST, best)
        store(g, BEST_FROM, begin)
        store(g, BEST_TO, end)
        for w in range(SETS):
            store(load(g, BEST_EVER), w, load(load(g, EVER), w))
    return 0


def leave_out(g, begin, end, everything):
    """Leave the states out that no fair part can have: all, or those that enable what is BROKEN."""
    while begin < end:
        ahead(g, begin, end)
        number = load32(load(g, MEMBERS), begin)
        here = load(g, ENABLED) + number * (8 * SETS)
        out = everything
        for w in range(SETS):
            out = out | (load(here, w) & load(load(g, BROKEN), w))
        if out != 0:
            store32(load(g, PART), number, 0)
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
        weak = find_broken(g, load(g, WEAK), load(g, ALWAYS))
        strong = find_broken(g, load(g, STRONG), load(g, EVER))
        if weak == 0 and strong == 0:
            keep(g, begin, end)
        else:
            leave_out(g, begin, end, weak)
        store(g, JUDGED, end)
    return 1


def next_round(g):
    """Begin a round with the states that are left, none of them in a fair component."""
    k = 0
    count = 0
    while k < load(g, PLACED):
        state = load32(load(g, MEMBERS), k)
        if load32(load(g, PART), state) != 0:
            store32(load(g, PART), state, 0)
            store32(load(g, NUMBER), state, 0)
            store32(load(g, ROOTS), count, state)
            count += 1
        k += 1
    store(g, ROUND, load(g, ROUND) + 1)
    store(g, LAST_ROOT, count)
    store(g, ROOT, 0)
    store(g, VISITED, 0)
    store(g, PARTS, 0)
    store(g, PLACED, 0)
    store(g, JUDGED, 0)
    return 0


def nearest(g, most):
    """Queue up to ``most`` members of the component found, nearest first; return how many."""
    part = load32(load(g, PART), load(g, BEST))
    number = load(g, BEST)
    count = 0
    while number < load(g, COUNT) and count < most:
        if load32(load(g, PART), number) == part:
            store32(load(g, QUEUE), count, number)
            count += 1
        number += 1
    return count


def open_ways(g):
    """Let ways go through the component found, and nowhere else."""
    k = load(g, BEST_FROM)
    while k < load(g, BEST_TO):
        store32(load(g, NUMBER), load32(load(g, MEMBERS), k), 0)
        k += 1
    return 0


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


INTERNAL: list[Callable[..., int]] = [
    graph.look_ahead,
    graph.reached,
    graph.unfold,
    graph.name_key,
    enlist,
    next_source,
    lengthen,
    take,
    add,
    note_taken,
    collect_steps,
    visit,
    follow,
    leave,
    next_root,
    ahead,
    lacking,
    take_inside,
    weigh,
    find_broken,
    keep,
    leave_out,
]
EXPORTED: list[Callable[..., int]] = [
    graph.number_states,
    look,
    wait,
    cut,
    judge,
    next_round,
    nearest,
    open_ways,
    begin_way,
    way,
]
