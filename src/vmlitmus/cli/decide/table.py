"""vmlitmus table: print the matrix tests of a topic as grids."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from vmlitmus.api import grid_of
from vmlitmus.cli.options import (
    Deciding,
    cache_option,
    engine_options,
    html_option,
    output_option,
    symmetric,
    symmetry_option,
    write_html,
    write_out,
)
from vmlitmus.cli.output.destination import Writing
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.cli.output.screen import width
from vmlitmus.cli.runs.repeated import runs_option
from vmlitmus.cli.shell.test_names import complete_tests
from vmlitmus.decide import Job, decide_all
from vmlitmus.errors import UsageError
from vmlitmus.litmus.catalogue import Catalogue, Selected
from vmlitmus.outcome import Outcome, exit_code
from vmlitmus.report.grids.grid import Grid, comma_separated, tables_json
from vmlitmus.report.grids.grid_text import markdown, plain

_TOLD = 3  # faulty cells that are told in full


@click.command("table", cls=Writing)
@click.argument("selector", metavar="TOPIC", shell_complete=complete_tests)
@click.option("--wide", is_flag=True, help="Also the expensive tests.")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["terminal", "markdown", "csv"]),
    default="terminal",
    show_default=True,
)
@click.option(
    "--cost",
    is_flag=True,
    help="Claims and costs of the topic's mechanisms side by side, from grids and tests in time.",
)
@runs_option("With --cost: make exactly this many runs of each cell.")
@click.option(
    "--json",
    "as_object",
    is_flag=True,
    help="Print one JSON object, vmlitmus/table/1, or vmlitmus/costs/1.",
)
@cache_option
@html_option
@output_option
@symmetry_option
@engine_options
def command(
    selector: str,
    wide: bool,
    layout: str,
    cost: bool,
    runs: int | None,
    as_object: bool,
    fresh: bool,
    html: str | None,
    output: str | None,
    symmetry: bool | None,
    deciding: Deciding,
) -> int:
    """Print every [matrix] test of a topic as a grid; a test's name works as well.

    Grids with an axis of claims come first, the largest before the others. The last axis goes
    across, unless the file says otherwise; a grid of one row is printed as a column. Grids are as
    wide as the terminal, or 75 columns in a pipe. A verdict that is not the expected one is marked
    with "!". So is a published claim if its file says that the model agrees and it does not, or the
    other way round.
    Exits 0 whatever the verdicts; another exit code means that a cell has no
    verdict. 'vmlitmus explain TEST[axis=value,...]' shows the run behind a cell.

    With --cost each row is a mechanism: how often each claim holds for it, and what it costs, with
    intervals. Each simulated cell gets 5 s, or what --time-limit or --runs say. A figure that is
    not precise enough has a "?", and then the exit code is 3.
    """
    catalogue = deciding.catalogue()
    selected = [s for s in catalogue.select([selector], wide=wide) if s[0].axes]
    if not selected:
        raise UsageError(
            f"{selector!r} has no test with a [matrix], so there is no grid; "
            "'vmlitmus explain TEST' shows the answer of a test"
        )
    job = deciding.job(catalogue, annotate=bool(html), fresh=fresh, symmetry=symmetric(symmetry))
    if runs is not None and not cost:
        raise UsageError("--runs goes with --cost: nothing else of a table is simulated")
    if cost:
        if html or layout != "terminal" or deciding.model:
            raise UsageError("--cost goes with --json, -o, --wide, --runs and --time-limit only")
        return _costs(job, selected, deciding.limits.seconds, runs, as_object, output)
    outcomes = _decided(job, selected)
    grids = _grids(catalogue, selected, outcomes)
    if html:
        from vmlitmus.report.html import table_page

        write_html(table_page(grids), html)
    if as_object:
        write_out(json.dumps(tables_json(selected[0][0].topic, grids), indent=1), output)
    else:
        write_out("\n\n".join(_shown(grid, layout) for grid in grids), output)
    if any(outcome.interrupted for outcome in outcomes):
        click.echo("vmlitmus: interrupted", err=True)
        return 130
    return _complain(outcomes)


def _decided(job: Job, selected: Sequence[Selected]) -> list[Outcome]:
    """Return the outcome of each cell, in order."""
    with Ticker(sum(len(cells) for _, cells in selected)) as ticker:
        found = dict(decide_all(job, selected, ticker))
    return [found[index] for index in sorted(found)]


def _grids(
    catalogue: Catalogue, selected: Sequence[Selected], outcomes: Sequence[Outcome]
) -> list[Grid]:
    """Return a grid for each test: those with an axis of claims first, largest first."""
    grids, at = [], 0
    for test, cells in selected:
        notes = catalogue.model_of(test.topic).read_or_not(test.axes.get("version", ()))
        grids.append(grid_of(test, outcomes[at : at + len(cells)], notes))
        at += len(cells)
    return sorted(grids, key=lambda grid: -len(grid.cells) if "claim" in grid.axes else 0)


def _complain(outcomes: Sequence[Outcome]) -> int:
    """Say which cells are faulty, the first ones in full, and return the exit code for them."""
    faulty = {o.error: o.exit_code for o in outcomes if o.error}
    for message in list(faulty)[:_TOLD]:
        click.echo(f"vmlitmus: {message}", err=True)
    if len(faulty) > _TOLD:
        click.echo(f"vmlitmus: and {len(faulty) - _TOLD} more cells are faulty", err=True)
    return exit_code(faulty.values())


def _costs(
    job: Job,
    selected: Sequence[Selected],
    seconds: float | None,
    runs: int | None,
    as_object: bool,
    output: str | None,
) -> int:
    """Print what the mechanisms of a topic promise and cost."""
    from vmlitmus.cli.decide.costs import (
        claim_columns,
        cost_columns,
        cost_table,
        mechanism_axes,
    )
    from vmlitmus.outcome.cost import as_json
    from vmlitmus.report.grids.cost import cost_text

    tables = []
    for axis, (grids, timed) in mechanism_axes(selected).items():
        cells = [(test, tuple(cells)) for test, cells in grids]
        count = sum(len(c) for _, c in [*cells, *timed])
        with Ticker(count) as ticker:
            outcomes = dict(decide_all(job, cells, ticker))
            at, asked = 0, []
            for test, some in cells:
                asked.append((test, [outcomes[at + n] for n in range(len(some))]))
                at += len(some)
            costs = cost_columns(
                axis, timed, job.catalogue.model_of, seconds, runs,
                lambda cell, made: ticker.busy(f"{cell}: {made} runs"),
            )  # fmt: skip
        tables.append(cost_table(axis, claim_columns(axis, asked), costs))
    topic = selected[0][0].topic
    text = "\n\n".join(cost_text(table) for table in tables)
    write_out(json.dumps(as_json(topic, tuple(tables)), indent=1) if as_object else text, output)
    for error in dict.fromkeys(
        e for table in tables for c in (*table.claims, *table.costs) for e in c.errors
    ):
        click.echo(f"vmlitmus: {error}", err=True)
    return max(table.exit_code for table in tables)


def _shown(grid: Grid, layout: str) -> str:
    if layout == "csv":
        return comma_separated(grid)
    return markdown(grid) if layout == "markdown" else plain(grid, width())
