"""Exported rules are compared with the definition: the same successors of the same states."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from vmlitmus.compiler import Machine, State
from vmlitmus.decide import Job
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.export.formulas import FALSE, TRUE, Term, both, choose, either, opposite, under
from vmlitmus.export.guarded import System, system_of
from vmlitmus.export.text import in_order
from vmlitmus.lang import NotEnabled
from vmlitmus.litmus.catalogue import Catalogue

STATES = 60  # of each cell
CELLS = 3  # of each topic
_NUMBERS: dict[str, Callable[..., int]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "bits and": lambda a, b: a & b,
    "bits or": lambda a, b: a | b,
    "bits xor": lambda a, b: a ^ b,
    ">>": lambda a, b: a >> b,
    "<<": lambda a, b: a << b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "count": lambda a: a.bit_count(),
    "not": lambda a: not a,
}


def value(term: Term, state: State) -> int:
    """Compute a term, lazily where the languages are."""
    if term.op == "number":
        return term.parts[0]
    if term.op == "variable":
        return state[term.parts[0]]
    if term.op == "and":
        return int(all(value(part, state) for part in term.terms))
    if term.op == "or":
        return int(any(value(part, state) for part in term.terms))
    if term.op == "choose":
        test, then, other = term.terms
        return value(then if value(test, state) else other, state)
    return int(_NUMBERS[term.op](*(value(part, state) for part in term.terms)))


def after(system: System, state: State) -> list[State]:
    """Return the successors of a state, one for each enabled rule, by the exported rules."""
    found = []
    for named in system.rules:
        if not value(named.rule.guard, state):
            continue
        assert not value(named.rule.fault, state)
        [ending] = [e for e in named.rule.endings if value(e.where, state)]
        new = list(state)
        order, kept = in_order(ending.writes)
        assert sorted(order) == sorted(ending.writes)
        for variable in order:
            seen = [state[v] if v in kept else code for v, code in enumerate(new)]
            new[variable] = value(ending.writes[variable], tuple(seen))
        found.append(tuple(new))
    return found


def sample(machine: Machine, seed: int) -> list[State]:
    """Return some reachable states, from random walks."""
    stepper, chance = Stepper(machine), random.Random(seed)
    found = {machine.initial: None}
    state = machine.initial
    for _ in range(STATES):
        following = stepper.successors(state)
        state = chance.choice(following)[2] if following else machine.initial
        found[state] = None
    return list(found)


def cells() -> list:
    catalogue = Catalogue()
    found = []
    for topic in catalogue.topics():
        pairs = [(t, c) for t in catalogue.tests(topic, wide=False) for c in t.cells]
        asked = [pair for pair in pairs if pair[1].claim.kind in ("never", "possible")]
        found += random.Random(topic).sample(asked, CELLS)
    return found


@pytest.mark.parametrize("pair", cells(), ids=lambda pair: pair[1].name)
def test_rules_do_what_the_reference_engine_does(pair) -> None:
    test, cell = pair
    machine = Job(Catalogue()).machine(test, cell)
    system = system_of(machine, cell.claim, [cell.name])
    stepper = Stepper(machine)
    for state in sample(machine, 1):
        assert after(system, state) == [found for _, _, found in stepper.successors(state)]
        try:
            bad = stepper.holds(state, cell.claim.condition)
        except NotEnabled:
            continue
        assert value(system.bad, state) == bad


A, B = (Term("variable", (n,), True) for n in (0, 1))
X = Term("variable", (2,), False)


def number(n: int) -> Term:
    return Term("number", (n,), False)


def is_(n: int) -> Term:
    return Term("=", (X, number(n)), True)


@pytest.mark.parametrize(
    ("made", "simple"),
    [
        (either(both([A, B]), both([A, opposite(B)])), A),
        (either(both([A, B]), opposite(A)), either(B, opposite(A))),
        (both([A, opposite(A)]), FALSE),
        (either(A, opposite(A)), TRUE),
        (under(both([A, B]), frozenset([A])), B),
        (under(is_(3), frozenset([is_(2)])), FALSE),
        (under(opposite(is_(3)), frozenset([is_(2)])), TRUE),
        (under(is_(3), frozenset([opposite(is_(2))])), is_(3)),
        (under(choose(A, number(1), X), frozenset([opposite(A)])), X),
    ],
)
def test_formulas_are_simplified(made: Term, simple: Term) -> None:
    states = [(a, b, x) for a in (0, 1) for b in (0, 1) for x in range(4)]
    assert [value(made, s) for s in states] == [value(simple, s) for s in states]
    assert made.size == simple.size


def test_all_is_assigned_at_once() -> None:
    """Two that swap: the old value of one has to be kept."""
    swap = {0: Term("variable", (1,), False), 1: Term("variable", (0,), False)}
    assert in_order(swap) == ([0, 1], [0])
    follow = {0: Term("variable", (1,), False), 1: number(0)}
    assert in_order(follow) == ([0, 1], [])
