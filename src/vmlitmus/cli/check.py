"""vmlitmus check: decide tests and compare with what they expect."""

from __future__ import annotations

import json
import time

import click

from vmlitmus import __version__
from vmlitmus.cli.names import complete_tests
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
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...", shell_complete=complete_tests)
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
    "--watch", "watching", is_flag=True, help="Check again whatever an edited file touches."
)
@click.option("--uses", metavar="FILE", hidden=True, help="Write which files each test rests on.")
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
    watching: bool,
    uses: str | None,
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

    Exits 0 when every verdict is as expected, 1 when one is not, 2 for a faulty test or model,
    3 for an inconclusive or vacuous verdict, 130 when interrupted, 70 for an internal error or
    where the two engines disagree. Of several: the first in the order 70, 130, 2, 1, 3.
    """
    if watching:
        return _watch(selectors)
    started = time.monotonic()
    catalogue = Catalogue(load_model(model) if model else None)
    if model and not selectors:
        selectors = _beside(model)
    selected = catalogue.select(selectors, wide=wide)
    if uses:
        from vmlitmus.decide.uses import uses as used

        write_html(json.dumps(used(catalogue, selected)), uses)
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


def _watch(selectors: tuple[str, ...]) -> int:
    """Watch with the options of this command line; raises UsageError for a standard input."""
    from vmlitmus.cli.watch import watch

    if "-" in selectors:
        raise UsageError("--watch: standard input cannot be edited")
    context = click.get_current_context()
    options: list[str] = []
    for option in context.command.params:
        value = context.params.get(option.name or "")
        given = value not in (None, False, option.get_default(context))
        if isinstance(option, click.Option) and given and option.name != "watching":
            options += [option.opts[-1]] if value is True else [option.opts[-1], str(value)]
    return watch(selectors, options)


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
