"""vmlitmus grow: the same question with each bound higher."""

from __future__ import annotations

import json
from dataclasses import replace

import click

from vmlitmus.cli.cluster import placed
from vmlitmus.cli.options import (
    Deciding,
    html_option,
    one_cell,
    output_option,
    symmetric,
    write_html,
    write_out,
)
from vmlitmus.cli.output.destination import Writing
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.cli.searching import search_options
from vmlitmus.cli.shell.test_names import complete_tests
from vmlitmus.decide.growth import bounds, grow
from vmlitmus.decide.own_code import Refused
from vmlitmus.errors import UsageError, unknown
from vmlitmus.outcome.growth import as_json
from vmlitmus.report.growth import growth_text

_SECONDS = 60.0  # without --time-limit


@click.command("grow", cls=Writing)
@click.argument("test", shell_complete=complete_tests)
@click.option(
    "--raise",
    "raised",
    multiple=True,
    metavar="BOUND=N",
    help="Ask with this bound only, such as machine.cores=3; may be given again.",
)
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object, vmlitmus/growth/1.")
@html_option
@output_option
@search_options
def command(
    test: str,
    raised: tuple[str, ...],
    as_object: bool,
    html: str | None,
    output: str | None,
    symmetry: bool | None,
    deciding: Deciding,
) -> int:
    """Ask a test again with each bound one higher: cores, vcpus, pages, tasks, each at_most.

    First each bound alone, then all together, then each by two, until the time is up. --time-limit
    is the time for all questions together; the default is 60 seconds. The first verdict that
    changes is shown as by explain. The last line says with which bounds the verdict was the same.
    Exits 0 whatever the verdicts.

    \b
    vmlitmus grow drop-destroy-flush-snp-dma
    vmlitmus grow reclaim-no-flush --raise machine.cores=4 --raise vm.1.pages=2
    """
    catalogue, whole = deciding.catalogue(), deciding.limits
    found, cell = one_cell(catalogue, test)
    known = {b.name: b.high for b in bounds(catalogue.model_of(found.topic), cell)}
    each = replace(deciding, limits=whole.within(None))
    job = each.job(catalogue, annotate=bool(html), symmetry=symmetric(symmetry))
    with placed(job, each) as job, Ticker() as ticker:
        growth = grow(
            job,
            found,
            cell,
            whole.seconds or _SECONDS,
            ticker.search,
            ticker.asking,
            only=dict(_bound(text, known) for text in raised),
        )
    if growth.base.error:
        raise Refused(growth.base.error, growth.base.exit_code).error()
    if html:
        from vmlitmus.report.html import check_page

        every = [growth.base, *(row.outcome for row in growth.rows)]
        write_html(check_page([o for o in every if o.result]), html)
    text = json.dumps(as_json([growth]), indent=1) if as_object else growth_text(growth)
    write_out(text, output)
    if growth.interrupted:
        click.echo(f"vmlitmus: interrupted after {growth.decided} questions", err=True)
        return 130
    return 0


def _bound(text: str, known: dict[str, int]) -> tuple[str, int]:
    """Return the name and the value of "machine.cores=3"; raises UsageError."""
    name, equals, value = text.partition("=")
    if name not in known:
        raise UsageError(f"--raise {text}: " + unknown("bound", name, known))
    if not equals or not value.isdecimal() or len(value) > 4 or int(value) > known[name]:
        raise UsageError(f"--raise {text}: a number from 0 to {known[name]} after '='")
    return name, int(value)
