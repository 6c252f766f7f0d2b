"""Grids for the terminal and as Markdown: the axes by name, every head in full.

A grid of one row is shown as a column. Of one that is wider than its room, what all values of an
axis share is said once, above; heads are cut; and columns that still do not fit follow below.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmlitmus.outcome import Outcome, Verdict
from vmlitmus.report.columns import Lines, fitted, rows, ruler, widths
from vmlitmus.report.grids.grid import Grid
from vmlitmus.report.grids.published_claims import said_lines
from vmlitmus.report.timeline import WIDTH

_SIGNS = {Verdict.HOLDS: "=", Verdict.VIOLATED: "x", Verdict.INCONCLUSIVE: "?"}
_IN_FULL = ("without", "with")  # axes whose values are never shortened
_GAP = 2


@dataclass(frozen=True)
class Block:
    """The part of a grid for one choice of the axes set apart.

    ``down`` names the axes of the labels of a row, ``across`` those of the columns; ``columns``
    are the columns' values, one for each axis across.
    """

    title: str
    down: tuple[str, ...]
    across: tuple[str, ...]
    columns: list[tuple[str, ...]]
    labels: list[tuple[str, ...]]
    body: list[list[str]]

    def part(self, first: int, end: int) -> Block:
        """Return the block with some of its columns only."""
        body = [row[first:end] for row in self.body]
        return Block(self.title, self.down, self.across, self.columns[first:end], self.labels, body)


def blocks(grid: Grid) -> list[Block]:
    """Return the grid's blocks; a verdict that is not the expected one is marked with "!"."""
    across = () if _one_row(grid) else grid.across
    down = tuple(axis for axis in grid.axes if axis not in (*across, *grid.apart))
    found = []
    for chosen in itertools.product(*(grid.axes[axis] for axis in grid.apart)):
        where = dict(zip(grid.apart, chosen, strict=True))
        cells = [o for o in grid.cells if all(o.where[a] == v for a, v in where.items())]
        title = ", ".join(f"{axis} = {value}" for axis, value in where.items())
        found.append(_block(grid, title, down, across, cells))
    return found


def _one_row(grid: Grid) -> bool:
    rest = [axis for axis in grid.axes if axis not in (*grid.across, *grid.apart)]
    return all(len(grid.axes[axis]) == 1 for axis in rest)


def _block(
    grid: Grid, title: str, down: tuple[str, ...], across: tuple[str, ...], cells: list[Outcome]
) -> Block:
    columns = list(itertools.product(*(grid.axes[axis] for axis in across)))
    found: dict[tuple[str, ...], dict[tuple[str, ...], str]] = {}
    for outcome in cells:
        row = tuple(outcome.where[axis] for axis in down)
        column = tuple(outcome.where[axis] for axis in across)
        found.setdefault(row, {})[column] = _text(outcome, grid.marks)
    body = [[line.get(c, "") for c in columns] for line in found.values()]
    return Block(title, down, across, columns, list(found), body)


def result(outcome: Outcome) -> str:
    """Return the result of a cell in a word: that of its test, or the verdict."""
    if outcome.result is None:
        return "error"
    return outcome.word if outcome.word is not None else outcome.result.verdict.value


def _text(outcome: Outcome, marks: Mapping[str, str]) -> str:
    r = outcome.result
    if r is None:
        return "error"
    if outcome.word is not None:
        return outcome.word if outcome.as_expected else f"{outcome.word} !"
    seen = [name for name, true in r.observed.items() if true]
    wrong = "" if outcome.as_expected else " !"
    if marks:
        signs = "".join(mark for name, mark in marks.items() if name in seen) or "-"
        return f"{_SIGNS[r.verdict]} {signs}{wrong}"
    return f"{r.verdict.value}{wrong} ({', '.join(seen)})" if seen else r.verdict.value + wrong


def legend(grid: Grid, room: int = WIDTH, *, claim: bool = True) -> list[str]:
    """Return what marks stand for, or the ``claim`` that all cells are about."""
    claims = {o.claim for o in grid.cells}
    if not grid.marks:
        told = [f"Claim: {claims.pop()}."] if len(claims) == 1 and claim else []
        return _wrap(" ".join([*told, *_expectation(grid)]), room)
    parts = [f"= {next(iter(claims), '')} holds", "x it is violated"]
    parts += [f"{mark} {name}" for name, mark in grid.marks.items()]
    kept = "; ".join(part.replace(" ", "\xa0") for part in parts)
    lines = [
        line.replace("\xa0", " ") for line in textwrap.wrap(kept, room, break_on_hyphens=False)
    ]
    return [*lines, *_expectation(grid)]


def _expectation(grid: Grid) -> list[str]:
    """Return a sentence on cells of which nothing is expected; none where there are none."""
    free = sum(o.expected is None for o in grid.cells)
    if not free:
        return []
    return ["No expectation." if free == len(grid.cells) else f"No expectation of {free} cells."]


def plain(grid: Grid, room: int = WIDTH, *, claim: bool = True) -> str:
    """Return a grid for the terminal, at most ``room`` columns wide; with the ``claim`` of all."""
    lines = textwrap.wrap(grid.title, room, break_on_hyphens=False)
    text = min(room, WIDTH)
    lines += legend(grid, text, claim=claim) if not grid.marks else ["", *legend(grid, text)]
    found = blocks(grid)
    short = _shortened(grid, found, room)
    lines += [line for axis in short for line in _wrap(share(axis, grid.axes[axis]), text)]
    for block in found:
        lines += ["", *([f"{block.title}:"] if block.title else [])]
        lines += _plain_block(grid, block, short, room)
    notes = [line for note in grid.notes for line in textwrap.wrap(note, room)]
    lines += ["", *notes] if notes else []
    lines += ["", *said_lines(grid.said, grid.cells, text)] if grid.said else []
    return "\n".join(lines)


def _shortened(grid: Grid, found: Sequence[Block], room: int) -> tuple[str, ...]:
    """Return the axes of which only what tells their values apart is shown."""
    tables = [_table(grid, block, ()) for block in found]
    if all(sum(widths([*h, *b])) + _GAP * (len(h[0]) - 1) <= room for h, b in tables):
        return ()
    return shortened(grid)


def shortened(grid: Grid) -> tuple[str, ...]:
    """Return the axes whose values can be shown without what all of them share."""
    return tuple(
        axis
        for axis, values in grid.axes.items()
        if common_parts(values) and axis.rsplit(".", 1)[-1] not in _IN_FULL
    )


def common_parts(values: Sequence[str]) -> list[str]:
    """Return the parts that all values of a list-valued axis share."""
    parts = [value.split("+") for value in values]
    return [p for p in parts[0] if len(parts) > 1 and all(p in other for other in parts)]


def share(axis: str, values: Sequence[str]) -> str:
    """Return the sentence that says what all values of an axis share, and the table leaves out."""
    common = ", ".join(common_parts(values))
    return f"In all cells {axis} has {common}; the table shows what else it has."


def shown_value(grid: Grid, axis: str, value: str, short: Sequence[str]) -> str:
    """Return a value as it is shown: without what all values of its axis share, if it is short."""
    parts = value.split("+")
    if axis in short:
        common = common_parts(grid.axes[axis])
        parts = [part for part in parts if part not in common] or ["nothing more"]
    return " + ".join(parts)


def _table(grid: Grid, block: Block, short: Sequence[str]) -> tuple[list[list[str]], Lines]:
    """Return the heads, one line for each axis across, and the body with its labels."""
    shown = [
        [shown_value(grid, axis, value, short) for axis, value in zip(block.down, row, strict=True)]
        for row in block.labels
    ]
    body = [[*label, *row] for label, row in zip(shown, block.body, strict=True)]
    if not block.across:
        return [[*block.down, _result(grid)]], body
    heads = []
    for level, axis in enumerate(block.across):
        values = [
            ""
            if _again(block.columns, number, level)
            else shown_value(grid, axis, column[level], short)
            for number, column in enumerate(block.columns)
        ]
        last = level == len(block.across) - 1
        heads.append([*(block.down if last else [""] * len(block.down)), *values])
    return heads, body


def _again(columns: Sequence[tuple[str, ...]], number: int, level: int) -> bool:
    """Say whether a column has the value of the column before it."""
    return number > 0 and columns[number - 1][: level + 1] == columns[number][: level + 1]


def _result(grid: Grid) -> str:
    return "answer" if grid.marks or any(o.word for o in grid.cells) else "verdict"


def _plain_block(grid: Grid, block: Block, short: Sequence[str], room: int) -> list[str]:
    """Return a block as lines: several tables, one below the other, where one does not fit."""
    lines: list[str] = []
    first = 0
    while first < len(block.columns):
        end = len(block.columns)
        while end > first + 1 and not _fits(grid, block.part(first, end), short, room):
            end -= 1
        end = _last_change(block.columns, first, end)
        lines += [""] if first else []
        lines += _lines(grid, block.part(first, end), short, room)
        first = end
    return lines


def _fits(grid: Grid, block: Block, short: Sequence[str], room: int) -> bool:
    return fitted(*_table(grid, block, short), room, _GAP) is not None


def _last_change(columns: Sequence[tuple[str, ...]], first: int, end: int) -> int:
    """Return where to go on below: where the first axis has another value, if there is such."""
    if end == len(columns) or len(columns[0]) == 1:
        return end
    changes = (n for n in range(end, first, -1) if columns[n][0] != columns[n - 1][0])
    return next(changes, end)


def _lines(grid: Grid, block: Block, short: Sequence[str], room: int) -> list[str]:
    heads, body = _table(grid, block, short)
    wide = fitted(heads, body, room, _GAP, anywhere=True) or widths([*heads, *body])
    at = sum(wide[: len(block.down)]) + _GAP * len(block.down)
    lines = []
    for head, axis in zip(heads, block.across or [""], strict=True):
        lines += [" " * max(min(at, room - len(axis) - 1), 0) + f"{axis}:"] if axis else []
        lines += rows([head], wide, bottom=True, gap=_GAP)
    return [*lines, ruler(wide, _GAP), *rows(body, wide, gap=_GAP)]


def markdown(grid: Grid) -> str:
    """Return a grid as Markdown tables."""
    lines = [f"**{_escaped(grid.title)}**", "", *legend(grid)]
    for block in blocks(grid):
        heads, body = _table(grid, block, ())
        lines += ["", *([f"{block.title}:", ""] if block.title else [])]
        lines += [_bar(_in_one(heads, block)), _bar(["---"] * len(heads[0])), *map(_bar, body)]
    lines += ["", *grid.notes] if grid.notes else []
    lines += ["", *said_lines(grid.said, grid.cells)] if grid.said else []
    return "\n".join(lines)


def _in_one(heads: Sequence[Sequence[str]], block: Block) -> list[str]:
    """Return one head for each column: its value on each axis across, with the axis."""
    labels = len(block.down)
    full: list[list[str]] = []
    for head, axis in zip(heads, block.across or [""], strict=True):
        line: list[str] = []
        for number, value in enumerate(head):
            value = value or (line[-1] if number > labels else "")
            named = axis and number >= labels and not value.startswith(f"{axis}: ")
            line.append(f"{axis}: {value}" if named else value)
        full.append(line)
    return [" / ".join(filter(None, names)) for names in zip(*full, strict=True)]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _bar(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_escaped, cells)) + " |"


def _wrap(text: str, room: int) -> list[str]:
    return textwrap.wrap(text, room, break_on_hyphens=False)
