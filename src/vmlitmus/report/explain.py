"""The full report on one outcome, to be read, or pasted in a mail."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sized

from vmlitmus.outcome import MemoryOrder, Outcome, Result
from vmlitmus.report.cause import answer, cause, headline, saw_everything, searched, symmetry
from vmlitmus.report.command_line import command_lines
from vmlitmus.report.timeline import WIDTH, ascii_only, changed_at_start, timeline

_FAIRNESS = ("weakly fair", "strongly fair")  # bounds of a liveness claim
_LONGEST = 2 * WIDTH  # columns of a sentence about fairness
_ASSUMPTION = re.compile(r'assumption "([^"]+)"')  # how a source begins that is one


def explain(
    outcome: Outcome, *, verbose: bool = False, states: bool = False, question: bool = True
) -> str:
    """Return the report: question, answer, cause, time-line, bounds, citations, how to rerun.

    Around the time-line it has about 25 lines: omissions, assumptions, sources and steps that never
    happened are counted, except those that decide; ``verbose`` lists them all. ``states`` adds what
    each step changes. Without ``question`` the report begins with the answer.
    """
    r = outcome.result
    if r is None:
        return f"{outcome.name}: {outcome.error}"
    lines = [*_wrap(outcome.question), ""] if question else []
    lines += answer(outcome)
    lines += _wrap(headline(outcome, r))
    lines += _wrap(cause(outcome, r))
    if r.trace is not None:
        lines += _wrap(f"Start: {outcome.start}.") if outcome.start else []
        lines += _at_start(r) if states else []
        lines += [
            "",
            *timeline(r.trace, ending(outcome), r.loop_start, asked(outcome, r), states),
        ]
    lines += ["", *_facts(outcome, r, verbose)]
    cited = _citations(outcome, r, verbose)
    lines += ["", *cited] if cited else []
    lines += ["", "To run it again:", *command_lines(outcome.command, outcome.arguments)]
    return "\n".join(ascii_only(text).rstrip() for text in lines)


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


def _at_start(r: Result) -> list[str]:
    fields = changed_at_start(r.trace or ())
    if not fields:
        return []
    return ["", *_wrap(f"Fields that this run changes, at the start: {'; '.join(fields)}.")]


def _facts(outcome: Outcome, r: Result, verbose: bool) -> list[str]:
    """Return what the verdict is limited to, and what it rests on."""
    bounds = limited_to(outcome.bounds) if verbose else _limited_shortly(outcome.bounds)
    lines = [line for sentence in bounds for line in _wrap(sentence)]
    lines += _wrap(searched(outcome, r))
    lines += _wrap(symmetry(r)) if r.orbits is not None else []
    if verbose and r.different:
        lines += ["Not interchangeable:", *items(r.different)]
    if verbose and outcome.not_modelled:
        lines += ["Not modelled:", *items(outcome.not_modelled)]
    if r.backing:
        lines += ["Not vacuous; the search also reached:", *items(r.backing)]
    if outcome.off:
        lines += _wrap("Switched off: " + ", ".join(f'"{part}"' for part in outcome.off) + ".")
    if verbose and outcome.assumptions:
        lines += _wrap("Assumptions in force: " + "; ".join(outcome.assumptions) + ".")
    elif outcome.chosen:
        lines += _wrap(f"Assumptions that the test chooses: {'; '.join(outcome.chosen)}.")
    if verbose and outcome.order is not None:
        lines += _order(outcome.order)
    if verbose and _never(outcome, r):
        lines += ["Steps that never happened:", *items(_never(outcome, r))]
    for warning in r.warnings:
        lines += _wrap(f"Warning: {warning}.")
    return lines


def _order(order: MemoryOrder) -> list[str]:
    """Return which stores may be passed by what, and what drains the others."""
    lines = []
    if order.pairs:
        head = "Pairs of a store and what may be seen before it, with no drain between:"
        lines += [*_wrap(head), *items(map(str, order.pairs))]
    if order.drains:
        lines += ["Drains between other stores and what follows them:", *items(order.drains)]
    return lines


def _never(outcome: Outcome, r: Result) -> list[str]:
    """Return the steps that never happened; none where the search did not see everything."""
    return list(dict.fromkeys(r.never_fired.values())) if saw_everything(outcome, r) else []


def limited_to(given: Mapping[str, object]) -> list[str]:
    """Return bounds, and the fairness that a liveness claim relies on, as sentences."""
    bounds = {name: value for name, value in given.items() if name not in _FAIRNESS}
    found = [f"Bounds: {', '.join(_bound(name, value) for name, value in bounds.items())}."]
    if len(bounds) < len(given):
        fair = "; ".join(_bound(name, given[name]) for name in _FAIRNESS)
        found.append(f"Fairness in force: {fair}. No other step has to happen.")
    return found


def _limited_shortly(given: Mapping[str, object]) -> list[str]:
    """Return bounds as sentences; of many steps that fairness promises only their number."""
    found = limited_to(given)
    if len(found) > 1 and len(found[1]) > _LONGEST:
        steps = ((name, given[name]) for name in _FAIRNESS)
        numbers = [f"{len(each)} {name}" for name, each in steps if isinstance(each, Sized)]
        found[1] = f"Steps that have to happen: {', '.join(numbers)}."
    return found


def _bound(name: str, value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"{name}: {', '.join(map(str, value)) or 'none'}"
    return f"{value} {name}{'' if value == 1 else 's'}"


def expected_because(outcome: Outcome) -> str:
    """Return why the verdict is expected, as a sentence; empty where nothing is expected."""
    if not outcome.because or outcome.expected is None or outcome.without:
        return ""
    decided = "the model decided" if outcome.decided_by == "model" else "known from"
    return f"Expected because ({decided}): {outcome.because}"


def _citations(outcome: Outcome, r: Result, verbose: bool) -> list[str]:
    """Return why the verdict is expected, who asked, and the sources of the run."""
    told = expected_because(outcome)
    lines = _wrap(told) if told else []
    lines += _wrap(f"Asked in: {outcome.citation}") if outcome.citation else []
    sources = list(dict.fromkeys(s for step in r.trace or () for s in step.source.split("; ")))
    if verbose:
        return lines + (["Sources of the steps:", *items(sources)] if sources else [])
    assumed = [found[1] for s in sources if (found := _ASSUMPTION.match(s))]
    last = _deciding(r)
    rest = f", and {len(last) - 1} more" if len(last) > 1 else ""
    lines += _wrap(f"Source of the last step: {last[0]}{rest}.") if last else []
    lines += _wrap(f"Assumptions that this run rests on: {', '.join(assumed)}.") if assumed else []
    more = [s for s in sources if s not in last[:1]]
    return lines + _counted(outcome, r, len(more))


def _deciding(r: Result) -> list[str]:
    """Return the sources of the last step; none of a run that goes on for ever."""
    if not r.trace or r.loop_start is not None:
        return []
    return [s for s in dict.fromkeys(r.trace[-1].source.split("; ")) if not _ASSUMPTION.match(s)]


def _counted(outcome: Outcome, r: Result, sources: int) -> list[str]:
    """Say how much is not shown."""
    counts = {
        "note on what is not modelled": len(outcome.not_modelled),
        "assumption in force": len(outcome.assumptions),
        "pair of a store and what may pass it": len(outcome.order.pairs) if outcome.order else 0,
        "source of the steps": sources,
        "step that never happened": len(_never(outcome, r)),
    }
    parts = [_plural(number, what) for what, number in counts.items() if number]
    return _wrap(f"With -v: {', '.join(parts)}.") if parts else []


def _plural(number: int, what: str) -> str:
    first, _, rest = what.partition(" ")
    return f"1 {what}" if number == 1 else f"{number} {first}s {rest}"


def items(texts: Iterable[str]) -> list[str]:
    """Return texts as a list, one item each, at most 75 columns wide."""
    return [
        part
        for text in texts
        for part in textwrap.wrap(
            text, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_long_words=False
        )
    ]


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False) or [""]
