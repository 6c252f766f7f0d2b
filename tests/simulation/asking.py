"""Ask a model of the tests in time, without a litmus file."""

from __future__ import annotations

from typing import Any

from vmlitmus.compiler import build
from vmlitmus.lang import Model
from vmlitmus.outcome.simulated import Measured
from vmlitmus.simulation.laws.rules import Rules
from vmlitmus.simulation.laws.timing import timing_of
from vmlitmus.simulation.measures.figures import Figures
from vmlitmus.simulation.measures.measure import read_measures
from vmlitmus.simulation.measures.tally import Counted, Tally
from vmlitmus.simulation.replications import Replications, Run
from vmlitmus.simulation.simulators.native import NativeSimulator
from vmlitmus.simulation.simulators.reference import Simulator

SECOND = 1_000_000_000


class Asked:
    """A model with a timing and measures: ``rows`` and ``measures`` as in a litmus file."""

    def __init__(
        self, model: Model, rows: list[dict[str, Any]], measures: list[dict[str, Any]], **more: Any
    ) -> None:
        self.rules = Rules(
            build(model, allow=model.disturbances), timing_of({"time": rows, **more}, "here")
        )
        self.measures = read_measures(measures, self.rules.machine, self.rules.values)

    def replications(
        self, seed: int, horizon: float, warm_up: float = 0, engine: str = "compiled"
    ) -> Replications:
        """Return replications that are not run yet; times are in seconds."""
        run = Run(seed, round(horizon * SECOND), round(warm_up * SECOND))
        return Replications(self.rules, self.measures, run, engine)

    def found(self, runs: Replications, number: int, confidence: float = 0.99) -> list[Measured]:
        """Run some replications; return what they measured, with intervals."""
        runs.more(number, workers=1)
        return Figures(self.measures, runs.plan, confidence).measured(runs.counted)


def both(runs: Replications, horizon: int) -> tuple[Counted, Counted]:
    """Run the same replication in both simulators; compare events and states on the way."""
    assert runs.compiled is not None
    seed, until = runs.run.seed, horizon
    plain = Simulator(runs.rules, seed)
    tally = Tally(runs.plan, lambda c: plain.stepper.holds(plain.state, c))
    events = []
    for event in plain.events(until):
        tally.event(event.time, event.firing)
        events.append((event.time, event.firing))
    tally.pass_time(until)
    found = []
    with NativeSimulator(runs.compiled, seed, logged=True) as fast:
        while True:
            done = fast.advance(until)
            found += [(event.time, event.firing) for event in fast.logged()]
            if done:
                break
        assert found == events
        assert events
        assert fast.state() == plain.state
        return tally.counted, fast.counted()


def until_event(runs: Replications, number: int, horizon: int) -> int:
    """Return when an event comes, so that the reference has no more to do than it can."""
    assert runs.compiled is not None
    with NativeSimulator(runs.compiled, runs.run.seed, logged=True) as fast:
        fast.advance(horizon)
        times = [event.time for event in fast.logged()]
    return times[number] if len(times) > number else horizon
