"""Matrix tests as grids: terminal, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vmlitmus.outcome import Outcome, Said, Verdict
from vmlitmus.report.columns import aligned, widths
from vmlitmus.report.said import said_json, said_lines
from vmlitmus.report.timeline import WIDTH


@dataclass(frozen=True)
class Grid:
    """One matrix test: its axes with their values, the outcome of each cell, how it is laid out.

    ``across`` are the axes that go across, ``apart`` those whose values have a block each;
    ``marks`` maps conditions to letters that stand for them; ``said`` is what was said of the
    cells.
    """

    title: str
    axes: Mapping[str, tuple[str, ...]]
    cells: Sequence[Outcome]
    across: tuple[str, ...]
    apart: tuple[str, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    said: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Block:
    """The part of a grid for one choice of the axes set apart: heads, one an axis, and rows."""

    title: str
    heads: list[list[str]]
    body: list[list[str]]


def tables_json(topic: str, grids: Sequence[Grid]) -> dict[str, Any]:
    """Return grids as the object of schema ``vmlitmus/table/1``."""
    return {"schema": "vmlitmus/table/1", "topic": topic, "tables": [_table(g) for g in grids]}


def _table(grid: Grid) -> dict[str, Any]:
    table: dict[str, Any] = {
        "title": grid.title,
        "axes": {axis: list(values) for axis, values in grid.axes.items()},
        "cells": [_cell(outcome) for outcome in grid.cells],
    }
    if grid.said:
        table["said"] = said_json(grid.said, grid.cells)
    return table


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


def blocks(grid: Grid) -> list[Block]:
    """Return the grid's blocks; a verdict that is not the expected one is marked with "!"."""
    found = []
    for chosen in itertools.product(*(grid.axes[axis] for axis in grid.apart)):
        where = dict(zip(grid.apart, chosen, strict=True))
        cells = [o for o in grid.cells if all(o.where[a] == v for a, v in where.items())]
        found.append(_block(grid, where, cells))
    return found


def _block(grid: Grid, where: Mapping[str, str], cells: Sequence[Outcome]) -> Block:
    down = [axis for axis in grid.axes if axis not in grid.across and axis not in where]
    columns = list(itertools.product(*(grid.axes[axis] for axis in grid.across)))
    found: dict[tuple[str, ...], dict[tuple[str, ...], str]] = {}
    for outcome in cells:
        row = tuple(outcome.where[axis] for axis in down)
        column = tuple(outcome.where[axis] for axis in grid.across)
        found.setdefault(row, {})[column] = _text(outcome, grid.marks)
    body = [[*row, *(line.get(c, "") for c in columns)] for row, line in found.items()]
    title = ", ".join(f"{axis} = {value}" for axis, value in where.items())
    return Block(title, _heads(grid, down, columns), body)


def _heads(grid: Grid, down: list[str], columns: list[tuple[str, ...]]) -> list[list[str]]:
    """Return one head for each axis that goes across; a value stands where its columns begin."""
    heads = []
    for level, axis in enumerate(grid.across):
        common = _common(grid.axes[axis])
        values: list[str] = []
        for number, column in enumerate(columns):
            again = number and columns[number - 1][: level + 1] == column[: level + 1]
            values.append("" if again else _named(axis, _short(column[level], common)))
        last = level == len(grid.across) - 1
        heads.append([*(down if last else [""] * len(down)), *values])
    return heads


def _named(axis: str, value: str) -> str:
    """Return a value that goes across; one that says nothing by itself with its axis."""
    return f"{axis} = {value}" if value in _BARE else value


_BARE = ("true", "false", "nothing")


def _text(outcome: Outcome, marks: Mapping[str, str]) -> str:
    r = outcome.result
    if r is None:
        return "error"
    if outcome.word is not None:
        return outcome.word if outcome.as_expected else f"{outcome.word} !"
    seen = [name for name, true in r.observed.items() if true]
    wrong = "" if outcome.as_expected else " !"
    if marks:
        return (
            f"{_SIGNS[r.verdict]} {''.join(m for n, m in marks.items() if n in seen) or '-'}{wrong}"
        )
    return f"{r.verdict.value}{wrong} ({', '.join(seen)})" if seen else r.verdict.value + wrong


_SIGNS = {Verdict.HOLDS: "=", Verdict.VIOLATED: "x", Verdict.INCONCLUSIVE: "?"}


def legend(grid: Grid) -> list[str]:
    """Return the lines that say what the marks stand for; none without marks."""
    if not grid.marks:
        return []
    claim = next((o.claim for o in grid.cells), "")
    parts = [f"= {claim} holds", "x it is violated"]
    parts += [f"{mark} {name}" for name, mark in grid.marks.items()]
    kept = "; ".join(part.replace(" ", "\xa0") for part in parts)
    return [line.replace("\xa0", " ") for line in textwrap.wrap(kept, WIDTH)]


def _common(values: Sequence[str]) -> set[str]:
    """Return the parts that all values of a list-valued axis share; they say nothing."""
    parts = [set(value.split("+")) for value in values]
    return set.intersection(*parts) if len(values) > 1 else set()


def _short(value: str, common: set[str]) -> str:
    own = [part for part in value.split("+") if part not in common]
    return " + ".join(own) if own else ("(none of these)" if "+" in value else value)


def markdown(grid: Grid) -> str:
    """Return a grid as Markdown tables."""
    lines = [f"**{grid.title}**"]
    for block in blocks(grid):
        head = [" / ".join(filter(None, names)) for names in zip(*_filled(block), strict=True)]
        lines += ["", *([f"{block.title}:", ""] if block.title else [])]
        lines += [_bar(head), _bar(["---"] * len(head)), *map(_bar, block.body)]
    lines += ["", *legend(grid)] if grid.marks else []
    lines += ["", *said_lines(grid.said, grid.cells)] if grid.said else []
    return "\n".join(lines)


def _filled(block: Block) -> list[list[str]]:
    """Return the heads with every value written out."""
    heads = []
    for head in block.heads:
        full: list[str] = []
        for name in head:
            full.append(name or (full[-1] if full else ""))
        heads.append(full)
    return heads


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
    lines = [grid.title]
    lines += ["", *legend(grid)] if grid.marks else []
    for block in blocks(grid):
        heads = block.heads
        if sum(widths([*heads, *block.body])) > _ROOM:
            heads = [*heads[:-1], *_broken(heads[-1])]
        lines += ["", *([f"{block.title}:"] if block.title else [])]
        lines += aligned(heads, block.body)
    lines += ["", *said_lines(grid.said, grid.cells)] if grid.said else []
    return "\n".join(lines)


_ROOM = 90  # characters in all columns; the heads of a wider table are broken


def _broken(head: Sequence[str]) -> list[list[str]]:
    """Return a head over several lines, a word a line, with all words at the bottom."""
    words = [name.split(" ") for name in head]
    most = max(map(len, words))
    return [list(line) for line in zip(*([""] * (most - len(w)) + w for w in words), strict=True)]
