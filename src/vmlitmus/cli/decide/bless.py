"""vmlitmus bless: store the counts of tests that are as expected."""

from __future__ import annotations

import json
from collections import defaultdict

import click

from vmlitmus.cli.output.destination import write_whole
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.decide import Job, decide_all
from vmlitmus.errors import UsageError
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import ROOT, blessed, counts_path
from vmlitmus.outcome import Outcome


@click.command("bless")
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...")
@click.option("--wide", is_flag=True, help="Also the expensive tests.")
def command(selectors: tuple[str, ...], wide: bool) -> int:
    """Store states, transitions and depth of shipped tests whose verdict is as expected.

    Without a selector: the whole catalogue. Counts of tests that no longer exist are dropped.
    """
    if not (ROOT.parents[2] / "pyproject.toml").is_file():
        raise UsageError(
            f"bless changes the catalogue of a checkout of vmlitmus; {ROOT} is in none"
        )
    catalogue = Catalogue()
    selected = catalogue.select(selectors, wide=wide)
    with Ticker(sum(len(cells) for _, cells in selected)) as ticker:
        outcomes = [outcome for _, outcome in decide_all(Job(catalogue), selected, ticker)]
    topics: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        topics[outcome.topic].append(outcome)
    refused = 0
    for topic, found in topics.items():
        refused += _store(catalogue, topic, found)
    return 1 if refused else 0


def _store(catalogue: Catalogue, topic: str, outcomes: list[Outcome]) -> int:
    known = {cell.name for test in catalogue.tests(topic) for cell in test.cells}
    counts = {name: value for name, value in blessed(topic).items() if name in known}
    refused = [o for o in outcomes if o.result is None or o.result.verdict != o.expected]
    for outcome in outcomes:
        if outcome not in refused and outcome.counts:
            counts[outcome.name] = list(outcome.counts)
    rows = ",\n".join(f"{json.dumps(name)}: {counts[name]}" for name in sorted(counts))
    write_whole("{\n" + rows + "\n}\n", str(counts_path(topic)))
    click.echo(f"{topic}: {len(outcomes) - len(refused)} stored")
    for outcome in refused:
        click.echo(f"  not stored, not as expected: {outcome.name}")
    return len(refused)
