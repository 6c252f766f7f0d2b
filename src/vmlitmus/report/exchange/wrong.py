"""What is wrong with an outcome that is not as expected, in one line."""

from __future__ import annotations

from vmlitmus.outcome import Outcome


def wrong(outcome: Outcome) -> str:
    """Return why an outcome is not as expected; empty when it is."""
    r = outcome.result
    if r is None:
        return outcome.error or "not decided"
    if r.reason:
        return f"inconclusive: {r.reason}"
    if outcome.expected is not None and r.verdict != outcome.expected:
        return f"{r.verdict.value}, expected {outcome.expected.value}"
    if outcome.word_differs:
        return f"{outcome.word}, expected {outcome.expected_word}"
    if outcome.counts_differ:
        return f"counts {outcome.counts} differ from the stored {outcome.stored}"
    return f"vacuous: {'; '.join(r.warnings)}" if r.vacuous else ""


def short_name(outcome: Outcome) -> str:
    """Return the name of the test, without the cell."""
    return outcome.name.partition("[")[0]
