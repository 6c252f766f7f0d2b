"""A search that lasts goes on with code compiled well: small ones are made to, and must agree."""

from __future__ import annotations

import dataclasses
import random

import pytest
from judge import opinion
from random_models import Writer

from vmlitmus.engine import run
from vmlitmus.engine.native import search
from vmlitmus.engine.native.storage import store
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import blessed

CATALOGUE = Catalogue()
CELLS = [
    (test, cell)
    for test in CATALOGUE.tests()
    for cell in test.cells
    if not test.wide and 500 <= blessed(test.topic).get(cell.name, [0])[0] < 10_000
]


@pytest.fixture(scope="module")
def noted():
    """Compile well after 16 states, and note each time; the kernels are made once for all tests."""
    efforts = []
    compile_ = search.Search._compile

    def noting(self, effort):
        efforts.append(effort)
        compile_(self, effort)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_QUICK", -1.0)
        patch.setattr(search, "_COMPILING", -1.0)
        patch.setattr(search, "_SLICE", 16)
        patch.setattr(store, "_BATCH", 16)
        patch.setattr(search.Search, "_compile", noting)
        store._kernel.cache_clear()
        yield efforts
        store._kernel.cache_clear()


@pytest.fixture
def well_soon(noted):
    """Return how hard the code of this test was compiled, each time."""
    noted.clear()
    return noted


@pytest.mark.parametrize(("test", "cell"), CELLS[::12], ids=[c.name for _, c in CELLS[::12]])
def test_cells_of_the_catalogue(test, cell, well_soon) -> None:
    machine = cell.machine(CATALOGUE.model_of(test.topic))
    one, two = (run(machine, cell.claim, engine=e) for e in ("reference", "compiled"))
    assert dataclasses.replace(one, engine="", seconds=0) == dataclasses.replace(
        two, engine="", seconds=0
    )
    assert 2 in well_soon


def test_random_models(well_soon) -> None:
    for seed in range(5_000, 5_040):
        source = random.Random(seed)
        text = Writer(source.randrange).model()
        differs = opinion(text, source.randrange)
        assert differs is None, f"seed {seed}: {differs}\n{text}"
    assert well_soon.count(2) > 12
