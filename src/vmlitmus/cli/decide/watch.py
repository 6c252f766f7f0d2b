"""check --watch: decide again what an edited model or test touches.

Every check is a process of its own, so that it sees the files as they are now; it also says which
files each test rests on.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

_LOOK = 0.1  # seconds between two looks at the files
Uses = dict[str, list[str]]  # the files that each test rests on, by what selects the test
Look = tuple[int, int, int]  # of a file: when it was last written, in ns; its size; which one it is


def watch(selectors: Sequence[str], options: Sequence[str]) -> int:
    """Check, then check again what each edit touches, until interrupted; return the last code."""
    uses = _given(selectors, options)
    began, before = time.time_ns(), _looks(uses)
    found, code = _check(selectors, options)
    uses = found or uses
    try:
        while True:
            touched = _wait(uses, before, began)
            began, before = time.time_ns(), _looks(uses)
            click.echo(f"\n{len(touched)} of {len(uses)} tests rest on what was edited:")
            found, code = _check(touched, options)
            uses.update(found)
    except KeyboardInterrupt:
        return code


def _given(selectors: Iterable[str], options: Sequence[str]) -> Uses:
    """Return the files that the command line names, for a first check that could not say."""
    model = [options[options.index("--model") + 1]] if "--model" in options else []
    return {s: [*model, *([s.partition("[")[0]] if ".toml" in s else [])] for s in selectors}


def _check(selectors: Iterable[str], options: Sequence[str]) -> tuple[Uses, int]:
    """Run a check; return what its tests use, nothing if it could not say."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "uses.json"
        command = [sys.executable, "-m", "vmlitmus", "check", *selectors, *options]
        code = subprocess.run([*command, "--uses", str(told)], check=False).returncode
        if not told.exists():
            return {}, code  # a faulty file: what its test rests on is known from before
        uses: Uses = json.loads(told.read_text(encoding="utf-8"))
        return uses, code


def _wait(uses: Uses, before: Mapping[str, Look], began: int) -> list[str]:
    """Wait for edits, those since the last check began included; return the tests they touch.

    ``before`` is how files looked then. Of a file that nobody knew of then, ``began`` tells.
    """
    first = {file: _late(look, began) for file, look in _looks(uses).items()} | dict(before)
    while True:
        now = _looks(uses)
        edited = {file for file, look in now.items() if look != first[file]}
        if edited:
            return [name for name, used in uses.items() if edited.intersection(used)]
        time.sleep(_LOOK)


def _late(look: Look, began: int) -> Look:
    """Return how a file looks that is not known; something else if it was written since."""
    return (-1, 0, 0) if look[0] > began else look


def _looks(uses: Uses) -> dict[str, Look]:
    """Return how each file looks; all 0 for one that is gone for now."""
    found = {}
    for file in {file for used in uses.values() for file in used}:
        try:
            its = Path(file).stat()
            found[file] = its.st_mtime_ns, its.st_size, its.st_ino
        except OSError:
            found[file] = 0, 0, 0
    return found
