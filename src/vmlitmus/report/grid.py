"""Matrix tests as grids: terminal, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmlitmus.outcome import Outcome


@dataclass(frozen=True)
class Grid:
    """One matrix test: its axes with their values, and the outcome of each cell."""

    title: str
    axes: Mapping[str, tuple[str, ...]]
    cells: Sequence[Outcome]


def tables_json(topic: str, grids: Sequence[Grid]) -> dict[str, Any]:
    """Return grids as the object of schema ``vmlitmus/table/1``."""
    return {
        "schema": "vmlitmus/table/1",
        "topic": topic,
        "tables": [
            {
                "title": grid.title,
                "axes": {axis: list(values) for axis, values in grid.axes.items()},
                "cells": [_cell(outcome) for outcome in grid.cells],
            }
            for grid in grids
        ],
    }


def _cell(outcome: Outcome) -> dict[str, Any]:
    r = outcome.result
    return {
        "where": dict(outcome.where),
        "test": outcome.name,
        "verdict": r.verdict.value if r else "error",
        "expected": outcome.expected.value,
        "observations": dict(r.observed) if r else {},
        **({"word": outcome.word} if outcome.word else {}),
    }


def rows(grid: Grid) -> tuple[list[str], list[list[str]]]:
    """Return a head and rows: the last axis goes across, the others down.

    A verdict that is not the expected one is marked with "!".
    """
    *down, across = grid.axes
    values = grid.axes[across]
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for outcome in grid.cells:
        key = tuple(outcome.where[axis] for axis in down)
        found.setdefault(key, {})[outcome.where[across]] = _text(outcome)
    common = _common(values)
    head = [*down, *(_short(value, common) for value in values)]
    return head, [[*key, *(line.get(v, "") for v in values)] for key, line in found.items()]


def _text(outcome: Outcome) -> str:
    r = outcome.result
    if r is None:
        return "error"
    if outcome.word is not None:
        return outcome.word if outcome.as_expected else f"{outcome.word} !"
    seen = [name for name, true in r.observed.items() if true]
    text = r.verdict.value if outcome.as_expected else f"{r.verdict.value} !"
    return f"{text} ({', '.join(seen)})" if seen else text


def _common(values: Sequence[str]) -> set[str]:
    """Return the parts that all values of a list-valued axis share; they say nothing."""
    parts = [set(value.split("+")) for value in values]
    return set.intersection(*parts) if len(values) > 1 else set()


def _short(value: str, common: set[str]) -> str:
    own = [part for part in value.split("+") if part not in common]
    return " + ".join(own) if own else ("(none of these)" if "+" in value else value)


def markdown(grid: Grid) -> str:
    """Return a grid as a Markdown table."""
    head, body = rows(grid)
    lines = [f"**{grid.title}**", "", _bar(head), _bar(["---"] * len(head)), *map(_bar, body)]
    return "\n".join(lines)


def _bar(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def comma_separated(grid: Grid) -> str:
    """Return a grid as CSV, one line a cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*grid.axes, "verdict", "expected", "test"])
    for outcome in grid.cells:
        verdict = outcome.result.verdict.value if outcome.result else "error"
        where = [outcome.where[axis] for axis in grid.axes]
        writer.writerow([*where, verdict, outcome.expected.value, outcome.name])
    return out.getvalue().rstrip("\n")


def plain(grid: Grid) -> str:
    """Return a grid for the terminal."""
    head, body = rows(grid)
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    lines = [grid.title, ""]
    for line in [head, ["-" * w for w in widths], *body]:
        lines.append("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())
    return "\n".join(lines)
