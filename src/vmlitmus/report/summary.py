"""One line for each test, and the line below all of them."""

from __future__ import annotations

from collections.abc import Sequence

from vmlitmus.outcome import Outcome


def line(outcome: Outcome, width: int = 44) -> str:
    """Return the line of one outcome: verdict, name, counts, and what is not as it should be."""
    if outcome.result is None:
        return f"error         {outcome.name}: {outcome.error}"
    r = outcome.result
    mark = "  " if outcome.as_expected else "! "
    text = (
        f"{mark}{r.verdict.value:11} {outcome.name:{width}} {r.states:>9} "
        f"{'state ' if r.states == 1 else 'states'} {r.seconds:6.2f} s"
    )
    if r.reason:
        text += f"  ({r.reason})"
    elif outcome.expected is None:
        text += "  (no expectation)"
    elif r.verdict != outcome.expected:
        text += f"  (expected: {outcome.expected.value})"
    elif outcome.word_differs:
        text += f"  ({outcome.word}; expected: {outcome.expected_word})"
    elif outcome.counts_differ:
        text += (
            f"  (counts differ: stored {_counts(outcome.stored)}, now {_counts(outcome.counts)})"
        )
    for warning in r.warnings:
        text += f"\n    warning: {warning}"
    return text


def _counts(counts: tuple[int, ...] | None) -> str:
    return "/".join(map(str, counts or ()))


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Return how many outcomes are as expected, and how many are not, by kind."""
    free = sum(o.expected is None and o.as_expected for o in outcomes)
    expected = sum(o.as_expected for o in outcomes) - free
    vacuous = [o for o in outcomes if o.result and o.result.vacuous and o.code == 3]
    codes = [o.code for o in outcomes if o not in vacuous]
    parts = (
        [f"{expected} of {len(outcomes) - free} as expected"]
        if free < len(outcomes) or not free
        else []
    )
    parts += [f"{free} without expectation"] if free else []
    for code, word in (
        (1, "unexpected"),
        (3, "inconclusive"),
        (2, "faulty"),
        (70, "internal errors"),
    ):
        if codes.count(code):
            parts.append(f"{codes.count(code)} {word}")
    if vacuous:
        parts.append(f"{len(vacuous)} vacuous")
    kept = sum(o.kept for o in outcomes)
    if kept:
        parts.append(f"{kept} of them decided before")
    return f"{', '.join(parts)}; {seconds:.1f} s"
