"""What mechanisms promise and what they cost, side by side, as plain data.

Source: the JSON contract ``vmlitmus/costs/1``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vmlitmus.outcome.simulated import Figure

SCHEMA = "vmlitmus/costs/1"


@dataclass(frozen=True)
class Verdicts:
    """How often a claim holds, over the cells of a grid that have one mechanism."""

    holds: int
    violated: int
    undecided: int = 0


@dataclass(frozen=True)
class Cost:
    """One figure of a mechanism; ``reached`` says whether its interval is as narrow as asked."""

    figure: Figure
    reached: bool


@dataclass(frozen=True)
class Column:
    """What one column is about: a claim of a grid, or a measure of a test in time.

    ``where`` are the values of the other axes that it is for; ``cells`` gives what was found for
    each mechanism that it was asked of.
    """

    test: str
    what: str
    where: Mapping[str, str]
    cells: Mapping[str, Verdicts | Cost]
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class CostTable:
    """The mechanisms of one axis, with their claims and their costs."""

    axis: str
    values: tuple[str, ...]
    claims: tuple[Column, ...]
    costs: tuple[Column, ...]

    @property
    def exit_code(self) -> int:
        """2 where a cell has an error, 3 where a figure or a verdict is not known."""
        columns = (*self.claims, *self.costs)
        if any(column.errors for column in columns):
            return 2
        cells = [cell for column in columns for cell in column.cells.values()]
        known = all(c.reached if isinstance(c, Cost) else not c.undecided for c in cells)
        return 0 if known else 3


def as_json(topic: str, tables: tuple[CostTable, ...]) -> dict[str, Any]:
    """Return tables as the object of schema ``vmlitmus/costs/1``."""
    return {"schema": SCHEMA, "topic": topic, "tables": [_table(table) for table in tables]}


def _table(table: CostTable) -> dict[str, Any]:
    return {
        "axis": table.axis,
        "values": list(table.values),
        "claims": [_column(column) for column in table.claims],
        "costs": [_column(column) for column in table.costs],
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "test": column.test,
        "what": column.what,
        "where": dict(column.where),
        "cells": {value: _cell(cell) for value, cell in column.cells.items()},
        "errors": list(column.errors),
    }


def _cell(cell: Verdicts | Cost) -> dict[str, Any]:
    if isinstance(cell, Verdicts):
        return {"holds": cell.holds, "violated": cell.violated, "undecided": cell.undecided}
    figure = cell.figure
    return {
        "figure": figure.name,
        "estimate": figure.estimate,
        "low": figure.low if math.isfinite(figure.low) else None,
        "high": figure.high if math.isfinite(figure.high) else None,
        "unit": figure.unit,
        "reached": cell.reached,
    }
