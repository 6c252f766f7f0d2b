"""How much each figure of a test in time moves when a parameter of its timing is halved or doubled.

The runs have the same random numbers, so that what moves is the figure and not the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from vmlitmus.errors import ScenarioError
from vmlitmus.lang import Model
from vmlitmus.outcome.sensitivity import FACTORS, Moved
from vmlitmus.outcome.simulated import Figure, SimulatedCell
from vmlitmus.scenario import Cell, Test
from vmlitmus.simulation.simulate import Asked, chosen_timing, simulate


def sensitivity(
    model: Model,
    test: Test,
    cell: Cell,
    asked: Asked,
    progress: Callable[[str], None] | None = None,
) -> list[Moved]:
    """Return how the first figure of each measure moves; raises ScenarioError."""
    timing, chosen = chosen_timing(test, cell.timing)
    base = _figures(model, test, cell, asked)
    if not base:
        raise ScenarioError(f"{cell.name}: nothing was observed that could move")
    found = []
    for name, parameter in timing.parameters.items():
        if progress is not None:
            progress(name)
        value = chosen.get(name, parameter.value)
        changed = [_changed(model, test, cell, asked, name, value, factor) for factor in FACTORS]
        found += [
            Moved(
                name, str(value), parameter.source, measure, figure,
                tuple(figures.get(measure) for figures in changed),
            )
            for measure, figure in base.items()
        ]  # fmt: skip
    return found


def _changed(
    model: Model, test: Test, cell: Cell, asked: Asked, name: str, value: object, factor: float
) -> Mapping[str, float]:
    timing = {**cell.timing, name: f"({value}) * {factor}"}
    try:
        figures = _figures(model, test, replace(cell, timing=timing), asked)
    except ScenarioError:  # the timing does not allow that value
        return {}
    return {measure: figure.estimate for measure, figure in figures.items()}


def _figures(model: Model, test: Test, cell: Cell, asked: Asked) -> dict[str, Figure]:
    done: SimulatedCell = simulate(model, test, [cell], asked).cells[0]
    if done.error is not None:
        raise ScenarioError(done.error)
    return {m.name: m.figures[0] for m in done.measured if m.figures}
