"""vmlitmus replay: execute given steps of a test and show the time-line."""

from __future__ import annotations

import click

from vmlitmus.cli.names import complete_tests
from vmlitmus.engine import replay
from vmlitmus.errors import UsageError
from vmlitmus.litmus import Catalogue, load_model
from vmlitmus.report import timeline


@click.command("replay")
@click.argument("test", shell_complete=complete_tests)
@click.option(
    "--steps", required=True, metavar="STEPS", help="Steps, separated by blanks; @FILE reads them."
)
@click.option(
    "--loop", type=int, metavar="N", help="The steps after the first N are a loop; it is checked."
)
@click.option("--model", metavar="FILE", help="A Python file with a model of your own.")
def command(test: str, steps: str, loop: int | None, model: str | None) -> int:
    """Execute given steps of a test from its initial state and show the time-line.

    A step is written as in the JSON trace with its binding, 'evict(cpu0,page0)'; the binding may be
    left out where only one instance is enabled. An error names the first step that cannot happen,
    and what can. N is 'loop_start' of the JSON trace: after it, the run repeats for ever.
    """
    catalogue = Catalogue(load_model(model) if model else None)
    found, cells = catalogue.select([test], wide=True)[0]
    if len(cells) != 1:
        raise UsageError(f"{test!r} has {len(cells)} cells; name one, such as {cells[0].name!r}")
    if steps.startswith("@"):
        with open(steps[1:], encoding="utf-8") as file:
            steps = file.read()
    machine = cells[0].machine(catalogue.model_of(found.topic))
    done = replay(machine, steps.split(), loop)
    click.echo("\n".join(timeline(done, None, loop)))
    return 0
