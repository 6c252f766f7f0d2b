"""Simulate a test: its cells, each until what is measured is known well enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vmlitmus.compiler import Machine
from vmlitmus.decide.own_code import own_code, own_world
from vmlitmus.errors import ScenarioError, VmlitmusError, WorkerLost, unknown
from vmlitmus.lang import Model
from vmlitmus.litmus.catalogue import ROOT, Catalogue
from vmlitmus.litmus.format.text import placed
from vmlitmus.litmus.keys import key_names
from vmlitmus.outcome.simulated import Measured, Simulated, SimulatedCell
from vmlitmus.scenario import Cell, Test
from vmlitmus.simulation.laws.quantity import quantity
from vmlitmus.simulation.laws.rules import Rules
from vmlitmus.simulation.laws.timing import Timing, read_timing, timing_of
from vmlitmus.simulation.measures.figures import Figures, known
from vmlitmus.simulation.measures.measure import Measure, read_measures
from vmlitmus.simulation.measures.tally import Counted, plan
from vmlitmus.simulation.replications import Replications, Run, until_known

_HORIZON = "10 s"
_LEAST = 2  # replications that give an interval


@dataclass(frozen=True)
class Asked:
    """How precisely the figures are to be known, and in how much time.

    ``precision`` is half the width of an interval in proportion to its figure, ``seconds`` the time
    for each cell, building and compiling included. ``runs`` fixes the number of replications
    instead. ``cluster`` is the address of a cluster on whose machines the cells are simulated.
    """

    seed: int = 1
    confidence: float = 0.95
    precision: float = 0.02
    seconds: float = 20.0
    runs: int | None = None
    engine: str = "compiled"
    workers: int | None = None
    cluster: str | None = None


@dataclass(frozen=True)
class Prepared:
    """One cell ready to be simulated: its rules, its measures, and how long each run is."""

    rules: Rules
    measures: Sequence[Measure]
    run: Run


def timings_of(topic: str) -> dict[str, Path]:
    """Return the files of the timings that a topic has."""
    return {path.stem: path for path in sorted((ROOT / topic / "timing").glob("*.toml"))}


def prepared(
    model: Model,
    test: Test,
    cell: Cell,
    seed: int = 1,
    own: str | None = None,
    machine: Machine | None = None,
) -> Prepared:
    """Return a cell ready to be simulated; ``own`` is the file of a user's model.

    A ``machine`` of the same scenario need not be built again. Raises VmlitmusError.
    """
    if not cell.timing or not test.measures:
        missing = "[timing]" if not cell.timing else "[[measure]]"
        raise ScenarioError(f"{test.path}: has no {missing}, so it cannot be simulated")
    timing, chosen = chosen_timing(test, cell.timing)
    if machine is None:
        with placed(test), own_world(own, cell.name, None, None):
            machine = cell.machine(model)
    rules = Rules(machine, timing, chosen)
    try:
        measures = read_measures(list(test.measures), rules.machine, rules.values)
        horizon = round(quantity(cell.timing.get("horizon", _HORIZON), rules.values, "horizon"))
        warm_up = round(quantity(cell.timing.get("warm_up", 0), rules.values, "warm_up"))
        if not 0 <= warm_up < horizon <= 1 << 62:
            raise ScenarioError(f"horizon {horizon} ns, warm_up {warm_up} ns: not in order")
    except ScenarioError as error:
        raise ScenarioError(f"{test.path}: {error}") from None
    return Prepared(rules, measures, Run(seed, horizon, warm_up))


def chosen_timing(test: Test, table: Mapping[str, Any]) -> tuple[Timing, dict[str, object]]:
    """Return the timing of a test, and the values that it gives parameters."""
    used = table.get("use")
    base = Timing(test.path) if used is None else read_timing(_path(test, str(used)))
    given = {key: table[key] for key in ("parameter", "time") if key in table}
    more = timing_of(given, f"{test.path}: timing")
    parameters = {**base.parameters, **more.parameters}
    shared = base.path in map(str, timings_of(test.topic).values())
    rows = (replace(row, own=not shared) for row in base.rows)
    timing = replace(base, parameters=parameters, rows=(*rows, *more.rows))
    chosen = {k: v for k, v in table.items() if k not in key_names("timing")}
    return timing, chosen


def _path(test: Test, used: str) -> Path:
    known = timings_of(test.topic)
    if used in known:
        return known[used]
    if used.endswith(".toml"):
        return Path(test.file).parent / used if test.file else Path(used)
    raise ScenarioError(f"{test.path}: timing.use: " + unknown("timing", used, known))


def simulate(
    model: Model,
    test: Test,
    cells: Sequence[Cell],
    asked: Asked,
    progress: Callable[[str, int], None] | None = None,
    own: str | None = None,
) -> Simulated:
    """Return what is found for some cells of a test, compared with the first of them.

    ``own`` is the file of the model where that is a user's: its world is made within limits.
    """
    found: list[SimulatedCell] = []
    first: tuple[str, list[Counted]] | None = None
    if asked.cluster is None:
        done_cells = _in_turn(model, test, cells, asked, progress, own)
    else:
        done_cells = _on_cluster(asked.cluster, model, test, cells, asked, progress)
    for done, counted, figures in done_cells:
        if first is not None and figures is not None:
            done = replace(done, differences=tuple(figures.differences(counted, *first)))
        if first is None and counted:
            first = done.name, counted
        found.append(done)
        if done.interrupted:
            break
    timing = str(cells[0].timing.get("use", test.path)) if cells else ""
    return Simulated(
        test.name, test.question, timing, asked.seed, asked.confidence, asked.precision,
        tuple(found),
    )  # fmt: skip


_Done = tuple[SimulatedCell, list[Counted], Figures | None]


def _in_turn(
    model: Model,
    test: Test,
    cells: Sequence[Cell],
    asked: Asked,
    progress: Callable[[str, int], None] | None,
    own: str | None,
) -> Iterator[_Done]:
    """Yield what is found for one cell after the other."""
    shared: dict[str, Machine] = {}
    scenarios = [cell.scenario for cell in cells]
    for cell, scenario in zip(cells, scenarios, strict=True):
        began = time.monotonic()
        try:
            ready = prepared(model, test, cell, asked.seed, own, shared.get(scenario))
            if scenarios.count(scenario) > 1:
                shared[scenario] = ready.rules.machine
            with own_code(own, cell.name):
                yield simulated(ready, cell, asked, began, progress)
        except VmlitmusError as error:
            yield _failed(cell, str(error), error.exit_code), [], None


def _on_cluster(
    address: str,
    model: Model,
    test: Test,
    cells: Sequence[Cell],
    asked: Asked,
    progress: Callable[[str, int], None] | None,
) -> Iterator[_Done]:
    """Yield what is found for each cell, in order: each is simulated on one core of a cluster."""
    from vmlitmus.decide.cluster import spread_on

    alone = replace(asked, workers=1, cluster=None)

    def work(index: int) -> tuple[SimulatedCell, list[Counted]]:
        there = Catalogue(in_time=True).model_of(test.topic)
        ((done, counted, _),) = _in_turn(there, test, [cells[index]], alone, None, None)
        return done, counted

    def lost(index: int) -> tuple[SimulatedCell, list[Counted]]:
        return _failed(cells[index], str(WorkerLost()), WorkerLost.exit_code), []

    def busy(index: int) -> None:
        if progress is not None:
            progress(cells[index].name, 0)

    found: dict[int, tuple[SimulatedCell, list[Counted]]] = {}
    with suppress(KeyboardInterrupt):
        found.update(spread_on(address, work, range(len(cells)), busy, lost=lost))
    for index, cell in enumerate(cells):
        if index not in found:
            yield replace(_failed(cell, "interrupted", 130), interrupted=True), [], None
        else:
            done, counted = found[index]
            figures = _figures(prepared(model, test, cell, asked.seed), asked) if counted else None
            yield done, counted, figures


def _failed(cell: Cell, error: str, code: int) -> SimulatedCell:
    return SimulatedCell(cell.name, cell.where, error=error, exit_code=code)


def _figures(ready: Prepared, asked: Asked) -> Figures:
    return Figures(ready.measures, plan(ready.measures, ready.rules.machine), asked.confidence)


def simulated(
    ready: Prepared,
    cell: Cell,
    asked: Asked,
    began: float,
    progress: Callable[[str, int], None] | None,
) -> _Done:
    """Run a cell that is ready; return its figures, what was counted, and how that is read.

    ``began`` is when the work for the cell did, by ``time.monotonic()``. Raises VmlitmusError.
    """
    runs = Replications(ready.rules, ready.measures, ready.run, asked.engine)
    figures = _figures(ready, asked)
    reached, interrupted = False, False
    try:
        reached = _run(runs, figures, cell, asked, began, progress)
    except KeyboardInterrupt:
        interrupted = True
        if len(runs.counted) < _LEAST:
            why = f"interrupted after {len(runs.counted)} runs, which tell nothing"
            return SimulatedCell(cell.name, cell.where, error=why, interrupted=True), [], None
    measured = figures.measured(runs.counted)
    done = SimulatedCell(
        name=cell.name,
        where=cell.where,
        measured=tuple(measured),
        runs=len(runs.counted),
        events=sum(counted.events for counted in runs.counted),
        seconds=time.monotonic() - began,
        horizon=ready.run.horizon / 1e9,
        warm_up=ready.run.warm_up / 1e9,
        reached=reached and not any(_unseen(m) for m in measured),
        parameters=_parameters(ready.rules, cell),
        warnings=tuple(_warnings(ready.rules, measured)),
        interrupted=interrupted,
    )
    return done, runs.counted, figures


def _run(
    runs: Replications,
    figures: Figures,
    cell: Cell,
    asked: Asked,
    began: float,
    progress: Callable[[str, int], None] | None,
) -> bool:
    """Run replications; say whether the figures are as well known as was asked."""
    if asked.runs is not None:
        runs.more(asked.runs, asked.workers)
        return True
    return until_known(
        runs,
        lambda counted: known(figures.measured(counted), asked.precision),
        asked.seconds,
        spent=time.monotonic() - began,
        progress=None if progress is None else lambda number: progress(cell.name, number),
    )


def _unseen(measured: Measured) -> bool:
    return not measured.figures


def _warnings(rules: Rules, measured: Sequence[Measured]) -> list[str]:
    found = [f"{m.name}: never observed, so nothing is known of it" for m in measured if _unseen(m)]
    found += [
        f"{rules.timing.path}: {row.place} is about no step of this scenario"
        for row in rules.unused()
        if row.own
    ]
    return found


def _parameters(rules: Rules, cell: Cell) -> dict[str, str]:
    return {
        name: str(cell.timing.get(name, parameter.value))
        for name, parameter in rules.timing.parameters.items()
    }
