"""Every console block of the documentation is run, and its output compared; times are masked.

A block of Python or TOML that begins with a comment naming a file is written to that file first.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from vmlitmus.cli.main import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
TIME = re.compile(r" *\d+\.\d+ s")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_page(page: Path, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for kind, text in BLOCK.findall(page.read_text()):
        named = re.match(r"# (\w[\w.-]*\.(?:py|toml))\n", text)
        if kind in ("python", "toml") and named:
            Path(named[1]).write_text(text)
        if kind != "console":
            continue
        for command, expected in commands(text):
            assert command[0] == "vmlitmus"
            main(command[1:])
            out, err = capsys.readouterr()
            assert masked(out + err) == masked(expected), shlex.join(command)
            ran += 1
    assert ran


def commands(text: str) -> list[tuple[list[str], str]]:
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    return [(shlex.split(c), out) for c, out in zip(parts[::2], parts[1::2], strict=True)]


def masked(text: str) -> str:
    return TIME.sub(" N s", text).strip()


def test_readme_has_the_two_set_up_commands() -> None:
    text = (ROOT / "README.md").read_text()
    run = "python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/vmlitmus check\n"
    test = "python3 -m venv .venv && .venv/bin/pip install --quiet '.[test]' && .venv/bin/pytest\n"
    assert run in text
    assert test in text
    assert test in (ROOT / ".ci" / "run").read_text()
