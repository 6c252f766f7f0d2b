"""The compiled simulator does what the reference does, event by event and count by count."""

from __future__ import annotations

from typing import Any

import pytest
from asking import SECOND, Asked, both
from queues import queue, tandem, walk, workshop

from vmlitmus.engine.reference.search import explore
from vmlitmus.litmus import Catalogue
from vmlitmus.simulation.laws.rules import Rules, label_of
from vmlitmus.simulation.laws.timing import timing_of
from vmlitmus.simulation.measures.measure import read_measures
from vmlitmus.simulation.measures.statistics import of_probability
from vmlitmus.simulation.replications import Replications, Run
from vmlitmus.simulation.simulate import prepared
from vmlitmus.simulation.simulators import native
from vmlitmus.simulation.simulators.native import NativeSimulator
from vmlitmus.simulation.simulators.reference import Simulator

LAWS: list[dict[str, Any]] = [
    {"constant": "1 s"},
    {"uniform": ["100 ms", "2 s"]},
    {"exponential": "1 s"},
    {"rate": "1 /s", "plus": "10 ms"},
    {"erlang": {"mean": "1 s", "phases": 4}},
    {"gamma": {"mean": "1 s", "shape": 0.4}},
    {"gamma": {"mean": "1 s", "shape": 3.5}},
    {"lognormal": {"median": "800 ms", "sigma": 0.7}},
    {"quantiles": {"0": "10 ms", "50": "1 s", "90": "2 s", "100": "9 s"}},
    {"choice": [{"weight": 9, "exponential": "1 s"}, {"constant": "3 s", "plus": "1 ms"}]},
    {"lattice": {"period": "400 ms", "phase": "30 ms", "points": 2}},
    {"lattice": {"period": "250 ms", "jitter": {"uniform": ["0 s", "20 ms"]}}},
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: next(iter(law)))
@pytest.mark.parametrize("memory", ["enabling", "age", "resampling"])
def test_every_law_and_memory(law: dict[str, Any], memory: str) -> None:
    rows = [
        {"step": "fail", "exponential": "2 s", "memory": memory},
        {"step": "repair", **law, "memory": memory},
        {"step": "take_up", "weight": 2},
    ]
    measures = [{"share": "all-up"}, {"rate": "repair"}, {"latency": ["fail", "repair"]}]
    asked = Asked(workshop(3, 2), rows, measures)
    plain, fast = both(asked.replications(11, 60), 60 * SECOND)
    assert plain == fast


def test_a_clock_that_ages_goes_on_where_it_stopped() -> None:
    """Two walkers' clocks: ``down`` is disabled at the top and at 0, ``up`` never ages."""
    rows = [
        {"step": "up", "constant": "3 s"},
        {"step": "down", "constant": "4 s", "memory": "age"},
    ]
    asked = Asked(walk(0, 3, ruin=False), rows, [{"rate": "up"}])
    simulator = Simulator(asked.rules, 1)
    times = [(e.time // SECOND, e.firing[0]) for e in simulator.events(40 * SECOND)]
    # At 3 s it goes to 1, where down's clock starts: at 7 s it goes down, up having gone up at 6 s.
    assert times[:3] == [(3, 0), (6, 0), (7, 1)]


@pytest.mark.parametrize("seed", range(4))
def test_queues(seed: int) -> None:
    rows = [
        {"step": "arrive", "uniform": ["100 ms", "400 ms"]},
        {"step": "begin", "weight": 3, "priority": 2},
        {"step": "serve", "lattice": {"period": "100 ms", "points": 6}},
    ]
    measures = [
        {"latency": ["begin", "serve"], "by_actor": True},
        {"name": "any", "latency": ["arrive", "serve"]},
        {"probability": "five-or-more", "within": "10 s"},
        {"ratio": ["arrive", "serve"]},
    ]
    asked = Asked(queue(3, 40), rows, measures)
    plain, fast = both(asked.replications(seed, 40), 40 * SECOND)
    assert plain == fast


def test_more_conditions_and_occurrences_than_a_word_has_bits() -> None:
    """80 conditions, of which 78 begin or end a latency: 156 occurrences."""
    rows = [
        {"step": "come", "rate": "8 /s"},
        {"step": "second_phase", "rate": "1 /s"},
        {"step": "pass_*", "rate": "7 /s"},
        {"step": "depart", "rate": "7 /s"},
    ]
    names = [f"{q}-has-{n}" for q in ("first", "second") for n in range(1, 40)]
    measures: list[dict[str, Any]] = [{"share": name} for name in names]
    measures += [{"latency": [name, f"not {name}"]} for name in names]
    measures.append({"share": "first-full"})
    asked = Asked(tandem(39), rows, measures)
    plain, fast = both(asked.replications(2, 60), 60 * SECOND)
    assert plain == fast
    assert sum(share > 0 for share in plain.shares) > 60
    assert sum(count > 0 for count in plain.counts) > 120


@pytest.mark.parametrize("name", ["page-reused", "semaphore-two-tenants", "v3-two-reclaimers"])
def test_sequences_that_take_random_times(name: str) -> None:
    """Each section of a sequence draws from a stream of its own, in both simulators."""
    catalogue = Catalogue()
    test, cells = catalogue.select([name], wide=True)[0]
    rows = [{"step": "*", "exponential": "1 us"}, {"step": "*", "after": "*", "rate": "3 /us"}]
    rules = Rules(cells[0].machine(catalogue.model_of(test.topic)), timing_of({"time": rows}, "x"))
    streams = [rules.stream(instance.index) for instance in rules.machine.instances]
    assert len(set(streams)) == len(streams)
    first = rules.machine.instances[0].step.name
    measures = read_measures([{"rate": first}], rules.machine, rules.values)
    plain, fast = both(Replications(rules, measures, Run(3, 10**6, 0), "compiled"), 10**5)
    assert plain == fast


def test_every_simulated_state_is_reachable_without_time() -> None:
    rows = [
        {"step": "come", "rate": "8 /s"},
        {"step": "second_phase", "rate": "1 /s"},
        {"step": "pass_*", "rate": "2 /s"},
        {"step": "depart", "rate": "4 /s"},
    ]
    asked = Asked(tandem(4), rows, [{"share": "first-full"}])
    simulator = Simulator(asked.rules, 5)
    seen = explore(simulator.stepper, lambda _: False, lambda *_: None).parent
    simulator = Simulator(asked.rules, 5)
    states = {event.state for event in simulator.events(200 * SECOND)}
    assert len(states) > 20
    assert states <= set(seen)


def test_a_fault_in_the_kernel_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: with another seed the events differ."""
    asked = Asked(queue(1), [{"step": "arrive", "rate": "1 /s"}, {"step": "serve", "rate": "2 /s"}],
                  [{"rate": "serve"}])  # fmt: skip
    runs = asked.replications(1, 20)
    begin = NativeSimulator.begin
    monkeypatch.setattr(
        native.NativeSimulator, "begin", lambda self, seed, n: begin(self, seed + 1, n)
    )
    with pytest.raises(AssertionError):
        both(runs, 20 * SECOND)


def test_what_changes_ends_the_clock_of_what_was_to_be() -> None:
    """A signal ends a sleep at once: the sleep's clock is dropped, that of the signal starts."""
    catalogue = Catalogue(in_time=True)
    test = next(t for t in catalogue.tests("split-lock") if t.name == "signals-starve-in-time")
    cell = next(c for c in test.cells if c.where["every"] == "10 ms")
    ready = prepared(catalogue.model_of("split-lock"), test, cell)
    simulator = Simulator(ready.rules, 1)
    labels = [
        (e.time, label_of(ready.rules.machine.instances[e.firing[0]], e.firing[1]))
        for e in simulator.events(40_000_000)
    ]
    signals = [time for time, label in labels if "gets a signal" in label]
    ends = [time for time, label in labels if "a signal ends the sleep" in label]
    assert signals == [1_000_000, 11_000_000, 21_000_000, 31_000_000]
    assert ends == [time + 3_000 for time in signals]  # the wake-up


def test_no_hit_and_no_miss_have_intervals_that_begin_and_end_there() -> None:
    for count in range(1, 200):
        assert of_probability(0, count, 0.95).low == 0
        assert of_probability(count, count, 0.95).high == 1
