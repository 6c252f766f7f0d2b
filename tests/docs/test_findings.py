"""The page of findings, the catalogue, and the data of ``vmlitmus audit kernel``: one truth.

Each finding is a verdict of today, none is left out, and the page says of releases what the data
say. ``pytest tests/docs/test_findings.py --promote`` writes its lines "- Read:".
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vmlitmus.audit.claims.findings import table
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
ROWS = {row["title"]: row for row in table()}
RELEASE = re.compile(r"\b[5-9]\.\d+(?:\.\d+)?\b")
IN_TITLE = re.compile(r" \(((?:until )?[5-9]\.\d[^()]*)\)$")


def entries() -> dict[str, tuple[str, str, str]]:
    """Return for each title who is hurt, what the title says of releases, and the text."""
    found = {}
    for section in PAGE.split("\n## ")[1:]:
        hurt, text = section.split("\n", 1)
        for entry in text.split("\n### ")[1:]:
            title, body = entry.split("\n", 1)
            said = IN_TITLE.search(title)
            found[IN_TITLE.sub("", title)] = (hurt, said[1] if said else "", body)
    return found


ENTRIES = entries()


def together(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def read_in(row: dict[str, Any]) -> str:
    """Return the line of the page that says what each release has that was read."""
    if "of" in row:
        return f"- Read: {row['of']}, no kernel."
    first = f" (first {together(row['first'])})" if "first" in row else ""
    told = [
        f"{together(row[key])} {'has' if len(row[key]) == 1 else 'have'} {what}"
        for key, what in (
            ("has", "it"),
            ("mended", f"mended it{first}"),
            ("other", "nothing like it"),
        )
        if key in row
    ]
    return f"- Read: {'; '.join(told)}."


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


def test_the_data_have_the_findings_of_the_page_in_its_order() -> None:
    assert list(ENTRIES) == list(ROWS)


def test_the_page_says_what_was_read(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--promote"):
        page = re.sub(r"^- Read: .*\n", "", PAGE, flags=re.MULTILINE)
        for row in ROWS.values():
            test = f"- Test: `{row['test']}`\n"
            page = page.replace(test, f"{read_in(row)}\n{test}")
        (DOCS / "findings.md").write_text(page)
        return
    for title, (_, _, body) in ENTRIES.items():
        assert re.findall(r"^- Read: .*$", body, re.MULTILINE) == [read_in(ROWS[title])], title


@pytest.mark.parametrize("title", ENTRIES)
def test_page_and_data_agree(title: str) -> None:
    hurt, _, body = ENTRIES[title]
    row = ROWS[title]
    assert row["hurts"] == hurt[0].lower() + hurt[1:]
    assert f"- Test: `{row['test']}`\n" in body
    assert re.findall(r"^- Cure: `(.*)`$", body, re.MULTILINE) == (
        [row["cure"]] * bool(row["cure"])
    )
    needs = re.sub(r" \([^()]*[`:][^()]*\)", "", " ".join(body.split("*Needs:* ")[1].split()))
    assert re.match(re.escape(row["needs"]) + "[.;:]", needs)


@pytest.mark.parametrize("title", ENTRIES)
def test_no_release_is_in_two_lists(title: str) -> None:
    row = ROWS[title]
    read = [name for key in ("has", "mended", "other") for name in row.get(key, ())]
    assert len(read) == len(set(read))
    assert "of" in row or row["has"]
    assert not row.get("first") or row["mended"]


@pytest.mark.parametrize("title", ENTRIES)
def test_what_the_prose_says_of_releases_is_what_the_data_say(title: str) -> None:
    """A sentence that calls releases the same names such as have the finding."""
    _, in_title, body = ENTRIES[title]
    row = ROWS[title]
    has, first = set(row.get("has", ())), set(row.get("first", ()))
    for name in RELEASE.findall(in_title.split("; ")[-1].split("until ")[-1].split(" to ")[-1]):
        major, minor, patch = (*name.split("."), "-1")[:3]
        branch = patch == "-1" and any(read.startswith(f"{name}.") for read in has)
        assert branch or name in has or f"{major}.{minor}.{int(patch) + 1}" in first, name
    prose = " ".join(body.split("\n- Read: ")[0].split())
    prose = re.sub(r" \([^()]*(?:\(\)[^()]*)*\)", "", prose)
    for sentence in re.split(r"(?<=[.:;]) ", prose):
        said = re.split(r" (?:are|is) the same\b", sentence)
        if len(said) > 1:
            assert set(RELEASE.findall(said[0])) <= has, sentence
        said = re.split(r" ha(?:ve|s) mended\b", sentence)
        if len(said) > 1:
            mending = set(row.get("mended", ())) | first
            assert set(RELEASE.findall(said[0])) <= mending | {"7.3.2"}, sentence


@pytest.mark.parametrize("title", ENTRIES)
def test_the_models_agree_with_the_data(title: str) -> None:
    """Where the test of a finding has a cell for another release, the verdict is as read."""
    row = ROWS[title]
    for key in ("has", "mended"):
        for release in row.get(key, ()):
            name = re.sub(r"\bversion=[^,\]]+", f"version={release}", row["test"])
            if name in CELLS and "version=" in name:
                assert (CELLS[name].expect == bad(CELLS[name])) == (key == "has"), name


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
