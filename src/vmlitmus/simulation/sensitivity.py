"""How much each figure of a test in time moves when a parameter of its timing is halved or doubled.

The runs have the same random numbers, so that what moves is the figure and not the noise. The cell
is built once. A parameter that changes no duration of it changes no figure, and is not simulated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from vmlitmus.errors import ScenarioError
from vmlitmus.lang import Model
from vmlitmus.outcome.sensitivity import FACTORS, Moved
from vmlitmus.outcome.simulated import Figure
from vmlitmus.scenario import Cell, Test
from vmlitmus.simulation.laws.rules import endings
from vmlitmus.simulation.simulate import Asked, Prepared, chosen_timing, prepared, simulated


def sensitivity(
    model: Model,
    test: Test,
    cell: Cell,
    asked: Asked,
    progress: Callable[[str], None] | None = None,
) -> list[Moved]:
    """Return how the first figure of each measure moves; raises ScenarioError."""
    timing, chosen = chosen_timing(test, cell.timing)
    figures_with = _Timings(model, test, cell, asked).figures
    base = figures_with(cell.timing)
    if not base:
        raise ScenarioError(f"{cell.name}: nothing was observed that could move")
    found = []
    for name, parameter in timing.parameters.items():
        if progress is not None:
            progress(name)
        value = chosen.get(name, parameter.value)
        changed = [_estimates(figures_with, cell, name, value, factor) for factor in FACTORS]
        found += [
            Moved(
                name, str(value), parameter.source, measure, figure,
                tuple(estimates.get(measure) for estimates in changed),
            )
            for measure, figure in base.items()
        ]  # fmt: skip
    return found


def _estimates(
    figures_with: Callable[[Mapping[str, Any]], Mapping[str, Figure]],
    cell: Cell,
    name: str,
    value: object,
    factor: float,
) -> Mapping[str, float]:
    timing = {**cell.timing, name: f"({value}) * {factor}"}
    try:
        return {measure: f.estimate for measure, f in figures_with(timing).items()}
    except ScenarioError:  # the timing does not allow that value
        return {}


class _Timings:
    """One cell with several timings: the same machine, and the figures of what was run already."""

    def __init__(self, model: Model, test: Test, cell: Cell, asked: Asked) -> None:
        self.model, self.test, self.cell, self.asked = model, test, cell, asked
        self.machine = cell.machine(model)
        self.known: dict[object, Mapping[str, Figure]] = {}

    def figures(self, timing: Mapping[str, Any]) -> Mapping[str, Figure]:
        """Return the first figure of each measure; raises ScenarioError."""
        cell = replace(self.cell, timing=timing)
        ready = prepared(self.model, self.test, cell, self.asked.seed, machine=self.machine)
        durations = _durations(ready)
        if durations not in self.known:
            done = simulated(ready, cell, self.asked, time.monotonic(), None)[0]
            if done.interrupted:
                raise KeyboardInterrupt  # figures of fewer runs cannot be compared
            if done.error is not None:
                raise ScenarioError(done.error)
            self.known[durations] = {m.name: m.figures[0] for m in done.measured if m.figures}
        return self.known[durations]


def _durations(ready: Prepared) -> object:
    """Return all that figures depend on: how long runs are, what is seen in them, and each rule."""
    rules = ready.rules
    firings = ((i.index, ending) for i in rules.machine.instances for ending in endings(i))
    within = tuple(measure.within for measure in ready.measures)
    return ready.run, within, tuple(map(rules.rule, firings))
