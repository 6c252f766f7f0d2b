"""The longest time that is possible: against values found by hand, and against simulated runs."""

from __future__ import annotations

from typing import Any

import pytest
from asking import SECOND, Asked
from fifo import clocks
from queues import queue, workshop

from vmlitmus.lang import Model
from vmlitmus.litmus import Catalogue
from vmlitmus.simulation.worst import classes
from vmlitmus.simulation.worst.longest import Longest, Search, TooLarge
from vmlitmus.simulation.worst.times import latest_times
from vmlitmus.simulation.worst.worst_case import worst_case

REPAIR = {"latency": ["fail", "repair"], "by_actor": True}
LOOK = {"latency": ["looked-at", "not looked-at"]}


def rows(**laws: Any) -> list[dict[str, Any]]:
    return [{"step": step, **law} for step, law in laws.items()]


def searched(
    model: Model, times: list[dict[str, Any]], measure: dict[str, Any], most: int = 20_000
) -> Search:
    asked = Asked(model, times, [measure])
    return Search(asked.rules, asked.measures[0], most=most, seconds=120)


def longest(model: Model, times: list[dict[str, Any]], measure: dict[str, Any]) -> Longest:
    return searched(model, times, measure).run()


BETWEEN = {"uniform": ["1 s", "2 s"]}
BY_HAND: list[tuple[str, Model, list[dict[str, Any]], dict[str, Any], float]] = [
    # One machine: its own repair.
    ("alone", workshop(1, 1), rows(fail={"constant": "5 s"}, repair=BETWEEN), REPAIR, 2),
    # Two machines, one repairman: it may fail just after the other one's repair began.
    ("behind another", workshop(2, 1), rows(fail={"rate": "1 /s"}, repair=BETWEEN), REPAIR, 4),
    # Both fail at 3 s: one waits for the other.
    ("together", workshop(2, 1), rows(fail={"constant": "3 s"}, repair={"constant": "2 s"}),
     REPAIR, 4),
    # Two repairmen: nobody waits.
    ("beside another", workshop(2, 2), rows(fail={"rate": "1 /s"}, repair=BETWEEN), REPAIR, 2),
    # Looked at right after a tick: until the next one; with three points, until the third.
    ("until a tick", clocks(), rows(ring={"lattice": {"period": "1 s"}}, look={"rate": "1 /s"}),
     LOOK, 1),
    ("until a tick and a bit", clocks(),
     rows(ring={"lattice": {"period": "1 s"}, "plus": "100 ms"}, look={"rate": "1 /s"}), LOOK, 1.1),
    # The first wait begins at 0; later ones 0.1 s behind a tick, so that they are 0.1 s shorter.
    ("until the third tick", clocks(),
     rows(ring={"lattice": {"period": "1 s", "points": 3}, "plus": "100 ms"},
          look={"rate": "1 /s"}), LOOK, 3.1),
    ("with a jitter", clocks(),
     rows(ring={"lattice": {"period": "1 s", "jitter": {"uniform": ["0 s", "300 ms"]}}},
          look={"rate": "1 /s"}), LOOK, 1.3),
    ("a choice", workshop(1, 1),
     rows(fail={"constant": "5 s"},
          repair={"choice": [{"weight": 99, "constant": "1 s"}, {"weight": 1, **BETWEEN},
                             {"weight": 0, "constant": "9 s"}]}), REPAIR, 2),
    ("a table", workshop(1, 1),
     rows(fail={"constant": "5 s"}, repair={"quantiles": {"0": "1 s", "100": "7 s"}}), REPAIR, 7),
    # The line holds two: one is served, one waits, each at most 2 s.
    ("a short line", queue(1, 2), rows(arrive={"rate": "1 /s"}, lose={"never": True},
     serve=BETWEEN), {"latency": ["two-or-more", "not two-or-more"]}, 2),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "times", "measure", "seconds"), [pytest.param(*c[1:], id=c[0]) for c in BY_HAND]
)
def test_values_found_by_hand(
    model: Model, times: list[dict[str, Any]], measure: dict[str, Any], seconds: float
) -> None:
    search = searched(model, times, measure)
    found = search.run()
    assert found.nanoseconds == round(seconds * SECOND)
    # The run that is shown takes that long, and its times rise.
    shown = latest_times(search.classes, found.before, found.path)
    assert shown[-1] == found.nanoseconds
    assert shown == sorted(shown)
    # No simulated run takes longer.
    asked = Asked(model, times, [measure])
    runs = asked.replications(1, 300)
    runs.more(5, workers=1)
    seen = [value for counted in runs.counted for value in counted.latencies[0]]
    assert seen
    assert max(seen) <= found.nanoseconds
    assert max(seen) > 0.6 * found.nanoseconds


def test_a_loop_has_no_bound() -> None:
    """Three machines, one repairman who may always take another one first."""
    times = rows(fail=BETWEEN, repair=BETWEEN)
    found = longest(workshop(3, 1), times, REPAIR)
    assert found.nanoseconds is None
    assert found.loop > 0
    first = found.path[-found.loop][0]
    last = found.path[-1][1].target
    assert first == last
    assert longest(workshop(3, 3), times, REPAIR).nanoseconds == 2 * SECOND


def test_what_may_take_any_time_has_no_bound() -> None:
    found = longest(workshop(1, 1), rows(fail={"constant": "1 s"}, repair={"rate": "1 /s"}), REPAIR)
    assert (found.nanoseconds, found.why) == (None, "a step may take any time")


def test_what_never_begins() -> None:
    found = longest(workshop(1, 1), rows(fail={"never": True}, repair=BETWEEN), REPAIR)
    assert not found.seen


def test_nothing_more_happens() -> None:
    found = longest(workshop(1, 1), rows(fail={"constant": "1 s"}, repair={"never": True}), REPAIR)
    assert (found.nanoseconds, found.why) == (None, "nothing more happens")


def test_a_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that passes although another clock should have ended gives longer times."""
    passed = classes.passed
    monkeypatch.setattr(classes, "passed", lambda zone, first, waiting: passed(zone, first, {}))
    times = rows(fail={"constant": "3 s"}, repair=BETWEEN)
    with pytest.raises((AssertionError, TooLarge)):
        assert searched(workshop(2, 1), times, REPAIR, 500).run().nanoseconds == 4 * SECOND


def test_split_lockers() -> None:
    """Three at once: 16 ms of sleep to a tick, then twice 3 ticks behind the others."""
    catalogue = Catalogue()
    test, cells = catalogue.select(["warn-lockers-in-time[vcpus=1]"], wide=True)[0]
    model = catalogue.model_of(test.topic)
    found = worst_case(model, test, cells, "from #AC to buslock_sem", 60.0).cells[0]
    # The first tick after #AC is at most 4 ms - 22 us away: work and trap come before it.
    assert found.verdict == "bounded"
    assert found.longest == pytest.approx(0.015981)
    assert [s.time for s in found.steps] == [0.0, found.longest]
