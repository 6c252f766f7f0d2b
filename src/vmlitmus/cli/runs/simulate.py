"""vmlitmus simulate: what a test's mechanisms cost, by running their steps in time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from vmlitmus.cli.cluster import cluster_option, refuse_here
from vmlitmus.cli.options import (
    destination,
    html_option,
    limits,
    model_option,
    output_option,
    user_catalogue,
    write_html,
    write_out,
)
from vmlitmus.cli.output.destination import Writing
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.cli.runs.repeated import runs_option, seed_option
from vmlitmus.cli.shell.test_names import complete_tests
from vmlitmus.errors import UsageError

if TYPE_CHECKING:
    from vmlitmus.engine.limits import Limits
    from vmlitmus.lang import Model
    from vmlitmus.outcome.simulated import Simulated
    from vmlitmus.scenario import Cell, Test
    from vmlitmus.simulation.simulate import Asked


@click.command("simulate", cls=Writing)
@click.argument("test", shell_complete=complete_tests)
@seed_option
@click.option(
    "--precision",
    metavar="SHARE",
    type=click.FloatRange(0.0001, 1.0),
    default=0.02,
    show_default=True,
    help="Stop when half the width of each interval is at most this share of its figure.",
)
@click.option(
    "--confidence",
    metavar="SHARE",
    type=click.FloatRange(0.5, 0.9999),
    default=0.95,
    show_default=True,
    help="How often an interval has to contain the true figure.",
)
@runs_option("Make exactly this many runs, whatever the precision.")
@click.option(
    "--set", "given", multiple=True, metavar="NAME=VALUE", help="Give a parameter another value."
)
@click.option(
    "--worst",
    metavar="LATENCY",
    help="Print the longest that this latency can be, over all orders and durations, and the run.",
)
@click.option(
    "--json",
    "as_object",
    is_flag=True,
    help="Print one JSON object, vmlitmus/simulation/1, or vmlitmus/worst-case/1.",
)
@click.option("-v", "--verbose", is_flag=True, help="Also print the parameters.")
@click.option(
    "--engine",
    type=click.Choice(["compiled", "reference"]),
    default="compiled",
    show_default=True,
    help="reference is the definition, in plain Python: the same runs, much slower.",
)
@click.option(
    "--time-limit",
    metavar="TIME",
    help="Limit for each cell, building it included: seconds, or such as 10m. Default: 20.",
)
@model_option
@click.option(
    "-j", "--jobs", metavar="N", type=click.IntRange(1, 1024), help="How many processes at a time."
)
@click.option(
    "--plot",
    metavar="FILE",
    callback=destination,
    help="Write a picture of distributions and sweeps, .svg or .png; needs vmlitmus[plot].",
)
@cluster_option
@html_option
@output_option
def command(
    test: str,
    seed: int,
    precision: float,
    confidence: float,
    runs: int | None,
    given: tuple[str, ...],
    worst: str | None,
    as_object: bool,
    verbose: bool,
    engine: str,
    time_limit: str | None,
    model: str | None,
    jobs: int | None,
    plot: str | None,
    cluster: str | None,
    html: str | None,
    output: str | None,
) -> int:
    """Run the steps of a test in time, and print what its [[measure]] rows ask for.

    The test says with [timing] how long its steps take. Runs are repeated until every mean and
    median is known to --precision, or until --time-limit; then the exit code is 3. It is 1 where a
    figure is not within the limits that the test expects.

    --worst asks for a bound instead: the longest time that a latency of the test can take, over all
    orders of steps and all durations that the test allows.

    \b
    vmlitmus simulate warn-lockers-in-time
    vmlitmus simulate warn-lockers-in-time --set tick='1 ms' --seed 7
    vmlitmus simulate warn-lockers-in-time --worst 'from #AC to buslock_sem'
    """
    if cluster is not None:
        refuse_here({"--model": model, "--jobs": jobs, "--worst": worst})
    whole = limits(time_limit, None)
    kind = _picture(plot, worst)
    question = _asked(test, given, model, whole)
    if worst is not None:
        if html is not None:
            raise UsageError("--html shows figures; --worst prints one time and its run")
        return _worst(question, worst, whole.seconds or 60.0, as_object, output)
    from vmlitmus.simulation.simulate import Asked

    asked = Asked(seed, confidence, precision, whole.seconds or 20.0, runs, engine, jobs, cluster)
    done = _simulated(question, asked)
    if plot:
        _draw(done, plot, kind)
    _print(done, as_object, verbose, html, output)
    return done.exit_code


@dataclass(frozen=True)
class _Question:
    """A test with the cells that are asked about; ``own`` is the file of a user's model."""

    model: Model
    test: Test
    cells: Sequence[Cell]
    own: str | None


def _asked(test: str, given: Sequence[str], own: str | None, whole: Limits) -> _Question:
    """Find a test, and give its cells the parameters of --set."""
    catalogue = user_catalogue(own, whole, in_time=True)
    found, cells = catalogue.select([test], wide=True)[0]
    chosen = dict(_given(text) for text in given)
    cells = tuple(replace(cell, timing={**cell.timing, **chosen}) for cell in cells)
    return _Question(catalogue.model_of(found.topic), found, cells, own)


def _simulated(question: _Question, asked: Asked) -> Simulated:
    """Simulate the cells, and say how far that is."""
    from vmlitmus.decide.own_code import apart
    from vmlitmus.simulation.simulate import simulate

    q = question
    with Ticker(len(q.cells)) as ticker:
        progress = None if q.own else lambda cell, made: ticker.busy(f"{cell}: {made} runs")
        return apart(
            q.own,
            q.test.name,
            lambda: simulate(q.model, q.test, q.cells, asked, progress, own=q.own),
            ticker.busy,
        )


def _print(
    done: Simulated, as_object: bool, verbose: bool, html: str | None, output: str | None
) -> None:
    from vmlitmus.outcome.simulated import as_json
    from vmlitmus.report.timed.simulated import simulated_text

    if html:
        from vmlitmus.report.html import simulation_page

        write_html(simulation_page(done), html)
    text = (
        json.dumps(as_json(done), indent=1) if as_object else simulated_text(done, verbose=verbose)
    )
    write_out(text, output)


def _picture(plot: str | None, worst: str | None) -> str:
    """Return the kind of the picture that is to be drawn, before anything takes time."""
    if plot is None:
        return ""
    from importlib.util import find_spec

    from vmlitmus.report.timed.plot import FORMATS, NoPlotting

    kind = plot.rpartition(".")[2].lower()
    if kind not in FORMATS or "." not in plot:
        raise UsageError(f"--plot {plot}: the name ends with .svg or .png")
    if worst is not None:
        raise UsageError("--plot shows figures; --worst prints one time and its run")
    if find_spec("matplotlib") is None:
        raise UsageError(str(NoPlotting()))
    return kind


def _draw(done: Simulated, plot: str, kind: str) -> None:
    from vmlitmus.cli.output.destination import write_whole
    from vmlitmus.report.timed.plot import plotted

    try:
        write_whole(plotted(done, kind), plot)
    except OSError as error:
        raise UsageError(f"--plot {plot}: {error.strerror or error}") from None


def _worst(
    question: _Question, latency: str, seconds: float, as_object: bool, output: str | None
) -> int:
    """Print the longest time of a latency; return the exit code."""
    from vmlitmus.decide.own_code import apart
    from vmlitmus.outcome.longest import as_json
    from vmlitmus.report.timed.longest import longest_text
    from vmlitmus.simulation.worst.worst_case import worst_case

    q = question
    with Ticker(len(q.cells)) as ticker:
        progress = None if q.own else lambda cell, n: ticker.busy(f"{cell}: {n} classes")
        done = apart(
            q.own,
            q.test.name,
            lambda: worst_case(q.model, q.test, q.cells, latency, seconds, progress),
            ticker.busy,
        )
    text = json.dumps(as_json(done), indent=1) if as_object else longest_text(done)
    write_out(text, output)
    return done.exit_code


def _given(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or name in ("use", "parameter", "time"):
        raise UsageError(f"--set {text}: write NAME=VALUE with the name of a parameter")
    return name, value
