"""How wide a result may be."""

from __future__ import annotations

import os
import shutil
import sys

from vmlitmus.report.timeline import WIDTH


def width() -> int:
    """Return the columns of the terminal; 75 in a pipe or a file, unless COLUMNS says otherwise."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal():
        return max(shutil.get_terminal_size((WIDTH, 24)).columns, 40)
    return WIDTH
