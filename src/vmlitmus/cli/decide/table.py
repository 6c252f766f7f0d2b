"""vmlitmus table: print the matrix tests of a topic as grids."""

from __future__ import annotations

import json

import click

from vmlitmus.api import grid_of
from vmlitmus.cli.options import (
    Deciding,
    cache_option,
    engine_options,
    html_option,
    output_option,
    write_html,
    write_out,
)
from vmlitmus.cli.output.destination import Writing
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.cli.output.screen import width
from vmlitmus.cli.shell.test_names import complete_tests
from vmlitmus.decide import decide_all
from vmlitmus.errors import UsageError
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
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object, vmlitmus/table/1.")
@cache_option
@html_option
@output_option
@engine_options
def command(
    selector: str,
    wide: bool,
    layout: str,
    as_object: bool,
    fresh: bool,
    html: str | None,
    output: str | None,
    deciding: Deciding,
) -> int:
    """Print every [matrix] test of a topic as a grid; a test's name works as well.

    Grids with an axis of claims come first, the largest before the others. The last axis goes
    across, unless the file says otherwise; a grid of one row is printed as a column. Grids are as
    wide as the terminal, or 75 columns in a pipe. A verdict that is not the expected one is marked
    with "!", and so is a published claim that compares with the model otherwise than its file says.
    Exits 0 whatever the verdicts, and otherwise only for cells that have none; 'vmlitmus explain
    TEST[axis=value,...]' shows the run behind a cell.
    """
    catalogue = deciding.catalogue()
    selected = [s for s in catalogue.select([selector], wide=wide) if s[0].axes]
    if not selected:
        raise UsageError(f"{selector!r} has no test with a [matrix]")
    job = deciding.job(catalogue, annotate=bool(html), fresh=fresh)
    found: dict[int, Outcome] = {}
    with Ticker(sum(len(cells) for _, cells in selected)) as ticker:
        for index, outcome in decide_all(job, selected, ticker):
            found[index] = outcome
    grids, at = [], 0
    for test, cells in selected:
        outcomes = [found[at + i] for i in range(len(cells))]
        at += len(cells)
        versions = test.axes.get("version", ())
        notes = catalogue.model_of(test.topic).read_or_not(versions)
        grids.append(grid_of(test, outcomes, notes))
    grids.sort(key=lambda grid: -len(grid.cells) if "claim" in grid.axes else 0)
    if html:
        from vmlitmus.report.html import table_page

        write_html(table_page(grids), html)
    if as_object:
        write_out(json.dumps(tables_json(selected[0][0].topic, grids), indent=1), output)
    else:
        write_out("\n\n".join(_shown(grid, layout) for grid in grids), output)
    faulty = {o.error: o.exit_code for o in found.values() if o.error}
    for message in list(faulty)[:_TOLD]:
        click.echo(f"vmlitmus: {message}", err=True)
    if len(faulty) > _TOLD:
        click.echo(f"vmlitmus: and {len(faulty) - _TOLD} more cells are faulty", err=True)
    return exit_code(faulty.values())


def _shown(grid: Grid, layout: str) -> str:
    if layout == "csv":
        return comma_separated(grid)
    return markdown(grid) if layout == "markdown" else plain(grid, width())
