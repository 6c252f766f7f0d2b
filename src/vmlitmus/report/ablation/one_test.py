"""What a test needs: one test for the terminal or a cover letter, and many as JSON."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from vmlitmus.outcome import Ablation, Part, PartStatus, Verdict
from vmlitmus.report.explain import limited_to
from vmlitmus.report.timeline import WIDTH

UNDER_TSO = (
    "Redundant here: not needed under TSO; the compiler and other architectures are not modelled."
)
_COVERS = 3  # drains that are printed for each barrier
_SHOWN = 6  # sets that are printed; JSON has all


def ablations_json(found: Iterable[Ablation]) -> dict[str, Any]:
    """Return ablations as the object of schema ``vmlitmus/ablation/1``."""
    return {"schema": "vmlitmus/ablation/1", "results": [_entry(a) for a in found]}


def _entry(a: Ablation) -> dict[str, Any]:
    r = a.result
    return {
        "test": a.name,
        "topic": a.topic,
        "claim": a.claim,
        "verdict": r.verdict.value,
        "parts": [_part_entry(a, part) for part in r.parts],
        "sufficient": [list(names) for names in r.sufficient],
        "breaking": [list(names) for names in r.breaking],
        "complete": r.complete,
        "argument": r.argument,
        "reason": r.reason,
        "vacuous": list(r.vacuous),
        "combinations": r.combinations,
        "engine": r.engine,
        "states": r.states,
        "transitions": r.transitions,
        "seconds": round(r.seconds, 3),
        "bounds": dict(a.bounds),
        "assumptions": list(a.assumptions),
        "absent": list(a.absent),
        "off": list(a.off),
    }


def _part_entry(a: Ablation, part: Part) -> dict[str, Any]:
    needed = a.needed_by.get(part.name)
    return {
        "name": part.name,
        "status": part.status.value,
        "needed_by": None if needed is None else list(needed),
        "only_if": [list(names) for names in only_if(a, part)],
        "asked_for": not part.idle,
        "vacuous": list(part.vacuous),
        "covered_by": None
        if a.covered.get(part.name) is None
        else list(a.covered[part.name].others),
        "steps": part.steps,
        "explain": command(a, [part.name]) if part.status is PartStatus.LOAD_BEARING else None,
    }


def command(a: Ablation, parts: Iterable[str]) -> str:
    """Return the command that shows what happens without some parts."""
    options = [word for part in parts for word in ("--without", part)]
    return shlex.join(["vmlitmus", "explain", *a.arguments, *options])


def only_if(a: Ablation, part: Part) -> list[tuple[str, ...]]:
    """Return what a redundant part rests on: of each set, one other part has to stay."""
    if part.status is not PartStatus.REDUNDANT:
        return []
    sets = [names for names in a.result.breaking if part.name in names]
    return [tuple(name for name in names if name != part.name) for names in sets]


def status(a: Ablation, part: Part) -> str:
    """Return what the table says of a part."""
    if part.status is PartStatus.INCONCLUSIVE:
        return f"inconclusive: {a.result.reason or 'not decided'}"
    if part.status is PartStatus.LOAD_BEARING:
        after = "" if part.steps is None else f" after {part.steps} step{'s' * (part.steps != 1)}"
        return f"load-bearing: violated{after}"
    if part.vacuous:
        names = ", ".join(f'"{name}"' for name in part.vacuous)
        return f"redundant, but vacuously: without it {names} is never reached"
    stays = [" or ".join(f'"{n}"' for n in names) for names in only_if(a, part)]
    if stays:
        return f"redundant only if {', and '.join(stays[:_SHOWN])} stays"
    if not a.result.complete:
        return "redundant alone; with others off too: not known"
    if a.result.reason:
        return f"redundant; whether vacuously is not known: {a.result.reason}"
    return "redundant here" + (": no step that happens depends on it" if part.idle else "")


def covered(a: Ablation, part: Part) -> str | None:
    """Return what covers a barrier that is not needed; None for a part that drains nothing."""
    found = a.covered.get(part.name)
    if found is None:
        return None
    others = ", ".join(found.others[:_COVERS])
    if len(found.others) > _COVERS:
        others += f" and {len(found.others) - _COVERS} more (--json)"
    if not others:
        text = "nothing else drains its stores" if not found.idle else "no store is ever buffered"
    else:
        text = f"covered by {others}" + (", before it" if found.idle else "")
    return text + (f"; without it {found.pairs} more pairs" if found.pairs else "")


def needed(a: Ablation, part: Part) -> str | None:
    """Return who else needs a part that this test does not need; None when nobody has looked."""
    if part.status is PartStatus.LOAD_BEARING:
        return None
    if part.name in a.undecided:
        return "whether a test of the catalogue needs it is not known"
    tests = a.needed_by.get(part.name)
    if tests is None:
        return None
    names = dict.fromkeys(test.partition("[")[0] for test in tests)
    apart = "; wide ones were not asked" if a.narrow else ""
    return f"needed by {', '.join(names)}" if names else f"no test of the catalogue needs it{apart}"


def ablation(a: Ablation) -> str:
    """Return the report on one test or cell, at most 75 columns wide."""
    lines = [*wrapped(f"{a.name}: {a.question}"), ""]
    if a.result.verdict is not Verdict.HOLDS or not a.result.parts:
        return "\n".join([*lines, *wrapped(nothing(a)), *_instead(a)])
    lines += [f"{a.claim}: holds. Each part switched off alone:", ""]
    lines += _table(a)
    lines += ["", *sets(a), *_searched(a)]
    lines += [line for sentence in rests_on(a) for line in wrapped(sentence)]
    return "\n".join([*lines, *commands([a])])


def _instead(a: Ablation) -> list[str]:
    """Return what to run of a test that does not hold."""
    if a.result.verdict is not Verdict.VIOLATED:
        return []
    shown = ["", "The run that breaks it:", f"  vmlitmus explain {shlex.join(a.arguments)}"]
    other = shlex.join((a.instead, *a.arguments[1:]))
    holds = ["A test of the same claim that is expected to hold:", f"  vmlitmus ablate {other}"]
    return [*shown, *(holds if a.instead else [])]


def nothing(a: Ablation) -> str:
    """Say why there is nothing to tell of parts."""
    r = a.result
    if r.verdict is Verdict.HOLDS:
        return f"{a.claim}: holds, and it uses no part that could be switched off."
    if r.verdict is Verdict.VIOLATED:
        needs = "Only a claim that holds can need a part."
        return f"{a.claim}: violated with all parts on. {needs}"
    return f"{a.claim}: inconclusive with all parts on; {r.reason}."


def _table(a: Ablation) -> list[str]:
    rows = [
        (p.name, [t for t in (status(a, p), covered(a, p), needed(a, p)) if t])
        for p in a.result.parts
    ]
    return two_columns("part", "without it", rows)


def two_columns(left: str, right: str, rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Return a table of names, each with some sentences, cut to the width of a report."""
    width = max(len(left), *(len(name) for name, _ in rows))
    lines = [f"{left:{width}}  {right}", f"{'-' * width}  {'-' * len(right)}"]
    for name, texts in rows:
        cut = [row for text in texts for row in _cut(text, WIDTH - width - 2)]
        lines += [f"{name if n == 0 else '':{width}}  {row}" for n, row in enumerate(cut)]
    return lines


def _cut(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 24),
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def sets(a: Ablation) -> list[str]:
    """Return the minimal sets, as far as they are known."""
    r = a.result
    lines = []
    if r.sufficient:
        lines += wrapped(f"Sufficient with all other parts off: {_listed(r.sufficient)}.")
    if r.breaking:
        lines += wrapped(f"The claim breaks when these are off: {_listed(r.breaking)}.")
    elif r.complete:
        lines += wrapped("No set of these parts breaks it.")
    if not r.complete:
        lines += wrapped(f"Not every such set is known: {r.reason or 'see below'}.")
    return lines


def _listed(found: Sequence[tuple[str, ...]]) -> str:
    texts = [" + ".join(f'"{n}"' for n in names) or "nothing" for names in found[:_SHOWN]]
    more = len(found) - _SHOWN
    return "; ".join(texts) + (f"; and {more} more (--json)" if more > 0 else "")


def _searched(a: Ablation) -> list[str]:
    r = a.result
    return wrapped(
        f"Based on: {r.argument} ({r.states} states; {r.engine} engine, {r.seconds:.2f} s)."
    )


def rests_on(a: Ablation) -> list[str]:
    """Return what "redundant" is limited to, as sentences."""
    found = limited_to(a.bounds)
    if a.ordered:
        found.append(UNDER_TSO)
    if a.result.vacuous:
        names = ", ".join(f'"{name}"' for name in a.result.vacuous)
        found.append(f"Warning: vacuous, {names} is never reached, whatever the parts do.")
    if a.absent:
        found.append(f"Disturbances that this test does not allow: {', '.join(a.absent)}.")
    if a.assumptions:
        found.append(f"Assumptions in force: {'; '.join(a.assumptions)}.")
    if a.off:
        found.append("Switched off by the test: " + ", ".join(f'"{name}"' for name in a.off) + ".")
    return found


def commands(found: Sequence[Ablation]) -> list[str]:
    """Return how to see what happens without each breaking set; one cell for each set."""
    shown: dict[tuple[str, ...], str] = {}
    for a in found:
        for names in a.result.breaking:
            shown.setdefault(names, command(a, names))
    if not shown:
        return []
    lines = [f"  {text}" for text in list(shown.values())[:_SHOWN]]
    return ["", "To see what happens without these parts:", *lines]


def markdown(a: Ablation) -> str:
    """Return one test as a Markdown table with what it rests on, for a cover letter."""
    lines = [f"**{a.name}: {a.question}**", ""]
    if a.result.verdict is not Verdict.HOLDS or not a.result.parts:
        return "\n".join([*lines, nothing(a)])
    lines += [f"`{a.claim}`: holds. Each part switched off alone:", ""]
    lines += ["| part | without it | who else needs it |", "| --- | --- | --- |"]
    for part in a.result.parts:
        lines.append(f"| {part.name} | {status(a, part)} | {needed(a, part) or ''} |")
    lines += ["", *sets(a), *_searched(a)]
    return "\n".join([*lines, *(line for text in rests_on(a) for line in wrapped(text))])


def wrapped(text: str) -> list[str]:
    """Return a sentence as lines of at most 75 columns."""
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False, break_long_words=False) or [""]
