"""Mechanisms with their claims and costs in one grid, for the terminal."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from vmlitmus.outcome.cost import Column, Cost, CostTable, Verdicts
from vmlitmus.printable import ascii_only
from vmlitmus.report.columns import aligned
from vmlitmus.report.timed.simulated import shown
from vmlitmus.report.timeline import WIDTH


def cost_text(table: CostTable) -> str:
    """Return a grid: a mechanism a row, its claims, its costs, and what the numbers stand for."""
    columns = [*table.claims, *table.costs]
    heads = [f"({n})" for n in range(1, len(columns) + 1)]
    cells = {
        value: [_cell(column.cells.get(value)) for column in columns] for value in table.values
    }
    lines: list[str] = []
    for some in _fitting(table, heads, cells):
        rows = [[value, *(cells[value][n] for n in some)] for value in table.values]
        lines += [*aligned([[table.axis, *(heads[n] for n in some)]], rows), ""]
    for head, column in zip(heads, columns, strict=True):
        lines += textwrap.wrap(f"{head} {_meaning(column)}", WIDTH, subsequent_indent="    ")
    if any(isinstance(c, Cost) and not c.reached for col in columns for c in col.cells.values()):
        lines.append("?: not known as precisely as was asked; a longer --time-limit helps.")
    return "\n".join(ascii_only(line).rstrip() for line in lines)


def _fitting(
    table: CostTable, heads: Sequence[str], cells: dict[str, list[str]]
) -> list[list[int]]:
    """Return which columns stand beside each other: as many as the width holds."""
    first = max(len(text) for text in (table.axis, *table.values))
    groups: list[list[int]] = []
    left = 0
    for number, head in enumerate(heads):
        wide = 2 + max(len(head), *(len(cells[value][number]) for value in table.values))
        if not groups or wide > left:
            groups.append([])
            left = WIDTH - first
        groups[-1].append(number)
        left -= wide
    return groups


def _cell(cell: Verdicts | Cost | None) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, Cost):
        figure = cell.figure
        text = shown(figure.estimate, figure.unit)
        if figure.low < figure.high < math.inf:
            text += f" +-{100 * figure.relative:.2g}%"
        return text if cell.reached else f"{text} ?"
    whole = cell.holds + cell.violated + cell.undecided
    if cell.holds == whole:
        return "holds"
    if cell.violated == whole:
        return "violated"
    undecided = f", {cell.undecided} undecided" if cell.undecided else ""
    return f"holds in {cell.holds} of {whole}{undecided}"


def _meaning(column: Column) -> str:
    where = ", ".join(f"{axis} = {value}" for axis, value in column.where.items())
    return f"{column.what}: {column.test}" + (f", {where}" if where else "")
