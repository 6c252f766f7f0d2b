"""A check as Markdown tables, for a merge request or a job's summary page."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from vmlitmus.outcome import Outcome
from vmlitmus.report.exchange.wrong import wrong
from vmlitmus.report.summary import row, summary


def check_markdown(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Return what is not as expected first, then a table for each topic."""
    lines = [f"**{escaped(summary([row(o) for o in outcomes], seconds))}**"]
    bad = [o for o in outcomes if not o.as_expected]
    if bad:
        lines += ["", "| not as expected | why |", "|---|---|"]
        lines += [f"| {escaped(o.name)} | {escaped(wrong(o))} |" for o in bad]
    for topic, found in itertools.groupby(outcomes, key=lambda o: o.topic):
        lines += ["", f"### {escaped(topic)}", "", "| test | verdict | states |", "|---|---|---|"]
        for o in found:
            verdict = o.result.verdict.value if o.result else "error"
            verdict += " (no expectation)" if o.result and o.expected is None else ""
            states = o.result.states if o.result else ""
            lines.append(f"| {escaped(o.name)} | {verdict} | {states} |")
    return "\n".join(lines)


def escaped(text: str) -> str:
    """Return a text on one line in which nothing is markup."""
    return re.sub(r"([\\`*_{}\[\]#|<>~&$@])", r"\\\1", " ".join(text.split()))
