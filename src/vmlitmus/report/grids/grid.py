"""Matrix tests as grids: what a grid is, and grids as JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vmlitmus.outcome import Outcome, PublishedClaim
from vmlitmus.report.grids.published_claims import said_json


@dataclass(frozen=True)
class Grid:
    """One matrix test: its axes with their values, the outcome of each cell, how it is laid out.

    ``across`` are the axes that go across, ``apart`` those whose values have a block each;
    ``marks`` maps conditions to letters that stand for them; ``said`` is what was said of the
    cells, ``notes`` what a reader of the heads must know.
    """

    title: str
    axes: Mapping[str, tuple[str, ...]]
    cells: Sequence[Outcome]
    across: tuple[str, ...]
    apart: tuple[str, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    said: tuple[PublishedClaim, ...] = ()
    notes: tuple[str, ...] = ()


def tables_json(topic: str, grids: Sequence[Grid]) -> dict[str, Any]:
    """Return grids as the object of schema ``vmlitmus/table/1``."""
    return {"schema": "vmlitmus/table/1", "topic": topic, "tables": [_table(g) for g in grids]}


def _table(grid: Grid) -> dict[str, Any]:
    table: dict[str, Any] = {
        "title": grid.title,
        "axes": {axis: list(values) for axis, values in grid.axes.items()},
        "cells": [_cell(outcome) for outcome in grid.cells],
    }
    if grid.notes:
        table["notes"] = list(grid.notes)
    if grid.said:
        table["said"] = said_json(grid.said, grid.cells)
    return table


def _cell(outcome: Outcome) -> dict[str, Any]:
    r = outcome.result
    return {
        "where": dict(outcome.where),
        "test": outcome.name,
        "verdict": r.verdict.value if r else "error",
        "expected": outcome.expected.value if outcome.expected else None,
        "observations": dict(r.observed) if r else {},
        **({"word": outcome.word} if outcome.word else {}),
    }


def comma_separated(grid: Grid) -> str:
    """Return a grid as CSV, one line a cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*grid.axes, "verdict", "expected", "test"])
    for outcome in grid.cells:
        verdict = outcome.result.verdict.value if outcome.result else "error"
        where = [outcome.where[axis] for axis in grid.axes]
        expected = outcome.expected.value if outcome.expected else ""
        writer.writerow([*where, verdict, expected, outcome.name])
    return out.getvalue().rstrip("\n")
