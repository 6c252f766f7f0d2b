"""The full report on one outcome, to be read, or pasted in a mail."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sized

from vmlitmus.outcome import MemoryOrder, Outcome, Result
from vmlitmus.printable import ascii_only
from vmlitmus.report.cause import answer, cause, headline, saw_everything, searched, symmetry
from vmlitmus.report.command_line import command_lines
from vmlitmus.report.timeline import WIDTH, changed_at_start, timeline

SCREEN = 50  # lines of a report, as far as its run allows
_FAIRNESS = ("weakly fair", "strongly fair")  # bounds of a liveness claim
_LONGEST = 2 * WIDTH  # columns of a sentence about fairness
_REASON = 2  # lines of a reason that is shortened
_SENTENCE = re.compile(r"(?<=[.?!]) +(?=[A-Z\d])")  # what stands between two sentences
_ASSUMPTION = re.compile(r'assumption "([^"]+)"')  # how a source begins that is one


def explain(
    outcome: Outcome,
    *,
    verbose: bool = False,
    states: bool = False,
    question: bool = True,
    rows: int | None = SCREEN,
    wide: int = WIDTH,
) -> str:
    """Return the report: question, answer, cause, time-line, bounds, citations, how to rerun.

    Omissions, assumptions, sources and steps that never happened are counted, except those that
    decide; ``verbose`` lists them all. ``states`` adds what each step changes. Without either, a
    report of more than ``rows`` lines is shortened: the reason for the expectation, then the time-
    line. Without ``question`` the report begins with the answer. No line of text is longer than
    ``wide`` columns.
    """
    r = outcome.result
    if r is None:
        return f"{outcome.name}: {outcome.error}"
    above = [*_wrap(outcome.question, wide), ""] if question else []
    above += [line for text in answer(outcome) for line in _wrap(text, wide)]
    above += [*_wrap(headline(outcome, r), wide), *_wrap(cause(outcome, r), wide)]
    if r.trace is not None:
        above += _wrap(f"Start: {outcome.start}.", wide) if outcome.start else []
        above += [*(_at_start(r, wide) if states else []), ""]
    below = _below(outcome, r, verbose, wide)
    room = None if rows is None or verbose or states else rows
    run = _run(outcome, r, states, wide)
    if room is not None and len(above) + len(run) + len(below) > room:
        below = _below(outcome, r, verbose, wide, short=True)
        run = _run(outcome, r, states, wide, room - len(above) - len(below))
    return "\n".join(ascii_only(text).rstrip() for text in [*above, *run, *below])


def _run(
    outcome: Outcome, r: Result, states: bool, wide: int, room: int | None = None
) -> list[str]:
    """Return the time-line, of at most ``room`` lines where that can be."""
    if r.trace is None:
        return []
    waits = asked(outcome, r)
    return timeline(r.trace, ending(outcome), r.loop_start, waits, states, room, wide)


def _below(
    outcome: Outcome, r: Result, verbose: bool, wide: int, *, short: bool = False
) -> list[str]:
    """Return what stands below the time-line; ``short`` takes fewer lines."""
    cited = _citations(outcome, r, verbose, short, wide)
    lines = ["", *_facts(outcome, r, verbose, short, wide), *(["", *cited] if cited else [])]
    lines += [] if short else [""]
    return [*lines, "To run it again:", *command_lines(outcome.command, outcome.arguments, wide)]


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


def _at_start(r: Result, wide: int) -> list[str]:
    fields = changed_at_start(r.trace or ())
    if not fields:
        return []
    return ["", *_wrap(f"Fields that this run changes, at the start: {'; '.join(fields)}.", wide)]


def _facts(outcome: Outcome, r: Result, verbose: bool, short: bool, wide: int) -> list[str]:
    """Return what the verdict is limited to, and what it rests on; ``short`` says nothing twice."""
    bounds = limited_to(outcome.bounds) if verbose else _limited_shortly(outcome.bounds)
    lines = [line for sentence in bounds for line in _wrap(sentence, wide)]
    lines += _wrap(searched(outcome, r), wide)
    lines += _wrap(symmetry(r), wide) if r.orbits is not None else []
    if verbose and r.different:
        lines += ["Not interchangeable:", *items(r.different, wide)]
    if verbose and outcome.not_modelled:
        lines += ["Not modelled:", *items(outcome.not_modelled, wide)]
    if r.backing:
        lines += ["Not vacuous; the search also reached:", *items(r.backing, wide)]
    if outcome.off and not (short and "without" in outcome.where):
        off = ", ".join(f'"{part}"' for part in outcome.off)
        lines += _wrap(f"Switched off: {off}.", wide)
    if verbose and outcome.assumptions:
        lines += _wrap(f"Assumptions in force: {'; '.join(outcome.assumptions)}.", wide)
    elif outcome.chosen:
        lines += _wrap(f"Assumptions that the test chooses: {'; '.join(outcome.chosen)}.", wide)
    if verbose and outcome.order is not None:
        lines += _order(outcome.order, wide)
    if verbose and _never(outcome, r):
        lines += ["Steps that never happened:", *items(_never(outcome, r), wide)]
    for warning in r.warnings:
        lines += _wrap(f"Warning: {warning}.", wide)
    return lines


def _order(order: MemoryOrder, wide: int) -> list[str]:
    """Return which stores may be passed by what, and what drains the others."""
    lines = []
    if order.pairs:
        head = "Pairs of a store and what may be seen before it, with no drain between:"
        lines += [*_wrap(head, wide), *items(map(str, order.pairs), wide)]
    if order.drains:
        head = "Drains between other stores and what follows them:"
        lines += [*_wrap(head, wide), *items(order.drains, wide)]
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
        return f"{name}: {', '.join(_grouped(list(map(str, value)))) or 'none'}"
    return f"{value} {name}{'' if value == 1 else 's'}"


def _grouped(values: list[str]) -> list[str]:
    """Return values such as ``nmi at most 1``; those with the same bound become one."""
    names: dict[str, list[str]] = {}
    for value in values:
        name, _, bound = value.partition(" ")
        alike = bound.startswith("at most") and not bound.endswith("in all")
        names.setdefault(bound if alike else value, []).append(name if alike else value)
    return [
        f"{'+'.join(those)}{' each' if len(those) > 1 else ''} {bound}"
        if those != [bound]
        else bound
        for bound, those in names.items()
    ]


def expected_because(outcome: Outcome) -> str:
    """Return why the verdict is expected, as a sentence; empty where nothing is expected."""
    if not outcome.because or outcome.expected is None or outcome.without:
        return ""
    decided = "the model decided" if outcome.decided_by == "model" else "documented"
    return f"Expected because ({decided}): {outcome.because}"


def _citations(outcome: Outcome, r: Result, verbose: bool, short: bool, wide: int) -> list[str]:
    """Return why the verdict is expected, who asked, and the sources of the run."""
    told = expected_because(outcome)
    lines = (_first_sentences(told, wide) if short else _wrap(told, wide)) if told else []
    lines += _wrap(f"Asked in: {outcome.citation}", wide) if outcome.citation else []
    sources = list(dict.fromkeys(s for step in r.trace or () for s in step.source.split("; ")))
    if verbose:
        return lines + (["Sources of the steps:", *items(sources, wide)] if sources else [])
    assumed = [found[1] for s in sources if (found := _ASSUMPTION.match(s))]
    last = _deciding(r)
    rest = f", and {len(last) - 1} more" if len(last) > 1 and not short else ""
    lines += _wrap(f"Source of the last step: {last[0]}{rest}.", wide) if last else []
    told = f"Assumptions that this run rests on: {', '.join(assumed)}."
    lines += _wrap(told, wide) if assumed else []
    more = [s for s in sources if s not in last[:1]]
    return lines + _counted(outcome, r, len(more), short, wide)


def _first_sentences(text: str, wide: int) -> list[str]:
    """Return the first sentence of a text, and what follows it as far as two lines go."""
    sentences = _SENTENCE.split(text)
    kept = next(
        n
        for n in range(len(sentences), 0, -1)
        if n == 1 or len(_wrap(" ".join(sentences[:n]) + " [...]", wide)) <= _REASON
    )
    rest = " [...]" if kept < len(sentences) else ""
    return _wrap(" ".join(sentences[:kept]) + rest, wide)


def _deciding(r: Result) -> list[str]:
    """Return the sources of the last step; none of a run that goes on for ever."""
    if not r.trace or r.loop_start is not None:
        return []
    return [s for s in dict.fromkeys(r.trace[-1].source.split("; ")) if not _ASSUMPTION.match(s)]


def _counted(outcome: Outcome, r: Result, sources: int, short: bool, wide: int) -> list[str]:
    """Say how much is not shown; ``short`` in one line where that can be."""
    counts = {
        ("note", " on what is not modelled"): len(outcome.not_modelled),
        ("assumption", " in force"): len(outcome.assumptions),
        ("pair", " of a store and what may pass it"): _pairs(outcome),
        ("source", " of the steps"): sources,
        ("idle step" if short else "step", " that never happened"): len(_never(outcome, r)),
    }
    parts = [
        f"{number} {what}{'' if number == 1 else 's'}{'' if short else rest}"
        for (what, rest), number in counts.items()
        if number
    ]
    if short:
        parts = ["in full", *([f"with {parts[0]}", *parts[1:]] if parts else [])]
    return _wrap(f"With -v: {', '.join(parts)}.", wide) if parts else []


def _pairs(outcome: Outcome) -> int:
    return len(outcome.order.pairs) if outcome.order else 0


def items(texts: Iterable[str], wide: int = WIDTH) -> list[str]:
    """Return texts as a list, one item each, at most ``wide`` columns wide."""
    return [
        part
        for text in texts
        for part in textwrap.wrap(
            text, wide, initial_indent="  - ", subsequent_indent="    ", break_long_words=False
        )
    ]


def _wrap(text: str, wide: int) -> list[str]:
    return textwrap.wrap(text, wide, break_on_hyphens=False) or [""]
