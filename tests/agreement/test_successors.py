"""The successors of single states: the same instances, states and steps from both engines."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

import pytest
from judge import LARGEST, load, scenario
from native_stepper import NativeStepper
from random_models import Writer

from vmlitmus.compiler import Machine, State
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import ModelError
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import blessed

CATALOGUE = Catalogue()
CELLS = [
    (test, cell, blessed(test.topic).get(cell.name, [0])[0])
    for test in CATALOGUE.tests()
    for cell in test.cells
]
LARGE = 1_000_000


def difference(machine: Machine, states: Iterable[State], effort: int) -> str | None:
    """Return the first state whose successors differ, and how, or None."""
    native, stepper = NativeStepper(machine, effort=effort), Stepper(machine)
    for state in states:
        taken = stepper.successors(state)
        one = [(i, after) for i, _, after in taken], dict(Counter(name for _, name, _ in taken))
        two = native.successors(state)
        if one != two:
            return f"{state}: reference {one} compiled {two}"
    return None


def sample(machine: Machine, count: int) -> list[State]:
    """Return that many reachable states, spread over all of them, with the first and the last."""
    model = compile_machine(machine, ())
    with Search(model) as search:
        states = search.run().states
        chosen = random.Random(count).sample(range(states), min(count, states))
        native = NativeStepper(machine)
        return [native.layout.unpack(search.state(i)) for i in {0, states - 1, *chosen}]


def test_random_models_everywhere() -> None:
    compared = 0
    for seed in range(7_000, 7_015):
        source = random.Random(seed)
        try:
            machine = scenario(load(Writer(source.randrange).model()), source.randrange)
            states = _reached(machine)
        except ModelError:  # refused, or faulty in some state
            continue
        assert difference(machine, states, effort=0) is None
        compared += len(states)
    assert compared > 300


def _reached(machine: Machine) -> list[State]:
    stepper = Stepper(machine)
    found = {machine.initial: None}
    waiting = [machine.initial]
    while waiting and len(found) < LARGEST:
        following = [after for _, _, after in stepper.successors(waiting.pop())]
        waiting += [after for after in following if after not in found]
        found.update(dict.fromkeys(following))
    return list(found)


@pytest.mark.parametrize(
    ("test", "cell"),
    [pytest.param(t, c, id=c.name) for t, c, n in CELLS if 60_000 < n < LARGE][:2],
)
def test_some_states_of_large_tests(test, cell) -> None:
    machine = cell.machine(CATALOGUE.model_of(test.topic))
    states = sample(machine, 300)
    assert len(states) >= 300
    assert difference(machine, states, effort=2) is None


@pytest.mark.wide
@pytest.mark.parametrize(
    ("test", "cell"), [pytest.param(t, c, id=c.name) for t, c, n in CELLS if n >= LARGE]
)
def test_many_states_of_the_largest_tests(test, cell) -> None:
    machine = cell.machine(CATALOGUE.model_of(test.topic))
    states = sample(machine, 100_000)
    assert len(states) >= 100_000
    assert difference(machine, states, effort=2) is None
