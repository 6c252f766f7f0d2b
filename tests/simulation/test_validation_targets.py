"""Published observations that split locks and ticks have to reproduce, each with its tolerance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from asking import SECOND, Asked
from fifo import clocks
from queues import workshop

from vmlitmus.litmus import Catalogue
from vmlitmus.outcome.simulated import Measured
from vmlitmus.simulation.measures.figures import Figures
from vmlitmus.simulation.replications import Replications
from vmlitmus.simulation.simulate import prepared
from vmlitmus.simulation.worst.worst_case import worst_case

CATALOGUE = Catalogue()
CYCLE, WAIT = "from one #AC to the next", "from #AC to buslock_sem"


def changed(vcpus: int, timing: dict[str, str]) -> Any:
    """Return the test of n lockers with so many of them, each on a core, and other times."""
    test, cells = CATALOGUE.select(["warn-lockers-in-time"], wide=True)[0]
    (vm,) = cells[0].lists["vm"]
    cell = replace(
        cells[0],
        tables={**cells[0].tables, "machine": {"cores": vcpus}},
        lists={"vm": ({**vm, "vcpus": vcpus},)},
        timing={**cells[0].timing, **timing},
        large=True,
    )
    return CATALOGUE.model_of(test.topic), test, cell


def lockers(vcpus: int, **timing: str) -> dict[str, Measured]:
    """Return what is measured of some continuous split lockers on a warn host."""
    ready = prepared(*changed(vcpus, timing))
    runs = Replications(ready.rules, ready.measures, ready.run, "compiled")
    runs.more(3, workers=1)
    found = Figures(ready.measures, runs.plan, 0.99).measured(runs.counted)
    return {m.name: m for m in found}


def mean(measured: Measured) -> float:
    return measured.figures[0].estimate


def test_a_game_of_120_frames_a_second_falls_to_about_50() -> None:
    """One continuous locker at HZ=250: 120 and more frames became 45 to 55."""
    runs_for = 0.012 / mean(lockers(1, tick="4 ms")[CYCLE])
    assert 45 <= 120 * runs_for <= 55


def test_a_game_with_two_traps_a_frame_shows_about_25() -> None:
    """HZ=300: a trap sleeps for 10 to 13.4 ms; about 25 frames a second lie between one and two."""
    found = lockers(1, tick="10 ms / 3")
    assert 0.010 <= mean(found[WAIT]) <= 0.0134
    cycle = mean(found[CYCLE])
    assert 1 / (2 * cycle) < 25 < 1 / cycle


@pytest.mark.parametrize(("vcpus", "factor"), [(3, 3), (5, 5), (10, 10), (20, 20)])
def test_guests_are_10_to_20_times_slower_with_as_many_lockers(vcpus: int, factor: int) -> None:
    """A locker runs for 3 ticks of its cycle, which is max(7, 3n) ticks at HZ=250."""
    cycle = mean(lockers(vcpus, tick="4 ms", horizon="4 s", warm_up="1 s")[CYCLE])
    assert cycle / 0.012 == pytest.approx(factor, rel=0.01)


def test_an_operation_of_a_microsecond_takes_10_ms() -> None:
    """One trap of a device emulator is a sleep of 10 ms and more: 11 ms or so at HZ=1000."""
    wait = mean(lockers(1, tick="1 ms")[WAIT])
    assert wait > 10_000 * 1e-6
    assert wait == pytest.approx(0.011, rel=0.01)


def test_four_and_three_jiffies() -> None:
    """At HZ=250 a cycle is 4 jiffies of sleep and 3 without detection, with no spread at all."""
    found = lockers(1, tick="4 ms")
    assert mean(found[CYCLE]) == pytest.approx(0.028, rel=0.001)
    assert mean(found[WAIT]) == pytest.approx(0.016, rel=0.005)
    spread = found[CYCLE].figures
    assert next(f for f in spread if f.name == "max").estimate == pytest.approx(0.028, abs=1e-6)


@pytest.mark.parametrize(("tick", "longest"), [("4 ms", 16.0), ("1 ms", 11.0)])
def test_no_timer_slower_than_the_longest_sleep_starves(tick: str, longest: float) -> None:
    """Signals less often than that do not end each sleep: 16 ms at HZ=250, 11 ms at HZ=1000."""
    model, test, cell = changed(1, {"tick": tick})
    found = worst_case(model, test, [cell], WAIT, 60.0).cells[0]
    assert found.longest is not None
    assert longest - 0.1 < 1000 * found.longest < longest


def test_1000_split_locks_a_second_cost_a_third_of_a_percent() -> None:
    """7000 cycles at 2 GHz, 1000 times a second: 0.35 % of a cpu (the kernel's own arithmetic)."""
    rows = [
        {"step": "fail", "lattice": {"period": "1 ms"}},
        {"step": "repair", "constant": "7000 ns / 2"},
    ]
    runs = Asked(workshop(1, 1), rows, [{"share": "all-down"}]).replications(1, 10)
    runs.more(2, workers=1)
    assert runs.counted[0].shares[0] / runs.counted[0].time == pytest.approx(0.0035, rel=0.001)


@pytest.mark.parametrize(("seconds", "ticks"), [(21, 5250), (60, 15_000), (65, 16_250)])
def test_stall_periods_are_whole_ticks(seconds: int, ticks: int) -> None:
    """A timeout of 21 s is 5,250 ticks at HZ=250, one of 60 s 15,000; 5 s more are 16,250."""
    rows = [
        {"step": "ring", "lattice": {"period": "4 ms", "points": ticks}},
        {"step": "look", "never": True},
    ]
    runs = Asked(clocks(), rows, [{"rate": "ring"}]).replications(1, 3 * seconds + 0.001)
    runs.more(2, workers=1)
    assert [counted.counts[0] for counted in runs.counted] == [3, 3]
    assert [counted.first[0] for counted in runs.counted] == [seconds * SECOND] * 2
