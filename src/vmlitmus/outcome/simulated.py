"""What a simulation found: figures with their intervals, as plain data.

Source: the JSON contract ``vmlitmus/simulation/1``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA = "vmlitmus/simulation/1"


@dataclass(frozen=True)
class Figure:
    """One figure: its estimate, and the interval around it; ``unit`` is "s", "/s" or "".

    ``low`` and ``high`` are infinite where too little was seen for an interval.
    """

    name: str
    estimate: float
    low: float
    high: float
    unit: str

    @property
    def relative(self) -> float:
        """Half the interval's width in proportion to the estimate."""
        half = (self.high - self.low) / 2
        return 0.0 if half == 0 else half / abs(self.estimate) if self.estimate else math.inf


@dataclass(frozen=True)
class Measured:
    """What was found for one ``[[measure]]``.

    ``figures`` has one figure, or for a latency its mean, quantiles and maximum; it is empty where
    what is measured was never observed. ``samples`` is how often it was. ``expected`` are the
    limits that the file gives for the first figure, None without; ``points`` are quantiles of the
    distribution of a latency, as (share, seconds).
    """

    name: str
    kind: str
    what: tuple[str, ...]
    figures: tuple[Figure, ...]
    samples: int
    expected: tuple[float, float] | None = None
    points: tuple[tuple[float, float], ...] = ()

    @property
    def as_expected(self) -> bool | None:
        """Say whether the interval meets the limits; None without limits, or figures."""
        if self.expected is None or not self.figures:
            return None
        first = self.figures[0]
        return first.low <= self.expected[1] and first.high >= self.expected[0]


@dataclass(frozen=True)
class Difference:
    """How a figure differs from that of another cell, under the same noise."""

    measure: str
    other: str
    figure: Figure


@dataclass(frozen=True)
class SimulatedCell:
    """One cell of a test in time.

    ``horizon`` and ``warm_up`` are the seconds of each run, ``parameters`` the values in force as
    text, with the unit in which the file has them. ``reached`` says whether every interval is as
    narrow as was asked; ``error`` is why there is no result. Of a cell that was ``interrupted`` the
    figures are those of the runs that were done.
    """

    name: str
    where: Mapping[str, str]
    measured: tuple[Measured, ...] = ()
    differences: tuple[Difference, ...] = ()
    runs: int = 0
    events: int = 0
    seconds: float = 0.0
    horizon: float = 0.0
    warm_up: float = 0.0
    reached: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: str | None = None
    exit_code: int = 0
    interrupted: bool = False


@dataclass(frozen=True)
class Simulated:
    """A test in time: its cells, and how they were asked for."""

    test: str
    question: str
    timing: str
    seed: int
    confidence: float
    precision: float
    cells: tuple[SimulatedCell, ...]

    @property
    def exit_code(self) -> int:
        """130 where it was interrupted, 2 and 70 for errors, 1 where a figure is not as expected,
        3 where one is not known.
        """
        codes = [c.exit_code for c in self.cells if c.error]
        if any(c.interrupted for c in self.cells):
            return max([130, *codes], key=lambda code: (code == 70, code))
        if codes:
            return max(codes)
        measured = [m for c in self.cells for m in c.measured]
        if any(m.as_expected is False for m in measured):
            return 1
        return 0 if all(c.reached for c in self.cells) else 3


def as_json(found: Simulated) -> dict[str, Any]:
    """Return a simulation as the object of schema ``vmlitmus/simulation/1``."""
    return {
        "schema": SCHEMA,
        "test": found.test,
        "question": found.question,
        "timing": found.timing,
        "seed": found.seed,
        "confidence": found.confidence,
        "precision": found.precision,
        "cells": [_cell(cell) for cell in found.cells],
    }


def _cell(cell: SimulatedCell) -> dict[str, Any]:
    head: dict[str, Any] = {"name": cell.name, "where": dict(cell.where)}
    if cell.interrupted:
        head["interrupted"] = True
    if cell.error is not None:
        return {**head, "error": cell.error}
    return {
        **head,
        "measures": [_measured(m) for m in cell.measured],
        "differences": [
            {"measure": d.measure, "from": d.other, **_figure(d.figure)} for d in cell.differences
        ],
        "runs": cell.runs,
        "events": cell.events,
        "seconds": cell.seconds,
        "horizon": cell.horizon,
        "warm_up": cell.warm_up,
        "reached": cell.reached,
        "parameters": dict(cell.parameters),
        "warnings": list(cell.warnings),
    }


def _measured(measured: Measured) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": measured.name,
        "kind": measured.kind,
        "what": list(measured.what),
        "figures": [_figure(figure) for figure in measured.figures],
        "samples": measured.samples,
    }
    if measured.expected is not None:
        found["expected"] = list(measured.expected)
        found["as_expected"] = measured.as_expected
    return found


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "estimate": figure.estimate,
        "low": _finite(figure.low),
        "high": _finite(figure.high),
        "unit": figure.unit,
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
