"""vmlitmus check: decide tests and compare with what they expect."""

from __future__ import annotations

import json
import time

import click

from vmlitmus import __version__
from vmlitmus.cli.options import (
    engine_options,
    html_option,
    limits,
    output_option,
    write_html,
    write_out,
)
from vmlitmus.cli.progress import Ticker
from vmlitmus.decide import Job, decide_all
from vmlitmus.engine.run import Choice
from vmlitmus.errors import UsageError
from vmlitmus.litmus import Catalogue, load_model
from vmlitmus.litmus.catalogue import beside
from vmlitmus.outcome import Outcome, as_json, exit_code
from vmlitmus.report import line, summary


@click.command("check")
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...")
@click.option("--wide", is_flag=True, help="Also the expensive tests.")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["terminal", "markdown", "json", "junit", "ktap", "sarif"]),
    default="terminal",
    show_default=True,
    help="junit, ktap and sarif are for other tools; json is --json.",
)
@click.option(
    "--json", "as_object", is_flag=True, help="Print one JSON object, vmlitmus/outcome/1."
)
@html_option
@output_option
@engine_options
def command(
    selectors: tuple[str, ...],
    wide: bool,
    layout: str,
    as_object: bool,
    html: str | None,
    output: str | None,
    engine: Choice,
    time_limit: float | None,
    memory_limit: str | None,
    model: str | None,
) -> int:
    """Decide tests and compare each verdict with the one its file expects.

    A SELECTOR is a topic, a test's name or a glob of names, one cell such as 'test[axis=value]', a
    path to a litmus file, or - for standard input. Without any: the whole catalogue; with --model
    and without a SELECTOR, the litmus files beside the model.

    To see which answers a change alters: vmlitmus check TOPIC --model mine.py
    """
    started = time.monotonic()
    catalogue = Catalogue(load_model(model) if model else None)
    if model and not selectors:
        selectors = _beside(model)
    selected = catalogue.select(selectors, wide=wide)
    job = Job(catalogue, model, engine, limits(time_limit, memory_limit), annotate=bool(html))
    total = sum(len(cells) for _, cells in selected)
    found: dict[int, Outcome] = {}
    interrupted = False
    with Ticker(total) as ticker:
        try:
            for index, outcome in decide_all(job, selected, ticker):
                found[index] = outcome
        except KeyboardInterrupt:
            interrupted = True
    outcomes = [found[index] for index in sorted(found)]
    seconds = time.monotonic() - started
    if html:
        from vmlitmus.report.html import check_page

        write_html(check_page(outcomes, seconds), html)
    layout = "json" if as_object else layout
    write_out(_text(outcomes, seconds, layout), output)
    for outcome in outcomes:
        if outcome.error and layout != "terminal":
            click.echo(f"vmlitmus: {outcome.error}", err=True)
    if interrupted:
        click.echo(f"vmlitmus: interrupted after {len(outcomes)} of {total}", err=True)
    return exit_code([*(o.code for o in outcomes), *([130] if interrupted else [])])


def _beside(model: str) -> tuple[str, ...]:
    """Return the tests beside a model; raises UsageError where there are none."""
    found = tuple(beside(model))
    if not found:
        raise UsageError(f"--model {model}: no litmus file beside it; name a topic or a test")
    click.echo(f"vmlitmus: the {len(found)} litmus files beside {model}", err=True)
    return found


def _text(outcomes: list[Outcome], seconds: float, layout: str) -> str:
    if layout == "terminal":
        width = min(max((len(o.name) for o in outcomes), default=0), 60)
        return "\n".join([*(line(o, width) for o in outcomes), summary(outcomes, seconds)])
    if layout == "json":
        return json.dumps(as_json(outcomes), indent=1)
    from vmlitmus.report.exchange import check_markdown, junit, ktap, sarif

    if layout == "markdown":
        return check_markdown(outcomes, seconds)
    if layout == "sarif":
        return sarif(outcomes, __version__)
    return (junit if layout == "junit" else ktap)(outcomes)
