"""Names of files, and texts from them, are never commands to a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vmlitmus.cli.main import main
from vmlitmus.printable import ascii_only

RACE = Path(__file__).parents[2] / "browser" / "race"
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
MODEL = ("--model", str(RACE / "flushing.py"))
EXPLAIN = [
    (),
    *(("--format", f) for f in ("mail", "markdown", "mermaid", "svg", "selftest", "json")),
]
CHECK = [("--format", f) for f in ("terminal", "junit", "ktap", "sarif", "markdown", "json")]


@pytest.fixture
def hostile(tmp_path) -> Path:
    """Return a litmus file whose name clears a screen; such texts inside it are refused."""
    path = tmp_path / "a\x1b\x07b.toml"
    path.write_text((RACE / "race.toml").read_text())
    return path


@pytest.mark.parametrize("arguments", [
    *(("explain", *more) for more in EXPLAIN), *(("check", *more) for more in CHECK),
    ("explain", "-v", "--states"), ("ablate",),
], ids=" ".join)  # fmt: skip
def test_no_command_reaches_the_terminal(hostile: Path, capsys, arguments) -> None:
    main([arguments[0], str(hostile), *MODEL, *arguments[1:]])
    out, err = capsys.readouterr()
    assert out
    assert not COMMANDS.search(out + err)


def test_no_command_reaches_the_terminal_in_an_error(hostile: Path, capsys) -> None:
    hostile.write_text(hostile.read_text().replace("[claim]", '[claim]\n"\\u001b[2J" = 1'))
    assert main(["check", str(hostile), *MODEL, "--json"]) == 2
    assert main(["explain", "\x1b[2Jnone"]) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 2
    assert not COMMANDS.search(out + err)


def test_a_name_keeps_its_letters_in_seven_bits() -> None:
    assert ascii_only("Pawe\u0142 Kr\u010dm\u00e1\u0159, J\u00f6rg") == "Pawel Krcmar, Jorg"
    assert ascii_only("\u201cno\u201d \u2013 a\u00a0b \u6f22\u2603\x1b") == '"no" - a b ???'
