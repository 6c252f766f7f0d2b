"""How wide a result may be, and what of it may reach a terminal."""

from __future__ import annotations

import os
import re
import shutil
import sys

from vmlitmus.report.timeline import WIDTH

# control characters but tab and newline, and those that turn the direction of a text
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return a text in which nothing is a command to a terminal."""
    return _COMMANDS.sub("?", text)


def width() -> int:
    """Return the columns of the terminal; 75 in a pipe or a file, unless COLUMNS says otherwise."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal():
        return max(shutil.get_terminal_size((WIDTH, 24)).columns, 40)
    return WIDTH
