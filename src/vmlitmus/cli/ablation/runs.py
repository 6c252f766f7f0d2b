"""The runs that a page of an ablation opens: what happens without each load-bearing part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vmlitmus.cli.output.progress import Ticker
from vmlitmus.decide import Job, decide
from vmlitmus.litmus.catalogue import Selected
from vmlitmus.outcome import Ablation, Outcome, PartStatus


def runs_without(
    job: Job, selected: Sequence[Selected], found: Sequence[Ablation]
) -> dict[tuple[str, str], Outcome]:
    """Decide each ablated cell without each part that it needs, by the cell's name and the part."""
    cells = {cell.name: (test, cell) for test, chosen in selected for cell in chosen}
    wanted = [
        (a.name, part.name)
        for a in found
        for part in a.result.parts
        if part.status is PartStatus.LOAD_BEARING
    ]
    shown = replace(job, annotate=True, built={})
    outcomes: dict[tuple[str, str], Outcome] = {}
    with Ticker(len(wanted)) as ticker:
        for (name, part), outcome in job.spread(
            lambda item: decide(shown, *cells[item[0]], None, (item[1],)), wanted
        ):
            outcomes[name, part] = outcome
            ticker.done(outcome.name)
    return {key: outcomes[key] for key in wanted}
