"""A little of the fuzz tier, and that it can find something."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

import command_lines
import run

from vmlitmus.cli import main as cli


def test_a_few_calls_end_as_documented() -> None:
    faults, codes = run.run(25, first=1_000_000)
    assert not faults
    assert set(codes) >= {0, 2}


def test_a_few_recordings_end_as_documented() -> None:
    faults, codes = run.run(12, first=40, of="recordings")
    assert not faults
    assert len(codes) > 1


def test_it_starts_without_pytest() -> None:
    given = [sys.executable, run.__file__, "--help"]
    subprocess.run(given, check=True, stdout=subprocess.DEVNULL)


def test_faults_are_found(monkeypatch) -> None:
    call = command_lines.Call(["check", "/no/\x1b.toml"])
    monkeypatch.setattr(command_lines, "call", lambda *_: call)
    assert not run.run(1)[0]
    with monkeypatch.context() as patched:
        patched.setattr(run, "CODES", {0})
        assert "exit code 2" in run.run(1)[0][0]
    monkeypatch.setattr("vmlitmus.cli.output.streams.printable", lambda text: text + "")
    monkeypatch.setattr(cli, "printable", lambda text: text)
    assert "\\x1b on the output" in run.run(1)[0][0]


def test_calls_beyond_their_bounds_are_found(monkeypatch) -> None:
    monkeypatch.setattr(command_lines, "call", lambda *_: command_lines.Call(["check", "x"]))
    monkeypatch.setattr(run, "main", lambda _: len(bytearray(200 << 20)) * 0)
    monkeypatch.setattr(run, "MEMORY", 100 << 20)
    assert "MiB: ['check', 'x']" in run.run(1)[0][0]
    monkeypatch.setattr(run, "MEMORY", 400 << 20)
    assert not run.run(1)[0]
    monkeypatch.setattr(run, "SECONDS", -1)
    assert " s of them at work: ['check', 'x']" in run.run(1)[0][0]


def test_every_command_is_called() -> None:
    """The calls by chance have every command, and options of each that has some."""
    with tempfile.TemporaryDirectory() as name:
        calls = [command_lines.call(random.Random(seed), Path(name)).args for seed in range(400)]
    every = command_lines._every_command()
    first = {n: [c for c in calls if c[: len(n.split())] == n.split()] for n in every}
    assert not [n for n, found in first.items() if not found]
    assert [c for c in first["ablate"] if "-h" not in c]
    assert [c for c in first["check"] if "-h" not in c]
