"""Where a result goes: never over what a command reads; in colours where a terminal has them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from cli_call import GOOD
from test_hostile_input import MODEL, vmlitmus

from vmlitmus.cli.main import cli
from vmlitmus.cli.output.destination import Writing


def test_an_output_is_no_input(tmp_path, capsys) -> None:
    test, model = tmp_path / "mine.toml", tmp_path / "mine.py"
    test.write_text(GOOD)
    model.write_text(MODEL)
    (tmp_path / "link").symlink_to(test)
    for option in ("-o", "--html"):
        for target in (test, model, tmp_path / "link"):
            args = ("check", str(test), "--model", str(model), option, str(target))
            code, out, err = vmlitmus(capsys, *args)
            assert (code, out) == (2, "")
            assert "the command reads this file" in err
    assert test.read_text() == GOOD
    assert model.read_text() == MODEL


def test_no_command_writes_over_what_it_reads(tmp_path, capsys) -> None:
    """Each command that writes a file looks at that; a recording is not lost either."""
    folders = ("new",)  # whose -o is a folder
    commands = dict(_commands(cli))
    writers = {n for n, c in commands.items() if {"output", "html"} & {p.name for p in c.params}}
    assert len(writers) > 10
    assert {n for n in writers if not isinstance(commands[n], Writing)} == set(folders)
    trace = tmp_path / "trace.txt.gz"
    kept = (Path(__file__).parents[2] / "data/traces/text-schedcore-cs-odd.txt.gz").read_bytes()
    trace.write_bytes(kept)
    for option in ("-o", "--html", "--perfetto"):
        code, out, err = vmlitmus(
            capsys, "audit", "trace", str(trace), "--core", "0-1", option, str(trace)
        )
        assert (code, out) == (2, "")
        assert "the command reads this file" in err
    assert trace.read_bytes() == kept


def _commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for inner in command.list_commands(context):
        found = command.get_command(context, inner)
        assert found is not None
        yield from _commands(found, f"{name} {inner}".strip())


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_colours_only_where_the_terminal_has_them(tmp_path, environ, coloured: bool) -> None:
    test = tmp_path / "mine.toml"
    test.write_text(GOOD.replace('"violated"', '"holds"'))
    parent, terminal = pty.openpty()
    others = {k: v for k, v in os.environ.items() if k not in ("TERM", "NO_COLOR")}
    command = [sys.executable, "-m", "vmlitmus", "check", str(test)]
    done = subprocess.run(command, stdout=terminal, stderr=terminal, env=others | environ)
    os.close(terminal)
    shown = os.read(parent, 100_000).decode()
    os.close(parent)
    assert done.returncode == 1
    assert "unexpected" in shown
    assert ("\033[31m" in shown) is coloured
