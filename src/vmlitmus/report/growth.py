"""How far a verdict was pushed, for the terminal: a table, the first change in full, one line."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from vmlitmus.outcome import Outcome, Verdict
from vmlitmus.outcome.growth import Grown, Growth, verdict_of
from vmlitmus.printable import ascii_only
from vmlitmus.report.columns import aligned
from vmlitmus.report.explain import explain
from vmlitmus.report.timeline import WIDTH

_HEADS = [["bounds raised", "verdict", "states", "depth", "time"]]


def growth_text(growth: Growth) -> str:
    """Return the report on one growth."""
    base = growth.base
    lines = textwrap.wrap(f"{growth.test}: {base.question}", WIDTH)
    lines += [f"Claim: {base.claim}.", ""]
    rows = [_row("none: as the test has them", base)]
    rows += [_row(_shown(row, growth.bounds), row.outcome) for row in growth.rows]
    lines += aligned(_HEADS, rows)
    for row in growth.rows:
        if row.outcome.error:
            lines += [
                "",
                *textwrap.wrap(f"{_shown(row, growth.bounds)}: {row.outcome.error}", WIDTH),
            ]
    change = growth.change
    if change is not None:
        lines += ["", "The first bound that changes the verdict:", ""]
        lines += explain(change.outcome).split("\n")
    lines += ["", *textwrap.wrap(summary(growth), WIDTH)]
    return "\n".join(ascii_only(line).rstrip() for line in lines)


def summary(growth: Growth) -> str:
    """Return in one sentence with which bounds the verdict stays."""
    verdict = verdict_of(growth.base)
    word = "faulty" if verdict is None else verdict.value
    change = growth.change
    if change is not None:
        other = verdict_of(change.outcome)
        assert other is not None
        return f'"{word}" becomes "{other.value}" with {_shown(change, growth.bounds)}.'
    alone = ", ".join(f"{name} = {value}" for name, value in growth.pushed().items())
    together = ", ".join(f"{name} = {value}" for name, value in growth.together().items())
    if not alone and not together:
        return f'"{word}": no higher bound was decided.'
    text = f'"{word}" is still the verdict with {alone} (each alone)'
    text += f", and with {together} (together)" if together else ""
    return text + ("." if growth.complete else f"; then {_end(growth)}.")


def _end(growth: Growth) -> str:
    """Return why not everything was asked."""
    if growth.interrupted:
        return "it was interrupted"
    last = growth.rows[-1].outcome.result if growth.rows else None
    if last is not None and last.verdict is Verdict.INCONCLUSIVE:
        return str(last.reason)
    return "the time was up"


def _row(what: str, outcome: Outcome) -> list[str]:
    found = outcome.result
    if found is None:
        return [what, "not possible", "", "", ""]
    verdict = "vacuous" if found.vacuous else found.verdict.value
    return [what, verdict, f"{found.states:,}", str(found.depth), f"{found.seconds:.2f} s"]


def _shown(row: Grown, bounds: Mapping[str, int]) -> str:
    if len(row.raised) > 1:
        more = max(value - bounds[name] for name, value in row.raised.items())
        return f"all {len(row.raised)}, by {more}"
    return ", ".join(f"{name} = {value} (was {bounds[name]})" for name, value in row.raised.items())
