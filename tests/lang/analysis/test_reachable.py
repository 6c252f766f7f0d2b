"""Leaving out what can never happen changes no result."""

from __future__ import annotations

import dataclasses

import pytest

from vmlitmus.compiler.machine import prune as checked
from vmlitmus.engine import run
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import blessed

CATALOGUE = Catalogue()
FEW = 2_000  # states up to which plain Python does not take long
NAMES = (
    "destroy-race",
    "destroy-twice",
    "punch-vmsa-kicked",
    "bad-create-on-init",
    "self-create",
    "v1-clear-after-flush",
    "wished-no-mark",
    "move-flush",
    "fatal-host-ends-any-vm",  # a section sets a field and puts it back
    "forced-on-only-case-6",
)
CELLS = [(t, c) for t in CATALOGUE.tests() if t.name in NAMES for c in t.cells]


def everything(instances, lowered, variables, switches):
    return [(i, lowered(i)) for i in instances], {v.index for v in variables}


@pytest.mark.parametrize(("test", "cell"), CELLS, ids=lambda x: getattr(x, "name", ""))
def test_results_are_those_of_the_whole_machine(test, cell, monkeypatch) -> None:
    model = CATALOGUE.model_of(test.topic)
    small = cell.machine(model)
    monkeypatch.setattr(checked, "reachable", everything)
    whole = cell.machine(model)
    assert len(small.instances) < len(whole.instances)
    assert len(small.variables) <= len(whole.variables)
    states, *_ = blessed(test.topic)[cell.name]
    engine = "reference" if states < FEW else "compiled"
    assert result(small, cell, engine) == result(whole, cell, engine)


def result(machine, cell, engine) -> dict[str, object]:
    found = dataclasses.asdict(run(machine, cell.claim, engine=engine))
    return {key: value for key, value in found.items() if key != "seconds"}
