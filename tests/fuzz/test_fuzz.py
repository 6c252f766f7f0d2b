"""A little of the fuzz tier, and that it can find something."""

from __future__ import annotations

import run

from vmlitmus.cli import main as cli


def test_a_few_calls_end_as_documented() -> None:
    faults, codes = run.run(25, first=1_000_000)
    assert not faults
    assert set(codes) >= {0, 2}


def test_faults_are_found(monkeypatch) -> None:
    monkeypatch.setattr(run, "command_line", lambda *_: ["check", "/no/\x1b.toml"])
    assert not run.run(1)[0]
    with monkeypatch.context() as patched:
        patched.setattr(run, "CODES", {0})
        assert "exit code 2" in run.run(1)[0][0]
    monkeypatch.setattr("vmlitmus.cli.output.streams.printable", lambda text: text + "")
    monkeypatch.setattr(cli, "printable", lambda text: text)
    assert "\\x1b on the output" in run.run(1)[0][0]
