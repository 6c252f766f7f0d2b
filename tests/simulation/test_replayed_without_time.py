"""A run in time is a run without it: each step is enabled there, and leads to the same state.

So every state of a simulated run is reachable in the untimed model, and a claim that holds for all
its states cannot be violated in time.
"""

from __future__ import annotations

from typing import Any

import pytest

from vmlitmus.compiler import State
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.litmus import Catalogue
from vmlitmus.scenario import Cell
from vmlitmus.simulation.laws.rules import Firing
from vmlitmus.simulation.replications import Replications
from vmlitmus.simulation.simulate import prepared
from vmlitmus.simulation.simulators.native import NativeSimulator
from vmlitmus.simulation.simulators.reference import ending_of

EVENTS = 150
LARGEST = 300  # instances of a cell that Python steps through


def cells() -> list[Any]:
    catalogue = Catalogue()
    found = []
    for test in catalogue.tests():
        if test.measures:
            model = catalogue.model_of(test.topic)
            ends = dict.fromkeys((0, len(test.cells) - 1))
            found += [pytest.param(model, test, test.cells[n], id=test.cells[n].name) for n in ends]
    return found


def simulated(runs: Replications) -> tuple[list[Firing], State]:
    """Return what the compiled simulator takes first, and the state that it comes to."""
    assert runs.compiled is not None
    made: list[Firing] = []
    with NativeSimulator(runs.compiled, runs.run.seed, logged=True) as simulator:
        until = 1000
        while len(made) < EVENTS and until < runs.run.horizon:
            while not simulator.advance(until):
                made += [event.firing for event in simulator.logged()]
            made += [event.firing for event in simulator.logged()]
            until *= 2
        return made, simulator.state()


def replay(stepper: Stepper, firings: list[Firing], state: State) -> list[State]:
    """Return the states of a run, each step taken by the reference engine."""
    states = [state]
    for firing in firings:
        enabled = {
            (instance.index, ending_of(name)): after
            for instance, name, after in stepper.successors(states[-1])
        }
        assert firing in enabled, f"{firing} is not enabled without time"
        states.append(enabled[firing])
    return states


@pytest.mark.parametrize(("model", "test", "cell"), cells())
def test_a_run_is_one_without_time(model: Any, test: Any, cell: Cell) -> None:
    ready = prepared(model, test, cell, 7)
    machine = ready.rules.machine
    if len(machine.instances) > LARGEST:
        pytest.skip(f"{len(machine.instances)} instances: other cells of this test are replayed")
    runs = Replications(ready.rules, ready.measures, ready.run, "compiled")
    firings, end = simulated(runs)
    assert firings
    whole = firings[: 4 * EVENTS]
    stepper = Stepper(machine)
    states = replay(stepper, whole, machine.initial)
    if whole == firings:
        assert states[-1] == end
    if cell.claim.kind == "never" and cell.expect is not None and cell.expect.value == "holds":
        assert not any(stepper.holds(state, cell.claim.conditions[0]) for state in states)


def test_a_step_that_is_not_enabled_is_seen() -> None:
    catalogue = Catalogue()
    test, cells = catalogue.select(["warn-cycle-in-time"], wide=False)[0]
    machine = prepared(catalogue.model_of(test.topic), test, cells[0]).rules.machine
    stepper = Stepper(machine)
    first, *_ = [(i.index, ending_of(n)) for i, n, _ in stepper.successors(machine.initial)]
    with pytest.raises(AssertionError, match="is not enabled"):
        replay(stepper, [first] * 50, machine.initial)
