"""What the catalogue asks under x86-TSO alone has the same answer under sequential consistency.

A barrier has a test that asks under both. What is left asks about orders, steps and versions, whose
faults need no store buffer, or about what drains one.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from vmlitmus.engine import run
from vmlitmus.litmus import Catalogue
from vmlitmus.model import TOPICS
from vmlitmus.scenario import Cell

DRAINS = ("vm-entry-is-no-barrier-to-rely-on", "vm-entry-drains-before-the-page-walk")


def asked_under(order: str, topic: str) -> list[tuple[str, Cell]]:
    """Return all cells of a topic under one order, each with the name of its test."""
    return [
        (test.name, cell)
        for test in Catalogue().tests(topic)
        for cell in test.cells
        if cell.tables.get("machine", {}).get("memory", "sc") == order
    ]


PLAIN = {name for name, _ in asked_under("sc", "vcpu-wakeup")}
ALONE = [
    pytest.param(name, cell, id=cell.name)
    for name, cell in asked_under("tso", "vcpu-wakeup")
    if name not in PLAIN
]


def test_a_barrier_is_asked_about_under_both() -> None:
    """So no test of this name is left."""
    assert ALONE
    assert not any(str(case.id).startswith("which-barrier") for case in ALONE)


@pytest.mark.wide
@pytest.mark.parametrize(("name", "cell"), ALONE)
def test_same_answer(name: str, cell: Cell) -> None:
    """Without a store buffer it is as expected, too, unless the test is about what drains one."""
    machine = {**cell.tables["machine"], "memory": "sc"}
    plain = replace(cell, tables={**cell.tables, "machine": machine})
    verdict = run(plain.machine(TOPICS["vcpu-wakeup"]), cell.claim).verdict.value
    assert verdict == ("holds" if name in DRAINS else cell.expect)
