"""A search that lasts goes on with code compiled well: small ones are made to, and must agree.

Cells are compared with the search as it is, and with their stored counts: ``test_catalogue.py``
compares these with the reference engine.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def well_soon() -> Iterator[list[int]]:
    """Compile well after 16 states; give how hard code was compiled, each time."""
    efforts: list[int] = []
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
        yield efforts


@pytest.mark.parametrize(("test", "cell"), CELLS[::12], ids=[c.name for _, c in CELLS[::12]])
def test_cells_of_the_catalogue(test, cell) -> None:
    machine = cell.machine(CATALOGUE.model_of(test.topic))
    one = run(machine, cell.claim, engine="compiled")
    with well_soon() as efforts:
        two = run(machine, cell.claim, engine="compiled")
    assert 2 in efforts
    assert dataclasses.replace(one, seconds=0) == dataclasses.replace(two, seconds=0)
    assert [two.states, two.transitions, two.depth] == blessed(test.topic)[cell.name]


def test_random_models() -> None:
    with well_soon() as efforts:
        for seed in range(5_000, 5_040):
            source = random.Random(seed)
            text = Writer(source.randrange).model()
            differs = opinion(text, source.randrange)
            assert differs is None, f"seed {seed}: {differs}\n{text}"
    assert efforts.count(2) > 12
