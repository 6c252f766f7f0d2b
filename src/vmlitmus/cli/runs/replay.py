"""vmlitmus replay: execute given steps of a test and show the time-line."""

from __future__ import annotations

from collections.abc import Sequence

import click

from vmlitmus.cli.options import model_option, one_cell, user_catalogue
from vmlitmus.cli.shell.test_names import complete_tests
from vmlitmus.compiler import Machine, State
from vmlitmus.decide import Job
from vmlitmus.decide.own_code import apart, own_code
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.engine.trace import replayed
from vmlitmus.errors import UsageError
from vmlitmus.lang import Claim
from vmlitmus.litmus.user_model.load import SECONDS
from vmlitmus.named_file import read_named
from vmlitmus.report.timeline import timeline
from vmlitmus.scenario import Cell, Test

_LARGEST = 1 << 20  # bytes of a file of steps


@click.command("replay")
@click.argument("test", shell_complete=complete_tests)
@click.option(
    "--steps", required=True, metavar="STEPS", help="Steps, separated by blanks; @FILE reads them."
)
@click.option(
    "--loop",
    type=int,
    metavar="N",
    help="The steps after the first N repeat for ever; it is checked that they can.",
)
@model_option
def command(test: str, steps: str, loop: int | None, model: str | None) -> int:
    """Execute given steps of a test from its initial state and show the time-line.

    A step is written as in the JSON trace with its binding, 'evict(cpu0,page0)'; the binding may be
    left out where only one instance is enabled. An error names the first step that cannot happen,
    and the steps that can. The last line says what the run tells about the claim. N of --loop is
    'loop_start' of the JSON trace.
    """
    catalogue = user_catalogue(model)
    found, cell = one_cell(catalogue, test)
    if steps.startswith("@"):
        steps = _read(steps[1:])
    job = Job(catalogue, model)
    click.echo(apart(model, cell.name, lambda: _replayed(job, found, cell, steps.split(), loop)))
    return 0


def _replayed(job: Job, test: Test, cell: Cell, steps: Sequence[str], loop: int | None) -> str:
    """Return the time-line, and what it tells about the claim."""
    machine = job.machine(test, cell)
    with own_code(job.model, cell.name, SECONDS):
        done, states = replayed(machine, steps, loop)
        judged = _judged(machine, cell.claim, states)
    return "\n".join([*timeline(done, None, loop), "", judged])


def _read(path: str) -> str:
    """Return the text of a file of steps; raises UsageError."""
    try:
        return read_named(path, _LARGEST).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"--steps @{path}: not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise UsageError(f"--steps @{path}: {reason or error}") from None


def _judged(machine: Machine, claim: Claim, states: Sequence[State]) -> str:
    """Return a sentence on what a run tells about the claim of its test."""
    stepper = Stepper(machine)
    at = {n: [i for i, s in enumerate(states) if stepper.holds(s, n)] for n in claim.conditions}
    name, last = claim.condition, len(states) - 1
    if claim.kind not in ("never", "possible"):
        true = ", ".join(n for n in at if last in at[n]) or "none of its conditions"
        return f"{claim}: not decided by one run. True after its last step: {true}."
    if not at[name]:
        return f"{claim}: not decided by this run, which does not reach {name}."
    verdict = "VIOLATED by this run" if claim.kind == "never" else "holds, as this run shows"
    when = "after its last step" if last in at[name] else f"after step {at[name][-1]}"
    return f"{claim}: {verdict}: {name} is true {when}."
