"""vmlitmus explain: show one answer in full."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import click

from vmlitmus.cli.cluster import placed
from vmlitmus.cli.options import (
    Deciding,
    html_option,
    output_option,
    symmetric,
    write_html,
    write_out,
)
from vmlitmus.cli.output.destination import Writing
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.cli.output.screen import width
from vmlitmus.cli.runs.run_formats import DRAWN, as_mail, check_single, draw
from vmlitmus.cli.searching import search_options
from vmlitmus.cli.shell.test_names import complete_conditions, complete_tests
from vmlitmus.decide import Job, check_parts, decide_apart
from vmlitmus.decide.own_code import Refused
from vmlitmus.errors import UsageError
from vmlitmus.lang import possible
from vmlitmus.outcome import Outcome, as_json
from vmlitmus.report.explain import explain
from vmlitmus.report.timeline import WIDTH
from vmlitmus.scenario import Cell, Test

_LONG = 12  # steps of a run that a screen may not have room for
_MANY = 1_000_000  # states of a search that is not done twice
_Decided = tuple[Test, list[Outcome]]  # a test with the outcomes of its cells


@click.command("explain", cls=Writing)
@click.argument("test", shell_complete=complete_tests)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["terminal", "mail", "markdown", "json", *DRAWN]),
    default="terminal",
    show_default=True,
    help="mail has a subject and is ready to send; markdown fences the time-line; mermaid is a "
    "sequence diagram, svg a picture; perfetto a trace for its viewer; selftest a skeleton in C "
    "for the kernel.",
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="List all assumptions, sources and steps that never happened.",
)
@click.option("--states", is_flag=True, help="Show what each step of the run changes.")
@click.option("--all", "every", is_flag=True, help="Show every cell of a matrix in full.")
@click.option(
    "--json", "as_object", is_flag=True, help="Print one JSON object, vmlitmus/outcome/1."
)
@click.option(
    "--without",
    multiple=True,
    metavar="PART",
    help="Switch off one more part of a mechanism; may be given again.",
)
@click.option(
    "--reach",
    metavar="CONDITION",
    shell_complete=complete_conditions,
    help="Show the shortest run that reaches this condition, instead of the test's own claim.",
)
@html_option
@output_option
@search_options
def command(
    test: str,
    reach: str | None,
    layout: str,
    verbose: bool,
    states: bool,
    every: bool,
    as_object: bool,
    without: tuple[str, ...],
    html: str | None,
    output: str | None,
    symmetry: bool | None,
    deciding: Deciding,
) -> int:
    """Show one answer in full: verdict, time-line, bounds, assumptions, citations.

    TEST is a test's name, one cell such as 'test[axis=value]', a path, or -. The time-line has a
    column for each cpu or actor and can be pasted in a mail. The cells of a matrix are summed up in
    a grid, and one of them is shown in full. Exits 0 whatever the verdict.
    """
    if deciding.cluster is not None and deciding.shards is None:
        raise UsageError("--cluster: say with --shards N how many workers divide a search")
    catalogue = deciding.catalogue()
    as_object = as_object or layout == "json"
    drawn = as_object or layout in DRAWN
    selected = catalogue.select([test], wide=True)
    total = sum(len(cells) for _, cells in selected)
    one = total == 1
    job = deciding.job(catalogue, annotate=drawn or one or bool(html), symmetry=symmetric(symmetry))
    check_single(layout, selected)
    tests: list[_Decided] = []
    with placed(job, deciding) as job, Ticker(total) as ticker:
        try:
            for found, cells in selected:
                outcomes = []
                for cell in cells:
                    outcomes.append(_decide(job, found, cell, reach, without, ticker))
                    ticker.done(cell.name)
                    if outcomes[-1].interrupted and not one:
                        raise KeyboardInterrupt  # nor look at the others
                if len(cells) > 1 and not (drawn or every):
                    _annotate(job, found, cells, outcomes, reach, without, ticker)
                tests.append((found, outcomes))
        except KeyboardInterrupt:
            if not tests:
                raise
    whole = len(tests) == len(selected)
    outcomes = [outcome for _, decided in tests for outcome in decided]
    faulty = next((o for o in outcomes if o.error), None)
    if faulty is not None:
        raise Refused(faulty.error or "", faulty.exit_code).error()
    if html:
        write_html(_page(tests, every=every), html)
    if as_object:
        write_out(json.dumps(as_json(outcomes), indent=1), output)
    elif layout in DRAWN:
        write_out(draw(layout, outcomes[0]), output)
    else:
        verbose = verbose or layout != "terminal"
        text = _text(tests, layout, every=every, verbose=verbose, states=states)
        write_out(as_mail(outcomes, text) if layout == "mail" else text, output)
    if not whole:
        told = f"interrupted after {len(tests)} of {len(selected)} tests"
        click.echo(f"vmlitmus: {told}", err=True)
    return 130 if not whole or any(o.interrupted for o in outcomes) else 0


def _text(tests: list[_Decided], layout: str, *, every: bool, verbose: bool, states: bool) -> str:
    """Return the reports on all tests, one below the other."""
    wide = width() if layout == "terminal" else WIDTH
    texts = [
        text
        for one in tests
        for text in _texts(*one, wide, every=every, verbose=verbose, states=states)
    ]
    if layout == "markdown":
        texts = [f"```\n{text}\n```" for text in texts]
    return f"\n\n{'=' * min(wide, WIDTH)}\n\n".join(texts)


def _page(tests: list[_Decided], *, every: bool) -> str:
    """Return the page: of one outcome, or grids whose cells open."""
    from vmlitmus.report.html import explain_page, table_page

    outcomes = [outcome for _, decided in tests for outcome in decided]
    if every or not all(test.axes for test, _ in tests):
        return explain_page(outcomes)
    if not all(len(decided) == len(test.cells) for test, decided in tests):
        return explain_page(outcomes)
    from vmlitmus.api import grid_of

    return table_page([grid_of(*one) for one in tests])


def _texts(
    test: Test, outcomes: list[Outcome], wide: int, *, every: bool, verbose: bool, states: bool
) -> list[str]:
    """Return the reports on a test: one on a matrix as a whole, or one on each cell."""
    if every or len(outcomes) == 1:
        text = min(wide, WIDTH)
        return [explain(o, verbose=verbose, states=states, wide=text) for o in outcomes]
    from vmlitmus.api import grid_of
    from vmlitmus.report.grids.matrix import explain_matrix

    return [explain_matrix(grid_of(test, outcomes), wide, verbose=verbose, states=states)]


def _annotate(
    job: Job,
    test: Test,
    cells: Sequence[Cell],
    outcomes: list[Outcome],
    reach: str | None,
    without: tuple[str, ...],
    ticker: Ticker,
) -> None:
    """Find out what the steps of the one run rest on that is shown, where it is a long one."""
    from vmlitmus.report.grids.matrix import telling

    at = outcomes.index(telling(outcomes))
    r = outcomes[at].result
    if not job.annotate and r is not None and len(r.trace or ()) > _LONG and r.states < _MANY:
        job = replace(job, annotate=True, answered={})
        outcomes[at] = _decide(job, test, cells[at], reach, without, ticker)


def _decide(
    job: Job, test: Test, cell: Cell, reach: str | None, without: tuple[str, ...], ticker: Ticker
) -> Outcome:
    """Decide the cell's claim, or whether a condition is reached; of that nothing is expected."""
    if without:
        check_parts(job, test, cell, without)
    if reach is None:
        return decide_apart(job, test, cell, ticker.search, without, ticker.busy)
    asked = replace(cell, claim=possible(reach), word=None)
    outcome = decide_apart(job, test, asked, ticker.search, without, ticker.busy)
    verdict = outcome.result.verdict if outcome.result else outcome.expected
    arguments = (*outcome.arguments, "--reach", reach)
    return replace(outcome, expected=verdict, stored=None, because="", arguments=arguments)
