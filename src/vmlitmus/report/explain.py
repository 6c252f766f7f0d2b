"""The full report on one outcome, to be read, or pasted in a mail."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Mapping

from vmlitmus.outcome import Outcome, Result, Verdict
from vmlitmus.report.timeline import WIDTH, ascii_only, timeline

_FAIRNESS = ("weakly fair", "strongly fair")  # bounds of a liveness claim


def explain(outcome: Outcome, citation: str) -> str:
    """Return the report: question, verdict, cause, time-line, bounds, citations, how to rerun.

    ``citation`` is the source of the test as people cite it.
    """
    r = outcome.result
    if r is None:
        return f"{outcome.name}: {outcome.error}"
    lines = [*_wrap(outcome.question), ""]
    lines += _wrap(f"{headline(outcome, r)}")
    lines += ["", *_wrap(cause(outcome, r))]
    if r.trace is not None:
        lines += ["", *_wrap(f"Start: {outcome.start}.")] if outcome.start else []
        lines += ["", *timeline(r.trace, ending(outcome), r.loop_start, asked(outcome, r))]
    lines += ["", *_facts(outcome, r)]
    lines += ["", *_citations(outcome, r, citation)]
    lines += ["", "To run it again:", f"  vmlitmus explain {shlex.join(outcome.arguments)}"]
    return "\n".join(ascii_only(text).rstrip() for text in lines)


def headline(outcome: Outcome, r: Result) -> str:
    """Return claim and verdict, and whether it is the expected one."""
    if not outcome.because:
        return f"{outcome.claim}: {r.verdict.value.upper()}"
    note = "as expected" if outcome.as_expected else f"EXPECTED: {outcome.expected.value}"
    if outcome.without:
        parts = ", ".join(f'"{part}"' for part in outcome.without)
        note = f"without {parts}; with it: {outcome.expected.value}"
    return f"{outcome.claim}: {r.verdict.value.upper()} ({note})"


def cause(outcome: Outcome, r: Result) -> str:
    """Return one sentence that says what the verdict means, or what the run shows."""
    text = outcome.claim_text
    kind = outcome.claim.split()[0]
    if kind in ("eventually", "leads_to"):
        return _liveness(outcome, r)
    if r.verdict is Verdict.INCONCLUSIVE:
        return f"Not decided: {r.reason}. The condition asked about: {text}."
    if kind == "never" and r.trace is not None:
        return f"In the run below, {text}; the last step is what does it."
    if kind == "never":
        return f"In no interleaving within the bounds: {text}."
    if kind == "possible" and r.trace is not None:
        return f"The run below is a witness: {text}."
    if kind == "possible":
        return f"No interleaving within the bounds gets there: {text}."
    if r.trace is not None:
        return f"After the run below it can never be reached again: {text}."
    return f"From every reachable state it can be reached again: {text}."


def _liveness(outcome: Outcome, r: Result) -> str:
    """Say what a lasso shows, or that there is none."""
    text, then = outcome.claim_text, outcome.then_text
    if r.verdict is Verdict.INCONCLUSIVE:
        asked = text if then is None else f"{text}; what has to follow: {then}"
        return f"Not decided: {r.reason}. The condition asked about: {asked}."
    if r.trace is None and then is None:
        return f"On every fair run, sooner or later: {text}."
    if r.trace is None:
        return f"On every fair run, whenever {text}, sooner or later: {then}."
    never = f"it never comes to this: {text if then is None else then}"
    if r.loop_start == len(r.trace):
        why = "The run below stops where no step is promised to happen"
    else:
        why = (
            "The run below ends in a loop, and repeating it for ever breaks no promise of fairness"
        )
    if then is None:
        return f"{why}; {never}."
    return f"{why}. From the marked point on, where {text}, {never}."


def asked(outcome: Outcome, r: Result) -> tuple[int, str] | None:
    """Return before which step a leads_to begins to wait, and for what."""
    if r.since is None or outcome.then_text is None:
        return None
    return r.since, outcome.claim.split()[1]


def ending(outcome: Outcome) -> str | None:
    """Return what is marked at the end of a run."""
    kind, *conditions = outcome.claim.split()
    if kind in ("eventually", "leads_to"):
        return f"{conditions[-1]} never comes"
    return f"{conditions[0]} out of reach" if kind == "recoverable" else conditions[0]


def searched(outcome: Outcome, r: Result) -> str:
    """Return how much was searched, as a sentence."""
    return (
        f"Searched: {r.states} states, {r.transitions} transitions, depth {r.depth}; "
        f"{_reach(outcome, r)} ({r.engine} engine, {r.seconds:.2f} s)."
    )


def _facts(outcome: Outcome, r: Result) -> list[str]:
    lines = [line for sentence in limited_to(outcome.bounds) for line in _wrap(sentence)]
    lines += _wrap(searched(outcome, r))
    if r.backing:
        lines += ["Reached on the way, so that this means something:", *_items(r.backing)]
    if outcome.assumptions:
        lines += _wrap("Assumptions in force: " + "; ".join(outcome.assumptions) + ".")
    if r.never_fired and saw_everything(outcome, r):
        never = dict.fromkeys(r.never_fired.values())
        lines += ["Steps that never happened:", *_items(never)]
    for warning in r.warnings:
        lines += _wrap(f"Warning: {warning}.")
    return lines


def limited_to(given: Mapping[str, object]) -> list[str]:
    """Return bounds, and the fairness that a liveness claim relies on, as sentences."""
    bounds = {name: value for name, value in given.items() if name not in _FAIRNESS}
    found = [f"Bounds: {', '.join(_bound(name, value) for name, value in bounds.items())}."]
    if len(bounds) < len(given):
        fair = "; ".join(_bound(name, given[name]) for name in _FAIRNESS)
        found.append(f"Fairness in force: {fair}. No other step has to happen.")
    return found


def _reach(outcome: Outcome, r: Result) -> str:
    if saw_everything(outcome, r):
        return "all that can be reached"
    return "every interleaving up to there"


def saw_everything(outcome: Outcome, r: Result) -> bool:
    """Say whether the search went through all reachable states, not only to the first hit."""
    early = r.trace is not None and outcome.claim.split()[0] in ("never", "possible")
    return not early and r.verdict is not Verdict.INCONCLUSIVE


def _bound(name: str, value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"{name}: {', '.join(map(str, value)) or 'none'}"
    return f"{value} {name}{'' if value == 1 else 's'}"


def expected_because(outcome: Outcome) -> str:
    """Return why the verdict is expected, as a sentence; empty where nothing is expected."""
    if not outcome.because or outcome.without:
        return ""
    decided = "the model decided" if outcome.decided_by == "model" else "known from"
    return f"Expected because ({decided}): {outcome.because}"


def _citations(outcome: Outcome, r: Result, citation: str) -> list[str]:
    told = expected_because(outcome)
    lines = _wrap(told) if told else []
    lines += _wrap(f"Asked in: {citation}")
    sources = dict.fromkeys(s for step in r.trace or () for s in step.source.split("; "))
    if sources:
        lines += ["Sources of the steps:", *_items(sources)]
    return lines


def _items(texts: Iterable[str]) -> list[str]:
    return [
        part
        for text in texts
        for part in textwrap.wrap(
            text, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_long_words=False
        )
    ]


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False) or [""]
