"""What somebody said of the cells of a matrix, compared with what the model observed there."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vmlitmus.outcome import Outcome, Said
from vmlitmus.report.timeline import WIDTH


@dataclass(frozen=True)
class Difference:
    """A cell where the model observed something else: ``missing`` was said, ``surplus`` denied."""

    outcome: Outcome
    missing: tuple[str, ...]
    surplus: tuple[str, ...]


def about(said: Said, cells: Sequence[Outcome]) -> list[Outcome]:
    """Return the cells that were decided and that the saying is about."""
    return [
        cell
        for cell in cells
        if cell.result and all(cell.where[axis] in values for axis, values in said.where.items())
    ]


def differences(said: Said, cells: Sequence[Outcome]) -> list[Difference]:
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


def said_json(rows: Sequence[Said], cells: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the comparison as it stands in ``vmlitmus/table/1``."""
    return [_entry(said, cells) for said in rows]


def _entry(said: Said, cells: Sequence[Outcome]) -> dict[str, Any]:
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


def said_lines(rows: Sequence[Said], cells: Sequence[Outcome]) -> list[str]:
    """Return the comparison for a reader, and how many cells nobody spoke of.

    A row that compares otherwise than its file expects is marked with "!".
    """
    lines = ["What was said of it, and what the model observes:"]
    spoken: set[str] = set()
    for said in rows:
        spoken |= {cell.name for cell in about(said, cells)}
        lines += _row(said, cells)
    silent = sum(1 for cell in cells if cell.result and cell.name not in spoken)
    return [*lines, f"Of {silent} of {len(cells)} cells nothing was said."]


def _row(said: Said, cells: Sequence[Outcome]) -> list[str]:
    found, all_ = differences(said, cells), about(said, cells)
    mark = "" if (not found) == said.agrees else " !"
    if not said.seen and not said.unseen:
        verdict = "leaves it open"
    elif not found:
        verdict = f"agrees ({len(all_)} cells)"
    else:
        verdict = f"DIFFERS in {len(found)} of {len(all_)} cells"
    lines = _wrap(f"{said.by}: {said.text}", 2)
    lines += [f"    {verdict}{mark}"]
    for difference in found[:_MOST]:
        lines += _wrap(_where(difference), 6)
    if len(found) > _MOST:
        lines.append(f"      and {len(found) - _MOST} more")
    return lines + (_wrap(said.note, 4) if said.note else [])


_MOST = 4  # cells that are named


def _where(difference: Difference) -> str:
    cell = difference.outcome
    parts = [f"not {name}" for name in difference.missing]
    parts += [f"but {name}" for name in difference.surplus]
    return f"{','.join(f'{a}={v}' for a, v in cell.where.items())}: {', '.join(parts)}"


def _wrap(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
    )
