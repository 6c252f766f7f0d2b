"""The entry point: commands by name, and how errors leave the program."""

from __future__ import annotations

import os
import sys

import click

from vmlitmus import __version__
from vmlitmus.cli.lazy_group import LazyGroup
from vmlitmus.cli.output.streams import shown
from vmlitmus.errors import VmlitmusError
from vmlitmus.printable import printable

_COMMANDS = {  # name: module, line of help
    "check": ("decide.check", "decide tests and compare with what they expect"),
    "explain": ("decide.explain", "show one answer in full, with its time-line"),
    "table": ("decide.table", "print the matrix tests of a topic as grids"),
    "ablate": ("ablation.ablate", "find which parts of the mechanisms a test needs"),
    "grow": ("decide.grow", "ask a test again with each bound one higher"),
    "simulate": (
        "runs.simulate",
        "run the steps of a test in time, and measure what they cost",
    ),
    "sensitivity": ("runs.sensitivity", "halve and double each parameter of a test in time"),
    "explore": ("runs.explore", "choose the steps of a run on a local web page"),
    "audit": ("audit.group", "judge a real host, its VMs or its kernel by the same claims"),
    "validate": (
        "runs.validate",
        "search a model's runs for one that does what a recorded kernel did",
    ),
    "list": ("catalogue.list", "list tests, mechanisms, claims, parts, assumptions"),
    "replay": ("runs.replay", "execute given steps of a test and show the time-line"),
    "export": ("runs.export", "write a test for SPIN or Rumur, for a second opinion"),
    "bless": ("decide.bless", "store the counts of tests that are as expected"),
    "new": ("catalogue.new", "write the scaffold of a mechanism, a test, a claim or a topic"),
    "completion": ("shell.completion", "print the completion script of a shell"),
    "man": ("shell.man", "print the manual page"),
}
COMMANDS = tuple(_COMMANDS)


@click.command(
    cls=LazyGroup,
    kind="command",
    package="vmlitmus.cli",
    commands=_COMMANDS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 90,
        "color": True,  # escapes are shown by our streams, never cut away
    },
    epilog="Exit codes: 0 as expected, 1 an unexpected verdict, 2 wrong usage or a faulty model or "
    "test, 3 inconclusive, 70 internal error, 130 interrupted.",
)
@click.version_option(__version__, prog_name="vmlitmus")
def cli() -> None:
    """Litmus tests for how KVM on x86 isolates guests.

    A test asks a question about a mechanism of the kernel; vmlitmus answers it for every
    interleaving within stated bounds, with the shortest counterexample.

    \b
    vmlitmus check                    the whole catalogue
    vmlitmus explain drop-destroy-flush-snp-dma
    vmlitmus table cache-flush        who needs which flush, as a grid
    """


def main(args: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    with shown():
        return _main(args)


def _main(args: list[str] | None) -> int:
    try:
        result = cli.main(args, standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            click.echo(printable(error.format_message()), err=True)
            return 2
        usage = (
            error.ctx.get_usage() + "\n"
            if isinstance(error, click.UsageError) and error.ctx
            else ""
        )
        click.echo(printable(f"{usage}Error: {error.format_message()}"), err=True)
        return 2
    except click.Abort as error:
        if isinstance(error.__cause__, EOFError):  # of an import: nothing here asks for input
            raise error.__cause__ from None
        return _complain("interrupted", 130)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except VmlitmusError as error:
        return _complain(str(error), error.exit_code)
    except MemoryError:
        return _complain("not enough memory", 3)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        _silence_stdout()
        return _complain(f"{name}{error.strerror or error}", 2)
    except BaseException as error:
        own = _blamed(error)
        if own is not None:
            return _complain(str(own), own.exit_code)
        if os.environ.get("VMLITMUS_DEBUG") or isinstance(error, SystemExit):
            raise  # click ends the program so once it has completed a word
        return _complain(
            f"internal error: {type(error).__name__}: {error}\n"
            "This is a bug in vmlitmus; set VMLITMUS_DEBUG=1 for the traceback to report.",
            70,
        )
    return result if isinstance(result, int) else 0


def _blamed(error: BaseException) -> VmlitmusError | None:
    """Return the error of the user's own model that an exception comes from, if one does."""
    found = sys.modules.get("vmlitmus.litmus.user_model.load")
    return found.blamed(error) if found else None


def _complain(message: str, code: int) -> int:
    click.echo(printable(f"vmlitmus: {message}"), err=True)
    return code


def _silence_stdout() -> None:
    """What could not be written stays unwritten; do not fail again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
