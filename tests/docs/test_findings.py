"""The page of findings and the catalogue: each finding is a verdict of today, none is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vmlitmus.cli.main import main
from vmlitmus.litmus import Catalogue
from vmlitmus.outcome import Verdict
from vmlitmus.scenario import Cell

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "findings.md").read_text()
TESTS = {test.name: test for test in Catalogue().tests()}
CELLS = {cell.name: cell for test in TESTS.values() for cell in test.cells}
HURT = ["The host", "Another tenant", "The guest itself"]
FOUND = re.findall(r"^- Test: `(.*)`$", PAGE, re.MULTILINE)
CURES = re.findall(r"^- Cure: `(.*)`$", PAGE, re.MULTILINE)


def bad(cell: Cell) -> Verdict:
    """Return the verdict that says that something is wrong."""
    return Verdict.HOLDS if cell.claim.kind == "possible" else Verdict.VIOLATED


def test_findings_are_ordered_by_who_is_hurt() -> None:
    assert re.findall(r"^## (.*)$", PAGE, re.MULTILINE) == HURT


def test_each_finding_says_its_test_and_its_cure_or_that_there_is_none() -> None:
    for text in PAGE.split("\n### ")[1:]:
        title, body = text.split("\n", 1)
        assert body.count("- Test: `") == 1, title
        assert ("- Cure: `" in body) != ("No cure is modelled" in " ".join(body.split())), title
        assert re.search(r"[a-z_0-9]+\.(c|h|rs)`?:\d+", body) or "see above" in body, title
        assert body.count("*Needs:* ") == 1, title


@pytest.mark.parametrize("name", FOUND)
def test_a_finding_is_what_the_catalogue_says(name: str) -> None:
    assert CELLS[name].expect == bad(CELLS[name])


@pytest.mark.parametrize("name", CURES)
def test_a_cure_cures(name: str) -> None:
    assert CELLS[name].expect != bad(CELLS[name])


def test_other_names_in_backquotes_exist() -> None:
    named = set(re.findall(r"`([a-z0-9-]+(?:\[[^`]*\])?)`", PAGE))
    assert named.issubset(CELLS.keys() | TESTS.keys())


def test_what_is_open_in_the_newest_release_is_a_finding() -> None:
    page = (DOCS / "topics" / "ap-creation.md").read_text()
    open_now = page.split("## What is still open in 7.2.8")[1].split("\n## ")[0]
    named = [n for n in re.findall(r"`([a-z0-9-]+)`", open_now) if n in TESTS]
    wrong = {n for n in named if any(c.expect == bad(c) for c in TESTS[n].cells)}
    told = {name.split("[")[0] for name in re.findall(r"`([a-z0-9-]+(?:\[[^`]*\])?)`", PAGE)}
    assert named
    assert wrong - told - MENTIONED_WITH == set()


MENTIONED_WITH = {
    # the same defect by another way in, or what a cure leaves
    "create-then-destroy",
    "cured-guest",
    "destroyed-init-sipi",
    "destroyed-sipi",
    "destroyed-unhalt",
    "unusable-without-refusal",
    "versions-first-request",
    "versions-guest",
    "versions-luck",
    "versions-vmm",
    # proposals, not releases
    "bsp-only-create-window",
    "destroyed-interrupt-later",
}


@pytest.mark.parametrize("name", FOUND)
def test_explain_works_for_each(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 0
    out, _ = capsys.readouterr()
    assert "as expected" in out
