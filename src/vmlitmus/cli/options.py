"""Options that several commands share."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from vmlitmus.cli.screen import printable
from vmlitmus.engine.limits import Limits
from vmlitmus.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def engine_options(command: F) -> F:
    """--engine, --time-limit, --memory-limit, --model."""
    for option in (
        click.option("--model", metavar="FILE", help="A Python file with a model of your own."),
        click.option("--memory-limit", metavar="SIZE", help="Per test, such as 512M or 2G."),
        click.option("--time-limit", type=float, metavar="SECONDS", help="Per test."),
        click.option(
            "--engine",
            type=click.Choice(["auto", "reference", "compiled"]),
            default="auto",
            show_default=True,
            help="auto begins in plain Python and compiles what is large.",
        ),
    ):
        command = option(command)
    return command


def limits(seconds: float | None, memory: str | None) -> Limits:
    """Return the limits asked for; raises UsageError for a bad value."""
    if seconds is not None and not 0 < seconds < 1e9:
        raise UsageError(f"--time-limit {seconds}: not a positive number of seconds")
    if memory is None:
        return Limits(seconds, None)
    found = re.fullmatch(r"(\d{1,9})([KMG]?)(?:i?B)?", memory)
    if not found or not int(found[1]):
        raise UsageError(f"--memory-limit {memory!r}: not a size such as 512M or 2G")
    return Limits(seconds, int(found[1]) * _UNITS[found[2]])


def _destination(_: click.Context, option: click.Parameter, path: str | None) -> str | None:
    """Refuse a place that cannot be written before anything is computed for it."""
    name = option.opts[0]
    if path is None or (path == "-" and name == "-o"):
        return None
    if path == "-":
        raise UsageError(f"{name} -: not a file")
    if Path(path).is_dir():
        raise UsageError(f"{name} {path}: is a directory")
    if not Path(path).parent.is_dir():
        raise UsageError(f"{name} {path}: there is no folder {Path(path).parent}")
    return path


output_option = click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=_destination,
    help="Write the result there, whole or not at all.",
)

html_option = click.option(
    "--html",
    "html",
    metavar="FILE",
    callback=_destination,
    help="Also write one HTML file to look at: time-lines, states, arrows; it needs no network.",
)


def write_html(text: str, path: str) -> None:
    """Write a page: whole, or not at all; raises UsageError for what cannot be written."""
    try:
        _write(text, Path(path))
    except OSError as error:
        raise UsageError(f"--html {path}: {error.strerror or error}") from None


def write_out(text: str | bytes, path: str | None) -> None:
    """Print a result, or write it to a file: whole, or not at all.

    What cannot be written is printed, so that nothing computed is lost. Raises UsageError then, and
    for bytes that would go to a terminal.
    """
    if isinstance(text, bytes):
        _write_bytes(text, path)
        return
    text = printable(text)
    if path is None:
        click.echo(text)
        return
    try:
        _write(text + "\n", Path(path))
    except OSError as error:
        click.echo(text)
        raise UsageError(f"-o {path}: {error.strerror or error}; printed instead") from None


def _write_bytes(data: bytes, path: str | None) -> None:
    if path is not None:
        try:
            Path(path).write_bytes(data)
        except OSError as error:
            raise UsageError(f"-o {path}: {error.strerror or error}") from None
    elif sys.stdout.isatty():
        raise UsageError("this format is not text; write it to a file with -o FILE")
    else:
        click.echo(data, nl=False)


def _write(text: str, target: Path) -> None:
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")
        return
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)  # as any file that a program makes
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
