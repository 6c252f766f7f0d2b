"""The longest time from one thing to another in a test, as plain data.

Source: the JSON contract ``vmlitmus/worst-case/1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA = "vmlitmus/worst-case/1"


@dataclass(frozen=True)
class TimedStep:
    """One step of the run, with its time in seconds since the measured time began."""

    time: float
    step: str
    label: str


@dataclass(frozen=True)
class LongestCell:
    """The longest time in one cell, in seconds.

    ``verdict`` is "bounded", "unbounded", "never begins" or "inconclusive"; ``why`` explains all
    but the first. ``steps`` are those of the run that takes the longest, or of one without end: its
    last steps, from ``loop_start`` on, come again and again. ``classes`` is how many classes of
    states and times there are.
    """

    name: str
    where: Mapping[str, str]
    verdict: str = "inconclusive"
    longest: float | None = None
    why: str = ""
    steps: tuple[TimedStep, ...] = ()
    loop_start: int | None = None
    classes: int = 0
    seconds: float = 0.0
    error: str | None = None
    exit_code: int = 0


@dataclass(frozen=True)
class LongestTime:
    """The longest of one latency of a test, for each of its cells."""

    test: str
    question: str
    timing: str
    measure: str
    cells: tuple[LongestCell, ...]

    @property
    def exit_code(self) -> int:
        """2 and 70 for errors, 3 where it is not known, else 0."""
        codes = [c.exit_code for c in self.cells if c.error]
        if codes:
            return max(codes)
        undecided = ("inconclusive", "never begins")
        return 3 if any(c.verdict in undecided for c in self.cells) else 0


def as_json(found: LongestTime) -> dict[str, Any]:
    """Return it as the object of schema ``vmlitmus/worst-case/1``."""
    return {
        "schema": SCHEMA,
        "test": found.test,
        "question": found.question,
        "timing": found.timing,
        "measure": found.measure,
        "cells": [_cell(cell) for cell in found.cells],
    }


def _cell(cell: LongestCell) -> dict[str, Any]:
    head: dict[str, Any] = {"name": cell.name, "where": dict(cell.where)}
    if cell.error is not None:
        return {**head, "error": cell.error}
    return {
        **head,
        "verdict": cell.verdict,
        "longest": cell.longest,
        "why": cell.why,
        "steps": [{"time": s.time, "step": s.step, "label": s.label} for s in cell.steps],
        "loop_start": cell.loop_start,
        "classes": cell.classes,
        "seconds": cell.seconds,
    }
