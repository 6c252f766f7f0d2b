"""Ask for the longest of one latency of a test, in each of its cells."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import ScenarioError, VmlitmusError, unknown
from vmlitmus.lang import Model
from vmlitmus.outcome.longest import LongestCell, LongestTime, TimedStep
from vmlitmus.scenario import Cell, Test
from vmlitmus.simulation.measures.measure import LATENCY, Measure
from vmlitmus.simulation.simulate import prepared
from vmlitmus.simulation.worst.longest import Longest, Path, Search, TooLarge
from vmlitmus.simulation.worst.times import latest_times

MOST = 200_000  # classes of a cell
_SECOND = 1e9


def worst_case(
    model: Model,
    test: Test,
    cells: Sequence[Cell],
    latency: str,
    seconds: float,
    progress: Callable[[str, int], None] | None = None,
) -> LongestTime:
    """Return the longest of the latency of that name. ``seconds`` bounds the time for a cell."""
    found = []
    for cell in cells:
        try:
            found.append(_cell(model, test, cell, latency, seconds, progress))
        except VmlitmusError as error:
            wrong = LongestCell(cell.name, cell.where, error=str(error), exit_code=error.exit_code)
            found.append(wrong)
    timing = str(cells[0].timing.get("use", test.path)) if cells else ""
    return LongestTime(test.name, test.question, timing, latency, tuple(found))


def _cell(
    model: Model,
    test: Test,
    cell: Cell,
    latency: str,
    seconds: float,
    progress: Callable[[str, int], None] | None,
) -> LongestCell:
    began = time.monotonic()
    ready = prepared(model, test, cell)
    measure = _named(ready.measures, latency, test)
    search = Search(ready.rules, measure, most=MOST, seconds=seconds)
    try:
        longest = search.run(None if progress is None else lambda n: progress(cell.name, n))
    except TooLarge as error:
        passed = time.monotonic() - began
        return LongestCell(
            cell.name, cell.where, why=str(error), classes=error.classes, seconds=passed
        )
    steps, loop_start = _shown(search, longest)
    bounded = longest.nanoseconds is not None
    verdict = "bounded" if bounded else "unbounded"
    return LongestCell(
        cell.name,
        cell.where,
        verdict if longest.seen else "never begins",
        longest.nanoseconds / _SECOND if longest.nanoseconds is not None else None,
        longest.why if longest.seen else f"{measure.what[0]} does not happen",
        tuple(steps),
        loop_start,
        longest.classes,
        time.monotonic() - began,
    )


def _named(measures: Sequence[Measure], name: str, test: Test) -> Measure:
    known = [m.name for m in measures if m.kind == LATENCY]
    for measure in measures:
        if measure.kind == LATENCY and measure.name == name:
            return measure
    if not known:
        raise ScenarioError(f"{test.path}: no [[measure]] of this test is a latency")
    raise ScenarioError(f"{test.path}: " + unknown("latency", name, known))


def _shown(search: Search, longest: Longest) -> tuple[list[TimedStep], int | None]:
    """Return the steps of the path, without ticks, and which is the first of the loop."""
    times = latest_times(search.classes, longest.before, longest.path)
    first = len(longest.path) - longest.loop
    begins = longest.before[-1:]
    steps = [_step(search, begins, 0)] if begins else []
    loop_start = None
    for number, (place, at) in enumerate(zip(longest.path, times, strict=True)):
        if longest.loop and number == first:
            loop_start = len(steps)
        if place[1].firing is not None:
            steps.append(_step(search, [place], at))
    return steps, loop_start


def _step(search: Search, place: Path, at: int) -> TimedStep:
    here, edge = place[0]
    assert edge.firing is not None
    instance = search.machine.instances[edge.firing[0]]
    stepper: Stepper = search.classes.stepper
    stepper.load(here.state)
    ending, values = search.machine.fire(instance)
    fired = search.machine.describe(instance, ending, values)
    search.machine.back(here.state)
    return TimedStep(at / _SECOND, fired.step_id, fired.label)
