"""A result that a terminal has no room for goes to the pager, one that it has room for does not."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

LONG = ("list", "tests", "domain-switch")
SHORT = ("list", "topics")
MARK = "sed s/^/:/"  # a pager that leaves a mark


def shown(args: tuple[str, ...], rows: int = 24, **environ: str) -> list[str]:
    """Return the lines that a command leaves on a terminal."""
    parent, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "PAGER")}
    process = subprocess.Popen(
        [sys.executable, "-m", "vmlitmus", *args],
        stdin=terminal,
        stdout=terminal,
        env=plain | {"TERM": "xterm"} | environ,
    )
    os.close(terminal)
    found = b""
    try:
        while part := os.read(parent, 1 << 16):
            found += part
    except OSError:  # the last user of the terminal has gone
        pass
    os.close(parent)
    assert process.wait() == 0
    return found.decode().splitlines()


@pytest.mark.parametrize(
    ("args", "rows", "environ", "paged"),
    [
        (LONG, 24, {"PAGER": MARK}, True),
        (LONG, 24, {"PAGER": "cat", "VMLITMUS_PAGER": MARK}, True),
        (LONG, 24, {"PAGER": MARK, "VMLITMUS_PAGER": ""}, False),
        (LONG, 24, {"PAGER": MARK, "TERM": "dumb"}, False),
        (LONG, 24, {"PAGER": "no-such-pager"}, False),
        (LONG, 24, {"PAGER": "a 'quote too few"}, False),
        (LONG, 2000, {"PAGER": MARK}, False),
        (SHORT, 24, {"PAGER": MARK}, False),
        (SHORT, 5, {"PAGER": MARK}, True),
    ],
)
def test_the_pager_has_what_the_screen_has_no_room_for(args, rows, environ, paged) -> None:
    lines = shown(args, rows, **environ)
    assert len(lines) > 5
    assert all(line.startswith(":") for line in lines) is paged
    assert any(line.startswith(":") for line in lines) is paged


def test_a_pager_that_ends_early_is_no_error() -> None:
    assert len(shown(LONG, PAGER="head -3")) == 3


def test_a_pipe_has_no_pager() -> None:
    command = [sys.executable, "-m", "vmlitmus", *LONG]
    environ = os.environ | {"PAGER": MARK, "TERM": "xterm"}
    text = subprocess.run(command, capture_output=True, text=True, env=environ, check=True).stdout
    assert not any(line.startswith(":") for line in text.splitlines())
