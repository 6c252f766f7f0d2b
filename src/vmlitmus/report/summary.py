"""One line for each test, and the line below all of them."""

from __future__ import annotations

from collections.abc import Sequence

from vmlitmus.frozen import Frozen
from vmlitmus.outcome import Outcome

_KINDS = {1: "unexpected", 3: "inconclusive", 2: "faulty", 70: "internal errors"}
_EXPECTED, _FREE, _VACUOUS = "as expected", "without expectation", "vacuous"


class Row(Frozen):
    """What a list says of one outcome, and how the line below the list counts it.

    ``word`` is its verdict with a mark, or "error"; ``rest`` is what follows the name; ``code`` is
    the exit code that the outcome alone would give.
    """

    word: str
    name: str
    rest: str
    kind: str
    code: int
    kept: bool  # the result is that of an earlier check


def row(outcome: Outcome) -> Row:
    """Return what a list says of an outcome."""
    r = outcome.result
    kind = _KINDS.get(outcome.code, "")
    if outcome.as_expected:
        kind = _FREE if outcome.expected is None else _EXPECTED
    elif r and r.vacuous and outcome.code == 3:
        kind = _VACUOUS
    if r is None:
        word, rest = "error", f": {outcome.error}"
    else:
        word = f"{'  ' if outcome.as_expected else '! '}{r.verdict.value}"
        states = "state " if r.states == 1 else "states"
        rest = f" {r.states:>9} {states} {r.seconds:6.2f} s{_remarks(outcome)}"
    return Row(word, outcome.name, rest, kind, outcome.code, outcome.kept)


def _remarks(outcome: Outcome) -> str:
    """Return what is not as it should be of an outcome with a result."""
    r = outcome.result
    assert r is not None
    text = ""
    if r.reason:
        text = f"  ({r.reason})"
    elif outcome.expected is None:
        text = "  (no expectation)"
    elif r.verdict != outcome.expected:
        text = f"  (expected: {outcome.expected.value})"
    elif outcome.word_differs:
        text = f"  ({outcome.word}; expected: {outcome.expected_word})"
    elif outcome.counts_differ:
        stored, now = _counts(outcome.stored), _counts(outcome.counts)
        text = f"  (counts differ: stored {stored}, now {now})"
    return text + "".join(f"\n    warning: {warning}" for warning in r.warnings)


def _counts(counts: tuple[int, ...] | None) -> str:
    return "/".join(map(str, counts or ()))


def line(row: Row, width: int = 44) -> str:
    """Return the line of one row: verdict, name, counts, and what is not as it should be."""
    name = row.name if row.word == "error" else f"{row.name:{width}}"
    return f"{row.word:13} {name}{row.rest}"


def summary(rows: Sequence[Row], seconds: float) -> str:
    """Return how many rows are as expected, and how many are not, by kind."""
    kinds = [row.kind for row in rows]
    free = kinds.count(_FREE)
    parts = []
    if free < len(rows) or not free:
        parts.append(f"{kinds.count(_EXPECTED)} of {len(rows) - free} as expected")
    for kind in (_FREE, *_KINDS.values(), _VACUOUS):
        if kinds.count(kind):
            parts.append(f"{kinds.count(kind)} {kind}")
    kept = sum(row.kept for row in rows)
    if kept:
        parts.append(f"{kept} of them decided before")
    return f"{', '.join(parts)}; {seconds:.1f} s"
