"""The table for administrators on the page of domain-switch says what the catalogue expects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vmlitmus.litmus import Catalogue

PAGE = (Path(__file__).parents[2] / "docs" / "topics" / "domain-switch.md").read_text()
TABLE = PAGE.split("## May SMT stay on?")[1].split("\n\n")[1]
ROWS = [[cell.strip() for cell in row.split("|")[1:-1]] for row in TABLE.splitlines()[2:]]
TESTS = {test.name: test for test in Catalogue().tests("domain-switch")}
# Row by row: what of the first test is meant with siblings apart, and of the second without.
CELLS = [
    ({"claim": "never guest-beside-tenant"}, {"claim": "never guest-beside-tenant"}),
    ({"claim": "never guest-beside-process"}, {"claim": "never guest-beside-process"}),
    ({"claim": "never guest-beside-host"}, {"claim": "never guest-beside-host"}),
    ({}, {"l1d_flush": "cond"}),
    ({}, {}),
    (
        {"claim": "never buffers-expose-tenant", "idle_clear": "true", "buffers": "verw"},
        {"buffers": "verw"},
    ),
    ({}, {}),
    ({"claim": "never process-steered-by-guest", "stibp": "prctl"}, {}),
]
COLUMNS = ("cookies", "cookies-awaited", "esmtp")


def expected(name: str, where: dict[str, str]) -> set[str]:
    """Return the verdicts that a test expects of the cells that agree with ``where``."""
    cells = [c for c in TESTS[name].cells if where.items() <= c.where.items()]
    assert cells, (name, where)
    return {str(cell.expect) for cell in cells}


@pytest.mark.parametrize("row", range(len(CELLS)))
def test_each_row_is_what_its_tests_say(row: int) -> None:
    assert len(ROWS) == len(CELLS)
    _, nosmt, *apart, names = ROWS[row]
    beside, alone = re.findall(r"`([a-z0-9-]+)`", names)
    assert expected(alone, CELLS[row][1]) == {nosmt}
    for column, verdict in zip(COLUMNS, apart, strict=True):
        assert expected(beside, {**CELLS[row][0], "siblings": column}) == {verdict}
