"""vmlitmus export: what SPIN and Rumur say of the text, and what cannot be written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from other_checkers import NEEDS, Opinion, opinion

from vmlitmus.decide import Job
from vmlitmus.engine.run import run
from vmlitmus.export import exported
from vmlitmus.export.text import commented
from vmlitmus.litmus.catalogue import Catalogue
from vmlitmus.outcome import Verdict

# Of each kind of field and of claim one; in the last, an author's store buffers.
CELLS = (
    "drop-destroy-flush-snp-dma",
    "gmem-no-tlb-wait[without=wait for the TLB flush of guest_memfd]",
    "nested-split-lock[version=5.19]",
    "spurious-npf-window",
)
SMALL = """
format = 1
topic = "split-lock"
question = "Is *{0}* one \\\\ \\" name?"
claim = "never unexpected-l1-exit"
expect = "holds"
"""


def vmlitmus(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vmlitmus", "export", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def machine_of(name: str):
    catalogue = Catalogue()
    [(test, [cell])] = catalogue.select([name], wide=True)
    return Job(catalogue).machine(test.topic, cell), cell


@pytest.mark.parametrize("language", NEEDS)
@pytest.mark.parametrize("name", CELLS)
def test_the_other_checker_agrees(name: str, language: str, tmp_path: Path) -> None:
    missing = [tool for tool in NEEDS[language] if not shutil.which(tool)]
    if missing:
        pytest.skip(f"NOT RUN: {missing[0]} cannot be found")
    machine, cell = machine_of(name)
    ours = run(machine, cell.claim)
    found = opinion(exported(machine, cell.claim, [name], language), language, tmp_path)
    if ours.verdict is Verdict.VIOLATED:
        assert found.reached
    else:
        assert found == Opinion(reached=False, states=ours.states)
