"""A result that is longer than the screen goes to the user's pager, as with git."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

import click

from vmlitmus.printable import printable


def show(text: str) -> None:
    """Print a text, by the pager where a terminal has no room for it; nothing if there is none."""
    if not text:
        return
    command = _pager() if sys.stdout.isatty() else []
    if command and _is_long(text):
        with suppress(OSError):  # there is no such program
            _page(printable(text) + "\n", command)
            return
    click.echo(text)


def _pager() -> list[str]:
    """Return the words of the pager's command; none where there shall be none."""
    import shlex

    chosen = os.environ.get("VMLITMUS_PAGER", os.environ.get("PAGER", "less"))
    with suppress(ValueError):
        words = shlex.split(chosen)
        return [] if words == ["cat"] or os.environ.get("TERM") in (None, "dumb") else words
    return []


def _is_long(text: str) -> bool:
    """Say whether the screen has fewer rows than a text and the next prompt take."""
    import shutil

    screen = shutil.get_terminal_size()
    rows = sum(max(-(-len(line) // screen.columns), 1) for line in text.split("\n"))
    return rows >= screen.lines


def _page(text: str, command: list[str]) -> None:
    """Let the pager show a text, which an interrupt meanwhile does not end; raises OSError."""
    import subprocess

    sys.stdout.flush()
    pager = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        env={"LESS": "FRX", **os.environ},
        encoding="utf-8",
        errors="backslashreplace",
    )
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with suppress(BrokenPipeError):
            pager.communicate(text)
        pager.wait()
    finally:
        signal.signal(signal.SIGINT, before)
