"""How grids are laid out: axes by name, heads in full, one row as a column, within a width."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmlitmus.cli.main import main
from vmlitmus.outcome import Outcome, Result, Verdict
from vmlitmus.report.columns import fitted
from vmlitmus.report.grids.grid import Grid
from vmlitmus.report.grids.grid_text import markdown, plain


def grid(axes: dict[str, tuple[str, ...]], across: tuple[str, ...], **more: object) -> Grid:
    """Return a grid whose cells hold, but for those of which all values are the last."""
    cells: list[dict[str, str]] = [{}]
    for axis, values in axes.items():
        cells = [{**cell, axis: value} for cell in cells for value in values]
    last = {axis: values[-1] for axis, values in axes.items()}
    outcomes = [
        outcome(cell, Verdict.VIOLATED if cell == last else Verdict.HOLDS) for cell in cells
    ]
    return Grid("name: Is it?", axes, outcomes, across, **more)  # type: ignore[arg-type]


def outcome(where: dict[str, str], verdict: Verdict) -> Outcome:
    name = f"name[{','.join(f'{a}={v}' for a, v in where.items())}]"
    result = Result(verdict, "reference", 1, 1, 1, 0.0)
    texts = {"question": "Is it?", "source": "x", "because": "y", "decided_by": "model"}
    return Outcome(
        name, "t", claim="never c", claim_text="c", expected=verdict, where=where, result=result,
        **texts,
    )  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture
def kept(monkeypatch, results: Path) -> None:
    """Decide a table of the catalogue once, however often it is laid out."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(results))
    monkeypatch.delenv("VMLITMUS_NO_CACHE")


def test_a_head_says_that_its_parts_are_missing() -> None:
    found = plain(grid({"kind": ("sev", "snp"), "without": ("a b", "a b+c d")}, ("without",)))
    assert found.splitlines() == [
        "name: Is it?",
        "Claim: never c.",
        "",
        "      without:",
        "kind  a b    a b + c d",
        "----  -----  ---------",
        "sev   holds  holds",
        "snp   holds  violated",
    ]


def test_one_row_is_printed_as_a_column() -> None:
    found = plain(grid({"kind": ("sev",), "version": ("6.11", "6.15")}, ("version",)))
    assert found.splitlines()[3:] == [
        "kind  version  verdict",
        "----  -------  --------",
        "sev   6.11     holds",
        "sev   6.15     violated",
    ]


def test_what_all_values_share_is_said_once_where_there_is_no_room() -> None:
    allow = ("guest-write+eviction", "guest-write+eviction+dma")
    axes = {"kind": ("sev", "snp"), "allow": allow}
    wide = plain(grid(axes, ("allow",)), 75).splitlines()
    assert wide[4].split("  ") == ["kind", "guest-write + eviction", "guest-write + eviction + dma"]
    narrow = plain(grid(axes, ("allow",)), 40).splitlines()
    assert narrow[2:5] == [
        "In all cells allow has guest-write,",
        "eviction; the table shows what else it",
        "has.",
    ]
    assert narrow[7].split("  ") == ["kind", "nothing more", "dma"]


def test_parts_switched_off_are_never_shortened() -> None:
    axes = {"kind": ("sev", "snp"), "without": ("first part", "first part+second part")}
    found = plain(grid(axes, ("without",)), 30)
    assert "In all cells" not in found
    assert "first part +" in found
    assert found.count("first part") >= 2


def test_columns_that_do_not_fit_follow_below() -> None:
    versions = tuple(f"version-{n}-of-it" for n in range(8))
    found = plain(grid({"kind": ("sev", "snp"), "v": versions}, ("v",)), 40).splitlines()
    assert max(map(len, found)) <= 40
    assert sum(line.startswith("kind") for line in found) > 1
    assert " ".join(found).count("holds") == 15
    assert " ".join(found).count("violated") == 1


def test_columns_are_parted_where_the_first_axis_has_another_value() -> None:
    axes = {
        "kind": ("sev", "snp"),
        "v": ("one", "two", "three"),
        "w": ("first-word", "second-word"),
    }
    found = plain(grid(axes, ("v", "w")), 43).splitlines()
    assert [line.split() for line in found if "one" in line or "three" in line] == [
        ["one", "two"],
        ["three"],
    ]


@pytest.mark.parametrize("room", [40, 60, 80, 200])
@pytest.mark.parametrize(
    "name",
    [
        "versions",  # nine columns
        "which-fact-implies-which",  # words without a blank or a hyphen
        "vmsa-free-no-flush-snp",  # values that share a part
        "hot-unplug-two-wake-ups",  # claims with two conditions
    ],
)
def test_no_table_of_the_catalogue_is_wider_than_its_room(
    capsys, monkeypatch, kept, name: str, room: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(room))
    assert main(["table", name]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= room


def test_a_pipe_has_75_columns(capsys, monkeypatch, kept) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    main(["table", "versions"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 75


def test_markdown_names_the_axis_in_every_head() -> None:
    axes = {"kind": ("sev", "snp"), "mode": ("off", "on"), "without": ("nothing", "a|b")}
    found = markdown(grid(axes, ("mode", "without")))
    assert (
        "| kind | mode: off / without: nothing | mode: off / without: a\\|b | "
        "mode: on / without: nothing | mode: on / without: a\\|b |" in found
    )


def test_widths_that_cannot_be_met_are_refused() -> None:
    assert fitted([["a", "b"]], [["1", "2"]], 4) == [1, 1]
    assert fitted([["name", "unbreakable"]], [["x", "short enough"]], 14, anywhere=True) is None
    assert fitted([["name", "unbreakable"]], [["x", "y"]], 12) is None
    assert fitted([["name", "unbreakable"]], [["x", "y"]], 12, anywhere=True) == [4, 6]
    assert fitted([["name", "un-breakable"]], [["x", "y"]], 15) == [4, 9]
    assert fitted([["name", "two words"]], [["x", "y"]], 12) == [4, 6]
