"""A run as a Mermaid sequence diagram: a participant for each lane, an arrow for each cause."""

from __future__ import annotations

import re

from vmlitmus.outcome import Outcome, TraceStep
from vmlitmus.report.explain import ending
from vmlitmus.report.timeline import column


def mermaid(outcome: Outcome) -> str:
    """Return the diagram of an outcome's run; of one without a run, a note with the verdict.

    A solid arrow goes to a step that could not have happened without the other, a dashed one to a
    step that would have done something else.
    """
    r = outcome.result
    steps = (r.trace or ()) if r is not None else ()
    lanes = list(dict.fromkeys(column(step) for step in steps)) or ["host"]
    lines = ["sequenceDiagram"]
    lines += [f"    participant p{n} as {_text(lane)}" for n, lane in enumerate(lanes)]
    loop = r.loop_start if r is not None and steps else None
    for number, step in enumerate(steps):
        lines += ["    loop for ever"] if number == loop else []
        lines += _step(step, steps, lanes)
    lines += ["    end"] if loop is not None and loop < len(steps) else []
    last = lanes.index(column(steps[-1])) if steps else 0
    lines.append(f"    Note over p{last}: {_text(_end(outcome))}")
    return "\n".join(lines)


def _step(step: TraceStep, steps: tuple[TraceStep, ...], lanes: list[str]) -> list[str]:
    here = lanes.index(column(step))
    lines = []
    for cause in step.causes:
        there = lanes.index(column(steps[cause.step]))
        if there != here:
            arrow = "->>" if cause.needed else "-->>"
            lines.append(f"    p{there}{arrow}p{here}: {_text(', '.join(cause.fields))}")
    return [*lines, f"    Note over p{here}: {_text(step.label)}"]


def _end(outcome: Outcome) -> str:
    r = outcome.result
    if r is not None and r.trace is not None:
        return f"==> {ending(outcome)}"
    return f"{outcome.claim}: {r.verdict.value if r else 'error'}"


def _text(text: str) -> str:
    """Return a text on one line; what Mermaid would read as syntax becomes an entity code."""
    line = " ".join(text.split())
    return re.sub(r"[^\w \-.,()/=:'+]|\bend\b", lambda m: "".join(map(_entity, m[0])), line)


def _entity(character: str) -> str:
    return f"#{ord(character)};"
