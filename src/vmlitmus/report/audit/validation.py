"""A validation in the terminal and as JSON (``vmlitmus/validation/1``)."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from vmlitmus.outcome.validation import FIRST, CoreResult, Mismatch, Validation, ValidationAnswer
from vmlitmus.report.audit.trace import harmless

WIDTH = 75
SCHEMA = "vmlitmus/validation/1"
_MOST = 5  # mismatches shown of a core


def as_json(found: Validation) -> str:
    """Return the validation as one JSON object; numbers of runs, which may be huge, are text."""
    entry = asdict(found)
    for core in entry["cores"]:
        core["runs"] = str(core["runs"])
        for mismatch in core["mismatches"]:
            for prefix in mismatch["prefixes"]:
                prefix["runs"] = str(prefix["runs"])
    return json.dumps({"schema": SCHEMA, **entry}, indent=2, ensure_ascii=True)


def terminal(found: Validation, *, everything: bool = False) -> str:
    """Return the report: the answer, each core, and each event that no run explains."""
    lines = [*_answer(found), ""]
    for core in found.cores:
        lines += _core(core, everything)
    lines += ["", "What the model does not tell apart:"]
    lines += [f"  {name}: {text}" for name, text in found.abstractions.items()]
    lines += [f"Note: {note}" for note in found.notes]
    return "\n".join(_wrapped(harmless(line)) for line in lines).rstrip()


def _wrapped(line: str) -> str:
    if len(line) <= WIDTH:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return "\n".join(textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False))


def _answer(found: Validation) -> Iterator[str]:
    events = sum(core.events for core in found.cores)
    explained = sum(core.explained for core in found.cores)
    if found.answer is ValidationAnswer.EXPLAINED:
        yield f"Explained: runs of {found.topic} do what this kernel did."
    elif found.answer is ValidationAnswer.NOT:
        wrong = sum(len(core.mismatches) for core in found.cores)
        yield f"Not explained: no run of {found.topic} has {wrong} of the events."
    else:
        yield f"Cannot tell: {found.kept}."
    yield f"{found.where}: {explained} of {events} events explained."
    if found.settings:
        yield "Settings: " + ", ".join(f"{k} = {v}" for k, v in found.settings.items()) + "."


def _core(core: CoreResult, everything: bool) -> Iterator[str]:
    what, known = f"Core of cpus {', '.join(map(str, core.cpus))}", "before all its cpus were known"
    if core.vcpu:
        on = f" on cpus {', '.join(map(str, core.cpus))}" if core.cpus else ""
        what, known = (
            f"{core.vcpu[0].upper()}{core.vcpu[1:]}{on}",
            "before it was seen to enter its guest",
        )
    yield (
        f"{what}: {core.explained} of {core.events} events explained; {_number(core.runs)} runs, "
        f"at most {core.states} states at one time."
    )
    for why, count in core.why_unread.items():
        since = known if why == FIRST else f"while nothing was known: {why}"
        yield f"  Not asked: {count} events {since}."
    for why, times in core.anew.items():
        if why != FIRST:
            yield f"  Begun anew {times} times: {why}."
    shown = core.mismatches if everything else core.mismatches[:_MOST]
    for mismatch in shown:
        yield from _mismatch(mismatch)
    if len(shown) < len(core.mismatches):
        yield f"  and {len(core.mismatches) - len(shown)} more events (--all)"


def _number(n: int) -> str:
    digits = str(n)
    return digits if len(digits) < 10 else f"about 10^{len(digits) - 1}"


def _mismatch(mismatch: Mismatch) -> Iterator[str]:
    yield ""
    yield f"  No run has: {mismatch.event}"
    if mismatch.before:
        yield f"    after {mismatch.explained} explained events, the last of which:"
        yield from (f"      {event}" for event in mismatch.before[-3:])
    if mismatch.candidates:
        yield "    What might have done it, and what rules it out:"
    else:
        yield "    No step of the model could stand for it."
    for candidate in mismatch.candidates:
        yield f"      {candidate.step}: {candidate.why} (in {candidate.states} states)"
    yield f"    The longest runs before it end in {len(mismatch.prefixes)} states:"
    for number, prefix in enumerate(mismatch.prefixes[:3], 1):
        state = ", ".join(f"{name} = {value}" for name, value in prefix.state.items())
        yield f"      {number}. ({_number(prefix.runs)} runs) {state}"
