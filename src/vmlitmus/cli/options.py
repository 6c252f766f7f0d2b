"""Options that several commands share."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vmlitmus.cli.output.destination import UNWRITTEN, write_whole
from vmlitmus.cli.output.pager import show
from vmlitmus.cli.output.streams import control
from vmlitmus.engine.limits import Limits, Symmetry
from vmlitmus.errors import UsageError
from vmlitmus.frozen import Frozen
from vmlitmus.printable import printable

if TYPE_CHECKING:
    from vmlitmus.decide import Job
    from vmlitmus.decide.cache import Store
    from vmlitmus.engine.run import Choice
    from vmlitmus.litmus import Catalogue
    from vmlitmus.scenario import Cell, Test

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_TIMES = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_NUMBER = r"(\d{1,12}(?:\.\d{0,9})?|\.\d{1,9}|\d(?:\.\d{1,9})?e\d{1,2})"


class Deciding(Frozen):
    """How a command decides: with which engine, within which limits, with whose model, and where.

    ``cluster`` is the address of a Ray cluster, ``shards`` how many of its workers divide a search.
    """

    engine: Choice
    limits: Limits
    model: str | None  # the file of a user's model
    cluster: str | None = None
    shards: int | None = None

    def catalogue(self) -> Catalogue:
        """Return the catalogue, with the user's model where there is one; raises ModelError."""
        return user_catalogue(self.model, self.limits)

    def job(
        self,
        catalogue: Catalogue,
        *,
        annotate: bool = False,
        fresh: bool = True,
        symmetry: Symmetry = "off",
    ) -> Job:
        """Return how cells are decided; results of earlier checks serve unless ``fresh``."""
        from vmlitmus.decide import Job

        return Job(
            catalogue,
            self.model,
            self.engine,
            self.limits,
            symmetry=symmetry,
            annotate=annotate,
            store=results(fresh),
        )


model_option = click.option(
    "--model", metavar="FILE", help="A Python file with a model of your own."
)


def engine_options(command: Callable[..., int]) -> Callable[..., int]:
    """--engine, --time-limit, --memory-limit, --model: the command gets them as ``deciding``."""

    @wraps(command)
    def called(
        *,
        engine: Choice,
        time_limit: str | None,
        memory_limit: str | None,
        model: str | None,
        **others: Any,
    ) -> int:
        return command(deciding=Deciding(engine, limits(time_limit, memory_limit), model), **others)

    for option in (
        model_option,
        click.option(
            "--memory-limit",
            metavar="SIZE",
            help="Memory that the search of one test may take, such as 512M or 1.5G.",
        ),
        click.option(
            "--time-limit",
            metavar="TIME",
            help="Limit for each test: seconds, or such as 10m or 2h.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["auto", "reference", "compiled"]),
            default="auto",
            show_default=True,
            help="auto begins in plain Python, and compiles large searches.",
        ),
    ):
        called = option(called)
    return called


def one_cell(catalogue: Catalogue, name: str) -> tuple[Test, Cell]:
    """Return the test and the only cell that a name selects; raises UsageError for several."""
    test, cells = catalogue.select([name], wide=True)[0]
    if len(cells) != 1:
        raise UsageError(f"{name!r} has {len(cells)} cells; name one, such as {cells[0].name!r}")
    return test, cells[0]


symmetry_option = click.option(
    "--symmetry/--no-symmetry",
    "symmetry",
    default=None,
    help="Of states that differ only in which of several alike entities is where, search one. By "
    "default only large searches do.",
)


def symmetric(wanted: bool | None) -> Symmetry:
    """Return what the option --symmetry asks for."""
    if wanted is None:
        return "auto"
    return "on" if wanted else "off"


def user_catalogue(
    model: str | None, limits: Limits | None = None, *, in_time: bool = False
) -> Catalogue:
    """Return the catalogue, with the model in a user's file if one is named; raises ModelError.

    ``in_time``: with the cells that are only simulated.
    """
    from vmlitmus.litmus import Catalogue

    if model is None:
        return Catalogue(in_time=in_time)
    from vmlitmus.litmus.user_model.load import load_model

    limits = limits or Limits()
    own = load_model(model, limits.seconds, limits.memory)
    return Catalogue(own, in_time=in_time)


def results(fresh: bool) -> Store | None:
    """Return the store of earlier results; None where everything is to be decided anew."""
    if fresh:
        return None
    from vmlitmus.decide.cache import Store, folder

    return Store(folder())


def limits(seconds: str | None, memory: str | None) -> Limits:
    """Return the limits asked for; raises UsageError for a bad value."""
    return Limits(_seconds(seconds), _bytes(memory))


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(rf"{_NUMBER} ?(ms|s|m|min|h|)", text.strip())
    seconds = float(found[1]) * _TIMES[found[2]] if found else 0.0
    if not 0 < seconds < math.inf:
        raise UsageError(f"--time-limit {text}: not a positive number, nor such as 10m or 2h")
    return seconds


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    found = re.fullmatch(rf"{_NUMBER} ?([kmgt]?)(?:i?b)?", text.strip(), re.IGNORECASE)
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if not size:
        raise UsageError(f"--memory-limit {text!r}: not a size such as 512M, 1.5G or 2g")
    return size


def destination(_: click.Context, option: click.Parameter, path: str | None) -> str | None:
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


cache_option = click.option(
    "--no-cache",
    "fresh",
    is_flag=True,
    envvar="VMLITMUS_NO_CACHE",
    help="Decide everything again: use no results of other checks, and keep none.",
)

output_option = click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=destination,
    help="Write the result to this file, whole or not at all.",
)

html_option = click.option(
    "--html",
    "html",
    metavar="FILE",
    callback=destination,
    help="Also write one HTML file to look at: time-lines, states, arrows; it needs no network.",
)


def write_html(text: str, path: str) -> None:
    """Write a page: whole, or not at all.

    Where it cannot be written that is said, and the result is printed all the same, so that nothing
    computed is lost.
    """
    try:
        write_whole(printable(text), path)
    except OSError as error:
        reason = printable(f"vmlitmus: --html {path}: {error.strerror or error}")
        click.echo(reason, err=True)
        click.get_current_context().meta[UNWRITTEN] = True


def write_out(text: str | bytes, path: str | None) -> None:
    """Print a result, by the pager if it is long, or write it to a file: whole, or not at all.

    What cannot be written is printed, so that nothing computed is lost. Raises UsageError then, and
    for bytes that would go to a terminal.
    """
    if isinstance(text, bytes):
        _write_bytes(text, path)
        return
    text = printable(text)
    if path is None:
        show(text)
        return
    try:
        write_whole(text + "\n", path)
    except OSError as error:
        click.echo(text)
        raise UsageError(f"-o {path}: {error.strerror or error}; printed instead") from None


def write_lines(lines: Sequence[tuple[str, bool]], path: str | None, *, colour: bool) -> None:
    """Print lines, or write them to a file; with ``colour`` those that are marked are red."""
    if not colour:
        write_out("\n".join(text for text, _ in lines), path)
        return
    for text, marked in lines:
        control(
            f"\033[31m{printable(text)}\033[0m\n" if marked else f"{printable(text)}\n", out=True
        )


def _write_bytes(data: bytes, path: str | None) -> None:
    if path is not None:
        try:
            write_whole(data, path)
        except OSError as error:
            raise UsageError(f"-o {path}: {error.strerror or error}") from None
    elif sys.stdout.isatty():
        raise UsageError("this format is not text; write it to a file with -o FILE")
    else:
        click.echo(data, nl=False)
