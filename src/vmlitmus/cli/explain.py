"""vmlitmus explain: show one answer in full."""

from __future__ import annotations

import json
from dataclasses import replace

import click

from vmlitmus.cli.options import (
    engine_options,
    html_option,
    limits,
    output_option,
    write_html,
    write_out,
)
from vmlitmus.cli.progress import Ticker
from vmlitmus.cli.work import Job, check_parts, decide
from vmlitmus.engine.run import Choice
from vmlitmus.errors import VmlitmusError
from vmlitmus.lang import possible
from vmlitmus.litmus import Catalogue, load_model
from vmlitmus.litmus.threads import citation
from vmlitmus.outcome import Outcome, as_json
from vmlitmus.report import explain
from vmlitmus.scenario import Cell, Test


@click.command("explain")
@click.argument("test")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["terminal", "mail", "markdown"]),
    default="terminal",
    show_default=True,
    help="mail is what the terminal shows; markdown fences the time-line.",
)
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
    help="Show the shortest run that reaches this condition, instead of the test's own claim.",
)
@html_option
@output_option
@engine_options
def command(
    test: str,
    reach: str | None,
    layout: str,
    as_object: bool,
    without: tuple[str, ...],
    html: str | None,
    output: str | None,
    engine: Choice,
    time_limit: float | None,
    memory_limit: str | None,
    model: str | None,
) -> int:
    """Show one answer in full: verdict, time-line, bounds, assumptions, citations.

    TEST is a test's name, one cell such as 'test[axis=value]', a path, or -. The time-line has a
    column for each cpu or actor and can be pasted in a mail. Exits 0 whatever the verdict.
    """
    catalogue = Catalogue(load_model(model) if model else None)
    job = Job(
        catalogue, model, engine, limits(time_limit, memory_limit), annotate=as_object or bool(html)
    )
    outcomes: list[Outcome] = []
    for found, cells in catalogue.select([test], wide=True):
        for cell in cells:
            with Ticker() as ticker:
                outcomes.append(_decide(job, found, cell, reach, without, ticker))
    faulty = next((o for o in outcomes if o.error), None)
    if faulty is not None:
        error = VmlitmusError(faulty.error)
        error.exit_code = faulty.exit_code
        raise error
    if html:
        from vmlitmus.report.html import explain_page

        write_html(explain_page(outcomes, citation), html)
    if as_object:
        write_out(json.dumps(as_json(outcomes), indent=1), output)
    else:
        texts = [explain(o, citation(o.source)) for o in outcomes]
        if layout == "markdown":
            texts = [f"```\n{text}\n```" for text in texts]
        write_out(("\n\n" + "=" * 75 + "\n\n").join(texts), output)
    interrupted = any(o.result and o.result.reason == "interrupted" for o in outcomes)
    return 130 if interrupted else 0


def _decide(
    job: Job, test: Test, cell: Cell, reach: str | None, without: tuple[str, ...], ticker: Ticker
) -> Outcome:
    """Decide the cell's claim, or whether a condition is reached; of that nothing is expected."""
    if without:
        check_parts(job, test, cell, without)
    if reach is None:
        return decide(job, test, cell, ticker.search, without)
    asked = replace(cell, claim=possible(reach), word=None)
    outcome = decide(job, test, asked, ticker.search, without)
    verdict = outcome.result.verdict if outcome.result else outcome.expected
    arguments = (*outcome.arguments, "--reach", reach)
    return replace(outcome, expected=verdict, stored=None, because="", arguments=arguments)
