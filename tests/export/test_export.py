"""vmlitmus export: what SPIN and Rumur say of the text, and what cannot be written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from other_checkers import NEEDS, Opinion, is_reached, opinion

from vmlitmus.decide import Job
from vmlitmus.engine.run import run
from vmlitmus.export import exported
from vmlitmus.export.text import commented
from vmlitmus.litmus.catalogue import Catalogue

# Of each kind of field and of claim one; in the last, an author's store buffers.
CELLS = (
    "drop-destroy-flush-snp-dma",
    "gmem-no-tlb-wait",
    "nested-split-lock[version=5.19]",
    "allocated-page-can-be-populated[version=rfc]",
    "freed-shadow-page-is-not-walked[memory=tso,without=nothing]",
)


def vmlitmus(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vmlitmus", "export", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def machine_of(name: str):
    catalogue = Catalogue()
    [(test, [cell])] = catalogue.select([name], wide=True)
    return Job(catalogue).machine(test, cell), cell


@pytest.mark.parametrize("language", NEEDS)
@pytest.mark.parametrize("name", CELLS)
def test_the_other_checker_agrees(name: str, language: str, tmp_path: Path) -> None:
    missing = [tool for tool in NEEDS[language] if not shutil.which(tool)]
    if missing:
        pytest.skip(f"NOT RUN: {missing[0]} cannot be found")
    machine, cell = machine_of(name)
    ours = run(machine, cell.claim)
    found = opinion(exported(machine, cell.claim, [name], language), language, tmp_path)
    if is_reached(cell.claim, ours.verdict):
        assert found.reached
    else:
        assert found == Opinion(reached=False, states=ours.states)


def test_a_command_writes_what_a_page_shows(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "evidence" / "second-opinion.md").read_text()
    shown = re.search(r"```promela\n(.*?)```", page, re.DOTALL)
    assert shown
    done = vmlitmus("nested-split-lock[version=5.19]", "--to", "promela")
    assert done.returncode == 0
    assert shown[1] in done.stdout
    written = tmp_path / "nested.m"
    assert (
        vmlitmus("nested-split-lock[version=5.19]", "--to", "murphi", "-o", str(written)).stdout
        == ""
    )
    assert written.read_text().startswith("-- nested-split-lock[version=5.19]\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("policy-grid", "--to", "murphi"), "has 30 cells; name one"),
        (("nested-split-lock[version=5.19]", "--to", "tla"), "'tla' is not one of"),
        (("nested-split-lock[version=5.19]",), "Missing option '--to'"),
        (("no-such-test", "--to", "murphi"), "no-such-test"),
    ],
)
def test_what_cannot_be_written_is_refused(words: tuple[str, ...], says: str) -> None:
    done = vmlitmus(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_claim_that_needs_fairness_is_refused() -> None:
    asked = next(
        cell.name
        for test in Catalogue().tests("ap-creation", wide=False)
        for cell in test.cells
        if cell.claim.kind == "leads_to"
    )
    done = vmlitmus(asked, "--to", "promela")
    assert done.returncode == 2
    assert "would need our fairness" in done.stderr


def test_words_of_a_file_end_no_comment_and_no_string() -> None:
    text = commented('a */ b /* c "d" \\ \x1b[2J é')
    assert not any(hostile in text for hostile in ("*/", "/*", '"', "\\", "\x1b", "é"))


@pytest.mark.parametrize("language", NEEDS)
def test_hostile_words_stay_comments(language: str, tmp_path: Path) -> None:
    test = tmp_path / "hostile.toml"
    test.write_text(
        'question = "May */ assert(false) /* \\\\ \\" \\n end; rule be code?"\n'
        'source = "this test"\nexpect = "holds"\nbecause = "It may not."\ndecided_by = "model"\n'
        'topic = "split-lock"\nclaim.never = "unexpected-l1-exit"\n[[vm]]\n'
    )
    done = vmlitmus(str(test), "--to", language)
    assert done.returncode == 0, done.stderr
    missing = [tool for tool in NEEDS[language] if not shutil.which(tool)]
    if missing:
        pytest.skip(f"NOT RUN: {missing[0]} cannot be found")
    assert not opinion(done.stdout, language, tmp_path).reached
