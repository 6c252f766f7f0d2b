"""vmlitmus check: decide tests and compare with what they expect."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from vmlitmus import __version__
from vmlitmus.cli.cluster import placed
from vmlitmus.cli.options import (
    Deciding,
    cache_option,
    html_option,
    output_option,
    results,
    symmetric,
    write_html,
    write_lines,
    write_out,
)
from vmlitmus.cli.output.destination import Writing
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.cli.searching import search_options
from vmlitmus.cli.shell.test_names import complete_tests
from vmlitmus.decide import Job, decide_all
from vmlitmus.decide.own_code import in_own_world
from vmlitmus.errors import UsageError
from vmlitmus.litmus.catalogue import Catalogue, Selected
from vmlitmus.outcome import Outcome, as_json, exit_code
from vmlitmus.report import Row, line, row, summary

if TYPE_CHECKING:
    from vmlitmus.decide.cache import WholeCheck


@click.command("check", cls=Writing)
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...", shell_complete=complete_tests)
@click.option("--wide", is_flag=True, help="Also the expensive tests.")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["terminal", "markdown", "json", "junit", "ktap", "sarif"]),
    default="terminal",
    show_default=True,
    help="junit, ktap and sarif are for other tools; json is the same as --json.",
)
@click.option(
    "--watch",
    "watching",
    is_flag=True,
    help="When a file is edited, check again the tests that use it.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print the last line only.")
@click.option(
    "--only-unexpected", "only", is_flag=True, help="Print only tests that are not as expected."
)
@click.option(
    "-x",
    "--exit-first",
    "first",
    is_flag=True,
    help="Stop at the first test that is not as expected.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="How many tests are decided at a time; by default one for each core.",
)
@click.option("--uses", metavar="FILE", hidden=True, help="Write which files each test rests on.")
@click.option(
    "--json", "as_object", is_flag=True, help="Print one JSON object, vmlitmus/outcome/1."
)
@cache_option
@html_option
@output_option
@search_options
def command(
    selectors: tuple[str, ...],
    wide: bool,
    layout: str,
    watching: bool,
    quiet: bool,
    only: bool,
    first: bool,
    jobs: int | None,
    uses: str | None,
    as_object: bool,
    fresh: bool,
    html: str | None,
    output: str | None,
    symmetry: bool | None,
    deciding: Deciding,
) -> int:
    """Decide tests and compare each verdict with the one its file expects.

    A SELECTOR is a topic, a test's name or a glob of names, one cell such as 'test[axis=value]', a
    path to a litmus file, or - for standard input. Without any: the whole catalogue; with --model
    and without a SELECTOR, the litmus files beside the model.

    To see which answers a change alters: vmlitmus check TOPIC --model mine.py

    Exits 0 when every verdict is as expected, 1 when one is not, 2 for a faulty test or model,
    3 for an inconclusive or vacuous verdict, 130 when interrupted, 70 for an internal error or
    where the two engines disagree. If several apply, it is the first of 70, 130, 2, 1, 3.
    """
    if watching:
        return _watch(selectors)
    started = time.monotonic()
    layout = "json" if as_object else layout
    plain = layout == "terminal" and not (html or uses)
    whole = _whole(selectors, wide, symmetric(symmetry), deciding, fresh=fresh) if plain else None
    rows = whole.find() if whole else None
    if rows is not None:
        _print(_lines(rows, time.monotonic() - started, quiet=quiet, only=only), output)
        return exit_code(row.code for row in rows)
    catalogue, model = deciding.catalogue(), deciding.model
    if model and not selectors:
        selectors = _beside(model)
    selected = catalogue.select(selectors, wide=wide)
    total = sum(len(cells) for _, cells in selected)
    if uses:
        _write_uses(catalogue, selected, model, uses)
    job = deciding.job(catalogue, annotate=bool(html), fresh=fresh, symmetry=symmetric(symmetry))
    with placed(job, deciding) as job:
        outcomes, interrupted = _decide(job, selected, jobs, first=first)
    seconds = time.monotonic() - started
    if html:
        from vmlitmus.report.html import check_page

        write_html(check_page(outcomes, seconds), html)
    if layout == "terminal":
        rows = tuple(map(row, outcomes))
        _print(_lines(rows, seconds, quiet=quiet, only=only), output)
        if whole and len(rows) == total and all(outcome.conclusive for outcome in outcomes):
            whole.keep(tuple(replace(row, kept=True) for row in rows))
    else:
        write_out(_text(outcomes, seconds, layout), output)
    _complain(outcomes, errors=layout != "terminal" or quiet)
    return _end(outcomes, total, interrupted=interrupted)


def _write_uses(
    catalogue: Catalogue, selected: Sequence[Selected], model: str | None, path: str
) -> None:
    """Write which files each test rests on, for --watch."""
    from vmlitmus.decide.uses import uses

    found = in_own_world(model, "--uses", lambda: uses(catalogue, selected))
    write_html(json.dumps(found), path)


def _end(outcomes: Sequence[Outcome], total: int, *, interrupted: bool) -> int:
    """Say after how many of all cells the user interrupted it, if so; return the exit code."""
    if interrupted:
        whole = sum(not outcome.interrupted for outcome in outcomes)
        click.echo(f"vmlitmus: interrupted after {whole} of {total}", err=True)
    return exit_code([*(o.code for o in outcomes), *([130] if interrupted else [])])


def _decide(
    job: Job, selected: Sequence[Selected], jobs: int | None, *, first: bool
) -> tuple[list[Outcome], bool]:
    """Return what was decided, in order, and whether the user interrupted it."""
    found: dict[int, Outcome] = {}
    interrupted = False
    with Ticker(sum(len(cells) for _, cells in selected)) as ticker:
        try:
            for index, outcome in decide_all(job, selected, ticker, jobs):
                found[index] = outcome
                if outcome.interrupted or (first and outcome.code):
                    break
        except KeyboardInterrupt:
            interrupted = True
    interrupted = interrupted or any(outcome.interrupted for outcome in found.values())
    return [found[index] for index in sorted(found)], interrupted


def _print(lines: list[tuple[str, bool]], output: str | None) -> None:
    """Print the report; what is unexpected is red on a terminal that has colours."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    colour = output is None and sys.stdout.isatty() and not plain
    write_lines(lines, output, colour=colour)


def _complain(outcomes: Iterable[Outcome], *, errors: bool) -> None:
    """Say on standard error why tests are faulty, where the result itself does not."""
    for outcome in outcomes:
        if outcome.error and errors:
            click.echo(f"vmlitmus: {outcome.error}", err=True)


def _beside(model: str) -> tuple[str, ...]:
    """Return the tests beside a model; raises UsageError where there are none."""
    from vmlitmus.litmus.user_model.load import beside

    found = tuple(beside(model))
    if not found:
        raise UsageError(f"--model {model}: no litmus file beside it; name a topic or a test")
    files = "the litmus file" if len(found) == 1 else f"the {len(found)} litmus files"
    click.echo(f"vmlitmus: {files} beside {model}", err=True)
    return found


def _watch(selectors: tuple[str, ...]) -> int:
    """Watch with the options of this command line; raises UsageError for a standard input."""
    from vmlitmus.cli.decide.watch import watch

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


def _lines(
    rows: tuple[Row, ...], seconds: float, *, quiet: bool, only: bool
) -> list[tuple[str, bool]]:
    """Return the lines of a report, each with whether it tells of something unexpected."""
    shown = [] if quiet else [row for row in rows if not only or row.code]
    width = min(max((len(row.name) for row in shown), default=0), 60)
    last = summary(rows, seconds), any(row.code for row in rows)
    return [*((line(row, width), bool(row.code)) for row in shown), last]


def _whole(
    selectors: tuple[str, ...], wide: bool, symmetry: str, deciding: Deciding, *, fresh: bool
) -> WholeCheck[Row] | None:
    """Return what this check printed before, if it is of whole topics and shipped models."""
    if fresh or deciding.model or deciding.cluster:
        return None
    if not set(Catalogue().topics()).issuperset(selectors):
        return None
    kept = results(fresh)
    store = kept.open() if kept else None
    if store is None:
        return None
    from vmlitmus.decide.cache import WholeCheck

    return WholeCheck(store, Row, (selectors, wide, deciding.engine, symmetry))


def _text(outcomes: list[Outcome], seconds: float, layout: str) -> str:
    if layout == "json":
        return json.dumps(as_json(outcomes), indent=1)
    from vmlitmus.report.exchange import check_markdown, junit, ktap, sarif

    if layout == "markdown":
        return check_markdown(outcomes, seconds)
    if layout == "sarif":
        return sarif(outcomes, __version__)
    return (junit if layout == "junit" else ktap)(outcomes)
