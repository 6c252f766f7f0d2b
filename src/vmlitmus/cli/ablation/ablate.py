"""vmlitmus ablate: which parts of the mechanisms in play does a test need?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import click

from vmlitmus.cli.ablation.part_users import Candidate, Search, candidates
from vmlitmus.cli.ablation.runs import runs_without
from vmlitmus.cli.ablation.unneeded_parts import audit
from vmlitmus.cli.cluster import cells_on_cluster
from vmlitmus.cli.options import (
    Deciding,
    engine_options,
    html_option,
    output_option,
    write_html,
    write_out,
)
from vmlitmus.cli.output.destination import Writing
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.cli.shell.test_names import complete_tests
from vmlitmus.decide import Job, ablated
from vmlitmus.decide.own_code import Refused
from vmlitmus.engine.finding import Watch
from vmlitmus.errors import ModelLost, UsageError, VmlitmusError, WorkerLost
from vmlitmus.litmus.catalogue import Selected
from vmlitmus.outcome import Ablation, PartStatus
from vmlitmus.report.ablation.grid import ablation_grid, markdown_grid
from vmlitmus.report.ablation.one_test import ablation, ablations_json, markdown


@click.command("ablate", cls=Writing)
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...", shell_complete=complete_tests)
@click.option("--all", "everything", is_flag=True, help="The whole catalogue.")
@click.option("--wide", is_flag=True, help="Also the expensive tests.")
@click.option(
    "--needed-by",
    "looking",
    type=click.Choice(["first", "all", "no"]),
    default="first",
    show_default=True,
    help="For a part that is redundant here: name the first test of the catalogue that needs "
    "it, all such tests, or none.",
)
@click.option(
    "--require-load-bearing",
    "required",
    is_flag=True,
    help="List the parts that no test of the catalogue needs; exit 1 if there is one whose "
    "docstring does not say why.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["terminal", "markdown"]),
    default="terminal",
    show_default=True,
)
@click.option(
    "--json", "as_object", is_flag=True, help="Print one JSON object, vmlitmus/ablation/1."
)
@html_option
@output_option
@engine_options
@cells_on_cluster
def command(
    selectors: tuple[str, ...],
    everything: bool,
    wide: bool,
    looking: str,
    required: bool,
    layout: str,
    as_object: bool,
    html: str | None,
    output: str | None,
    deciding: Deciding,
) -> int:
    """Find which parts of the mechanisms a claim needs: switch them off.

    A part is a piece of a mechanism with a name: a flush, a wait, a lock, a mark, a check. Each is
    switched off alone, and in every combination with others. A test with a [matrix] gives a grid.
    A part may be dropped only if nothing in the catalogue needs it. Exits 0 whatever it finds.
    """
    if everything == bool(selectors):
        raise UsageError("name a topic, a test or a path; or --all, without any name")
    catalogue = deciding.catalogue()
    job = replace(deciding.job(catalogue), cluster=deciding.cluster)
    selected = catalogue.select(selectors, wide=wide)
    if required:
        if as_object or html or layout != "terminal":
            raise UsageError("--require-load-bearing prints text only")
        return audit(job, [test for test, _ in selected], wide, output)
    work = _Ablations(job, selected, wide, looking)
    work.run()
    if html and not work.interrupted:
        from vmlitmus.report.html import ablate_page

        opened = runs_without(job, selected, work.found)
        write_html(ablate_page(work.found, opened), html)
    if as_object:
        write_out(json.dumps(ablations_json(work.found), indent=1), output)
    else:
        write_out("\n\n".join(_texts(work.found, layout)), output)
    if work.interrupted:
        click.echo(f"vmlitmus: interrupted after {len(work.found)} of {work.total}", err=True)
    return 130 if work.interrupted else 0


def _texts(found: Sequence[Ablation], layout: str) -> Iterator[str]:
    """Yield a report for each test: a grid for several cells of one."""
    tests: dict[str, list[Ablation]] = {}
    for a in found:
        tests.setdefault(a.name.partition("[")[0], []).append(a)
    for cells in tests.values():
        if len(cells) == 1:
            yield (ablation if layout == "terminal" else markdown)(cells[0])
        else:
            yield (ablation_grid if layout == "terminal" else markdown_grid)(cells)


class _Ablations:
    """All cells that were selected, and then who else needs what is redundant in them."""

    def __init__(self, job: Job, selected: Sequence[Selected], wide: bool, looking: str) -> None:
        self.job = job
        self.selected = selected
        self.wide = wide
        self.looking = looking
        self.pairs = [(test, cell) for test, cells in selected for cell in cells]
        self.total = len(self.pairs)
        self.found: list[Ablation] = []
        self.interrupted = True

    def run(self) -> None:
        """Fill ``found``; an interrupt leaves what is known by then. Raises VmlitmusError."""
        done: dict[int, Ablation] = {}
        with suppress(KeyboardInterrupt), Ticker(self.total) as ticker:
            for index, one in self.each(ticker):
                if isinstance(one, Refused):
                    raise one.error()
                done[index] = one
                ticker.done(one.name)
            self.interrupted = any(a.result.reason == "interrupted" for a in done.values())
        self.found = [done[index] for index in sorted(done)]
        self.look()

    def each(self, ticker: Ticker) -> Iterator[tuple[int, Ablation | Refused]]:
        if self.total == 1 and self.job.model is None:
            yield 0, self.one(0, ticker.search)
        else:
            yield from self.job.spread(
                self.one,
                range(self.total),
                lambda index: ticker.busy(self.pairs[index][1].name),
                here=self.job.model is None,
                lost=self.lost,
            )

    def lost(self, index: int) -> Refused:
        name = self.pairs[index][1].name
        error = ModelLost(name, self.job.model) if self.job.model else WorkerLost()
        return Refused(str(error), error.exit_code)

    def one(self, index: int, progress: Watch | None = None) -> Ablation | Refused:
        test, cell = self.pairs[index]
        try:
            return ablated(self.job, test, cell, progress)
        except VmlitmusError as error:
            return Refused(str(error), error.exit_code)

    def look(self) -> None:
        """Look for the tests that need what is redundant in those that were selected."""
        for topic in dict.fromkeys(a.topic for a in self.found):
            mine = [a for a in self.found if a.topic == topic]
            spare = [
                (a, part)
                for a in mine
                for part in a.result.parts
                if part.status is not PartStatus.LOAD_BEARING
            ]
            known = _known(mine)
            wanted = dict.fromkeys(p.name for _, p in spare)
            if self.looking == "first":
                wanted = dict.fromkeys(name for name in wanted if not known.get(name))
            self.note(topic, known, list(wanted), self.others(topic, {a.name for a in mine}))

    def others(self, topic: str, done: set[str]) -> list[Candidate] | None:
        """Return the cells among which to look; None for not at all."""
        if self.interrupted or self.looking == "no":
            return None
        tests = [test for test, _ in self.selected]
        found = candidates(self.job, topic, tests, wide=self.wide)
        return [c for c in found if c.cell.name not in done]

    def note(
        self,
        topic: str,
        known: dict[str, list[str]],
        wanted: list[str],
        among: list[Candidate] | None,
    ) -> None:
        """Look among some cells, and note for each part of a topic who needs it."""
        search = Search(self.job, among or [], wanted, every=self.looking == "all")
        if among is not None:
            self.interrupted = True
            with suppress(KeyboardInterrupt), Ticker(len(among)) as ticker:
                search.run(ticker)
                self.interrupted = False
        for part, names in search.found.items():
            known.setdefault(part, []).extend(names)
        unknown = {part for part in search.undecided if not known.get(part)}
        undecided = tuple(sorted(unknown)) if among is not None else ()
        narrow = among is not None and not self.wide and self.job.catalogue.has_wide(topic)
        self.found = [
            replace(a, needed_by=_needed(a, known, unknown), undecided=undecided, narrow=narrow)
            if a.topic == topic
            else a
            for a in self.found
        ]


def _known(found: Sequence[Ablation]) -> dict[str, list[str]]:
    """Return what the ablations themselves say of who needs a part."""
    known: dict[str, list[str]] = {}
    for a in found:
        for part in a.result.parts:
            if part.status is PartStatus.LOAD_BEARING:
                known.setdefault(part.name, []).append(a.name)
    return known


def _needed(
    a: Ablation, known: dict[str, list[str]], unknown: set[str]
) -> dict[str, tuple[str, ...]]:
    """Return for each part who needs it; a part of which that is not known is left out."""
    found = {}
    for part in a.result.parts:
        names = known.get(part.name, [])
        if names or part.name not in unknown:
            found[part.name] = tuple(names)
    return found
