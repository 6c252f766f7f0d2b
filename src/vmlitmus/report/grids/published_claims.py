"""What somebody said of the cells of a matrix, compared with what the model observed there."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vmlitmus.outcome import Outcome, PublishedClaim
from vmlitmus.report.timeline import WIDTH


@dataclass(frozen=True)
class Difference:
    """A cell where the model observed something else: ``missing`` was said, ``surplus`` denied."""

    outcome: Outcome
    missing: tuple[str, ...]
    surplus: tuple[str, ...]


def about(said: PublishedClaim, cells: Sequence[Outcome]) -> list[Outcome]:
    """Return the cells that were decided and that the saying is about."""
    return [
        cell
        for cell in cells
        if cell.result and all(cell.where[axis] in values for axis, values in said.where.items())
    ]


def differences(said: PublishedClaim, cells: Sequence[Outcome]) -> list[Difference]:
    """Return the cells where the saying and the model differ."""
    found = []
    for cell in about(said, cells):
        assert cell.result is not None
        seen = cell.result.observed
        missing = tuple(name for name in said.seen if not seen[name])
        surplus = tuple(name for name in said.unseen if seen[name])
        if missing or surplus:
            found.append(Difference(cell, missing, surplus))
    return found


def said_json(rows: Sequence[PublishedClaim], cells: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the comparison as it stands in ``vmlitmus/table/1``."""
    return [_entry(said, cells) for said in rows]


def _entry(said: PublishedClaim, cells: Sequence[Outcome]) -> dict[str, Any]:
    found = differences(said, cells)
    return {
        "by": said.by,
        "text": said.text,
        "where": {axis: list(values) for axis, values in said.where.items()},
        "seen": list(said.seen),
        "unseen": list(said.unseen),
        "cells": len(about(said, cells)),
        "agrees": not found,
        "expected": said.agrees,
        "note": said.note,
        "differs": [
            {"test": d.outcome.name, "missing": list(d.missing), "surplus": list(d.surplus)}
            for d in found
        ],
    }


def said_lines(
    rows: Sequence[PublishedClaim], cells: Sequence[Outcome], room: int = WIDTH
) -> list[str]:
    """Return the comparison for a reader, and how many cells nobody spoke of.

    A row that compares otherwise than its file expects is marked with "!". ``room`` is how many
    columns a line may have.
    """
    lines = _wrap("Published claims about these cells, compared with the model:", 0, room)
    spoken: set[str] = set()
    for said in rows:
        spoken |= {cell.name for cell in about(said, cells)}
        lines += _row(said, cells, room)
    silent = sum(1 for cell in cells if cell.result and cell.name not in spoken)
    return [*lines, *_wrap(f"No claim is about {silent} of the {len(cells)} cells.", 0, room)]


def _row(said: PublishedClaim, cells: Sequence[Outcome], room: int) -> list[str]:
    found, all_ = differences(said, cells), about(said, cells)
    mark = "" if (not found) == said.agrees else " !"
    lines = _wrap(f"{said.by}: {said.text}", 2, room)
    if not said.seen and not said.unseen:
        lines += _wrap("says nothing of the conditions that are observed", 4, room)
    elif found:
        lines.append(f"    DIFFERS in {len(found)} of {_cells(len(all_))}{mark}")
    else:
        lines.append(f"    agrees ({_cells(len(all_))}){mark}")
    note = _wrap(said.note, 4, room) if said.note else []
    return lines + _places(found, all_, room) + note


def _cells(number: int) -> str:
    return f"{number} cell{'' if number == 1 else 's'}"


def _places(found: Sequence[Difference], all_: Sequence[Outcome], room: int) -> list[str]:
    """One item for each way to differ: what sets its cells apart, and the first of them."""
    lines: list[str] = []
    kinds = dict.fromkeys((d.missing, d.surplus) for d in found)
    for missing, surplus in kinds:
        cells = [d.outcome for d in found if (d.missing, d.surplus) == (missing, surplus)]
        parts = [*(f"no {name}" for name in missing), *surplus]
        lines += _wrap(f"{_apart(cells, all_)}: {', '.join(parts)}", 6, room)
        lines += _wrap(f"the first is {cells[0].name}", 6, room)
    return lines


def _apart(cells: Sequence[Outcome], all_: Sequence[Outcome]) -> str:
    """Return the values that some cells have on axes where others have more."""
    parts = []
    for axis in all_[0].where:
        here, there = ({cell.where[axis]: None for cell in group} for group in (cells, all_))
        if len(here) < len(there):
            parts.append(f"{axis} = {' or '.join(here)}")
    return ", ".join(parts) or "everywhere"


def _wrap(text: str, indent: int, room: int) -> list[str]:
    """Return a text as lines; a name that is too long for one goes on behind a comma."""
    words = [w if len(w) + indent + 2 <= room else w.replace(",", ", ") for w in text.split(" ")]
    return textwrap.wrap(
        " ".join(words),
        room,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
    )
