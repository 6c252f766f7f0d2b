"""Litmus files that expect nothing: they look, and say so in every form of a result."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import vmlitmus
from vmlitmus.cli.main import main
from vmlitmus.litmus import Catalogue, LitmusError, read_test
from vmlitmus.litmus.format.write import as_data, as_toml

SCHEMAS = Path(vmlitmus.__file__).parent / "schemas"
LOOK = """question = "Is it safe?"
topic = "cache-flush"
yes = "holds"
[kvm]
cache_flush = "none"
[environment]
allow = ["guest-write", "eviction", "reclaim", "host-reuse"]
[claim]
never = "stale-encrypted-line"
"""
GRID = (
    LOOK.replace('[kvm]\ncache_flush = "none"\n', "")
    + """
[matrix]
"kvm.cache_flush" = ["none", "v1", "ever-ran"]
"""
)
ROWS = 'source = "x"\nbecause = "y"\ndecided_by = "model"\n' + GRID
ROWS += '[[expect]]\nwhere = { cache_flush = "%s" }\nverdict = "holds"\n'


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    """Call the command line in a folder with a file look.toml."""
    monkeypatch.chdir(tmp_path)

    def call(text: str, *args: str) -> tuple[int, str]:
        (tmp_path / "look.toml").write_text(text)
        code = main(list(args))
        return code, capsys.readouterr().out

    return call


def valid(text: str) -> dict:
    found = json.loads(text)
    name = found["schema"].removeprefix("vmlitmus/").replace("/", "-")
    jsonschema.validate(found, json.loads((SCHEMAS / f"{name}.json").read_text()))
    return found


def test_check_prints_the_verdict_and_exits_0(ask) -> None:
    code, out = ask(LOOK, "check", "look.toml")
    assert code == 0
    assert "violated    look" in out
    assert "(no expectation)" in out
    assert out.splitlines()[-1].startswith("1 without expectation; ")
    code, out = ask(LOOK, "check", "look.toml", "page-reused")
    assert code == 0
    assert "1 of 1 as expected, 1 without expectation; " in out


def test_standard_input(ask, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(LOOK))
    assert ask(LOOK, "check", "-")[0] == 0


def test_explain_says_so_and_answers(ask) -> None:
    code, out = ask(LOOK, "explain", "look.toml")
    assert code == 0
    assert "Answer: no.\nnever stale-encrypted-line: VIOLATED (no expectation)\n" in out
    assert "Expected because" not in out
    assert "Asked in" not in out
    _, out = ask('source = "my review"\n' + LOOK, "explain", "look.toml")
    assert "Asked in: my review" in out


def test_grids_and_matrices(ask) -> None:
    code, out = ask(GRID, "table", "look.toml")
    assert code == 0
    assert "No expectation." in out
    assert "!" not in out
    code, out = ask(GRID, "explain", "look.toml")
    told = "3 cells: no in 1 (violated), yes in 2 (holds); all without expectation."
    assert (code, told in " ".join(out.split())) == (0, True)
    code, out = ask(GRID, "table", "look.toml", "--format", "csv")
    assert out.splitlines()[1] == "none,violated,,look[cache_flush=none]"
    cells = valid(ask(GRID, "table", "look.toml", "--json")[1])["tables"][0]["cells"]
    assert [c["expected"] for c in cells] == [None] * 3


def test_rows_need_not_cover_every_cell(ask) -> None:
    code, out = ask(ROWS % "ever-ran", "check", "look.toml")
    assert code == 0
    assert "1 of 1 as expected, 2 without expectation; " in out
    code, out = ask(ROWS % "none", "check", "look.toml")
    assert code == 1
    assert "0 of 1 as expected, 2 without expectation, 1 unexpected; " in out
    _, out = ask(ROWS % "none", "explain", "look.toml")
    assert "2 without expectation; 1 not as expected." in " ".join(out.split())
    assert "No expectation of 2 cells." in ask(ROWS % "none", "table", "look.toml")[1]


def test_json_and_formats_of_other_tools(ask) -> None:
    test = valid(ask(LOOK, "check", "look.toml", "--json")[1])["tests"][0]
    assert test["expected"] is test["as_expected"] is test["decided_by"] is None
    assert (test["verdict"], test["answer"]) == ("violated", "no")
    _, out = ask(LOOK, "check", "look.toml", "--format", "junit")
    assert 'failures="0" errors="0"' in out
    assert 'skipped="1"' in out
    assert '<skipped message="no expectation: violated" />' in out
    _, out = ask(LOOK, "check", "look.toml", "--format", "ktap")
    assert "ok 1 look # SKIP no expectation: violated" in out
    _, out = ask(LOOK, "check", "look.toml", "--format", "markdown")
    assert "| look | violated (no expectation) |" in out
    assert not json.loads(ask(LOOK, "check", "look.toml", "--format", "sarif")[1])["runs"][0][
        "results"
    ]
    assert '"expected": null' in ask(LOOK, "list", "cells", "look.toml", "--json")[1]


def test_a_verdict_that_means_nothing_is_still_exit_3(ask) -> None:
    never = LOOK.replace('never = "stale-encrypted-line"', 'eventually = "page-reused"')
    code, out = ask(LOOK, "check", "look.toml", "--time-limit", "0.000001")
    assert (code, "0 of 1 as expected, 1 inconclusive" in out) == (3, True)
    code, out = ask(never, "check", "look.toml")
    assert code in (0, 3)


def test_other_commands_take_such_a_file(ask) -> None:
    assert ask(LOOK, "grow", "look.toml", "--raise", "machine.cores=3")[0] == 0
    holds = LOOK.replace('"none"', '"ever-ran"')
    assert ask(holds, "ablate", "look.toml", "--needed-by", "no")[0] == 0
    page = "look.html"
    assert ask(LOOK, "check", "look.toml", "--html", page)[0] == 0
    assert "<strong" not in Path(page).read_text().split("<script")[0]


def test_pytest_skips_it_with_its_verdict(tmp_path) -> None:
    (tmp_path / "look.toml").write_text(LOOK)
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "-n", "0", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "1 skipped" in done.stdout
    assert "no expectation: violated" in done.stdout


def test_a_file_that_expects_something_says_why() -> None:
    for missing in ("source", "because", "decided_by"):
        text = "\n".join(
            line for line in (ROWS % "none").splitlines() if not line.startswith(missing)
        )
        with pytest.raises(LitmusError, match=f"{missing} is missing"):
            read_test(text, "x.toml", None, Catalogue().model_of)
    told = 'source = "x"\nbecause = "y"\ndecided_by = "model"\nexpect = []\n'
    with pytest.raises(LitmusError, match="expect = \\[\\]: no row"):
        read_test(told + LOOK, "x.toml", None, Catalogue().model_of)


def test_a_file_of_the_catalogue_expects_something_of_every_cell() -> None:
    catalogue = Catalogue()
    with pytest.raises(LitmusError, match="expect is missing"):
        read_test(LOOK, "x.toml", "cache-flush", catalogue.model_of)
    with pytest.raises(LitmusError, match="row covers"):
        read_test(ROWS % "none", "x.toml", "cache-flush", catalogue.model_of)


def test_a_test_without_expectation_is_written_and_read_again() -> None:
    catalogue = Catalogue()
    test = read_test(LOOK, "x.toml", None, catalogue.model_of)
    again = read_test(as_toml(as_data(test, test.cells[0])), "x.toml", None, catalogue.model_of)
    assert again.cells[0].expect is None
    assert again.cells == test.cells
