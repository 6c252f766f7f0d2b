"""A machine that is compiled in pieces does what the reference engine does."""

from __future__ import annotations

from typing import Any

import pytest

from vmlitmus.engine.native import codegen, expand
from vmlitmus.engine.run import run
from vmlitmus.litmus import Catalogue

SAME = ("verdict", "states", "transitions", "depth", "coverage")
NAMES = ["page-reused", "semaphore-two-tenants", "drop-destroy-flush-snp-dma"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pieces", [1, 7])
def test_in_pieces(monkeypatch: pytest.MonkeyPatch, name: str, pieces: int) -> None:
    monkeypatch.setattr(expand, "WHOLE", 0)
    monkeypatch.setattr(expand, "_TOGETHER", pieces)
    catalogue = Catalogue()
    test, cells = catalogue.select([name], wide=True)[0]
    machine = cells[0].machine(catalogue.model_of(test.topic))
    found: list[Any] = [run(machine, cells[0].claim, engine=e) for e in ("reference", "compiled")]
    assert "expand.1(" in codegen.compile_machine(machine, ()).ir
    for one in SAME:
        assert getattr(found[0], one) == getattr(found[1], one)
