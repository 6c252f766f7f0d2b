"""The page "Memory order": its table of what Shared fields cost has the states of today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from outcomes import by_reference, machine_of

from vmlitmus.herd.read import read_program

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data" / "tso"
ROW = re.compile(
    r"^\| ([\w.+-]+) \| ([\d,]+), [\d.]+ \| ([\d,]+), [\d.]+ \| ([\d,]+), [\d.]+ \|$", re.M
)
ROWS = ROW.findall((ROOT / "docs" / "writing" / "memory-order.md").read_text())


def test_there_are_five_rows() -> None:
    assert len(ROWS) == 5


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_states(row: tuple[str, ...]) -> None:
    """Under sc, under tso with the stores that matter buffered, and with every store."""
    path = DATA / f"{row[0]}.litmus"
    program = read_program(path.read_text(), path.name)
    asked = (("sc", False), ("tso", False), ("tso", True))
    found = [by_reference(machine_of(program, memory, raw=raw))[1] for memory, raw in asked]
    assert found == [int(cell.replace(",", "")) for cell in row[1:]]
