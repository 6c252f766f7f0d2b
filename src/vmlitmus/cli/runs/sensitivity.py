"""vmlitmus sensitivity: which parameters of a timing the figures of a test hang on."""

from __future__ import annotations

import json

import click

from vmlitmus.cli.options import output_option, user_catalogue, write_out
from vmlitmus.cli.output.destination import Writing
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.cli.runs.repeated import runs_option, seed_option
from vmlitmus.cli.shell.test_names import complete_tests
from vmlitmus.errors import UsageError


@click.command("sensitivity", cls=Writing)
@click.argument("test", shell_complete=complete_tests)
@seed_option
@runs_option("How often each variant is run.", default=20)
@click.option(
    "--json", "as_object", is_flag=True, help="Print one JSON object, vmlitmus/sensitivity/1."
)
@output_option
def command(test: str, seed: int, runs: int, as_object: bool, output: str | None) -> int:
    """Halve and double each parameter of a test in time, and print how its figures move.

    The figures are means, shares and rates. All runs have the same random numbers. If a test has
    several cells, name one.

    \b
    vmlitmus sensitivity 'reclaim-storm-in-time[reclaims=100 /s]'
    """
    from vmlitmus.outcome.sensitivity import as_json
    from vmlitmus.report.timed.sensitivity import sensitivity_text
    from vmlitmus.simulation.sensitivity import sensitivity
    from vmlitmus.simulation.simulate import Asked

    catalogue = user_catalogue(None, in_time=True)
    found, cells = catalogue.select([test], wide=True)[0]
    if len(cells) > 1:
        raise UsageError(f"{test}: {len(cells)} cells; name one, such as {cells[0].name!r}")
    model = catalogue.model_of(found.topic)
    asked = Asked(seed=seed, runs=runs)
    with Ticker(1) as ticker:
        rows = sensitivity(model, found, cells[0], asked, lambda name: ticker.busy(name))
    text = (
        json.dumps(as_json(cells[0].name, rows), indent=1)
        if as_object
        else sensitivity_text(cells[0].name, rows)
    )
    write_out(text, output)
    return 0
