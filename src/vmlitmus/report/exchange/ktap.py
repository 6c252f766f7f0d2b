"""KTAP version 1, the format of kernel tests: a subtest for each topic.

Source: Documentation/dev-tools/ktap.rst of the kernel.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from vmlitmus.outcome import Outcome, Verdict
from vmlitmus.report.exchange.wrong import wrong


def ktap(outcomes: Sequence[Outcome]) -> str:
    """Return outcomes as KTAP; a verdict that could not be had has a directive."""
    topics = [(t, list(found)) for t, found in itertools.groupby(outcomes, key=lambda o: o.topic)]
    lines = ["KTAP version 1", f"1..{len(topics)}"]
    for number, (topic, found) in enumerate(topics, 1):
        lines += [f"  {line}" for line in _topic(topic, found)]
        good = all(o.as_expected for o in found)
        lines.append(f"{'ok' if good else 'not ok'} {number} {_name(topic)}")
    return "\n".join(lines)


def _topic(topic: str, outcomes: Sequence[Outcome]) -> list[str]:
    lines = ["KTAP version 1", f"# Subtest: {_name(topic)}", f"1..{len(outcomes)}"]
    for number, o in enumerate(outcomes, 1):
        if not o.as_expected:
            lines.append(f"# {_name(o.name)}: {_name(wrong(o))}")
        result = "ok" if o.as_expected else "not ok"
        lines.append(f"{result} {number} {_name(o.name)}{_directive(o)}")
    return lines


def _directive(outcome: Outcome) -> str:
    r = outcome.result
    if r is None:
        return " # ERROR"
    if r.verdict is Verdict.INCONCLUSIVE:
        return " # TIMEOUT"
    free = outcome.expected is None and outcome.as_expected
    return f" # SKIP no expectation: {r.verdict.value}" if free else ""


def _name(text: str) -> str:
    """Return a text on one line, without the character that begins a directive."""
    return " ".join(text.replace("#", "no.").split())
