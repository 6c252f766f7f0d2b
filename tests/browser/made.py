"""Outcomes made by hand for pages: long runs, large grids, hostile texts."""

from __future__ import annotations

from vmlitmus.outcome import Cause, Excerpt, Outcome, Result, TraceStep, Verdict
from vmlitmus.outcome.audit import (
    Answer,
    Audit,
    DomainReport,
    Evidence,
    Fix,
    ForEver,
    HostReport,
    Judged,
    ThreadRole,
)
from vmlitmus.report.grids.grid import Grid

HOSTILE = (
    '</script><script>document.title="owned"</script>'
    '<img src=x onerror=\'document.title="owned"\'>"><b>bold</b>&lt;&amp;\u2028'
)


def step(number: int, text: str = "", **more: object) -> TraceStep:
    """Return a step of one of three tasks; each rests on the one before it."""
    actor = f"task{number % 3}"
    given: dict[str, object] = {
        "step": "walk",
        "binding": (actor,),
        "label": text or f"{actor} takes step {number + 1}",
        "actor": {"task": actor},
        "cpu": None,
        "changes": {"host0.at": (str(number), str(number + 1))},
        "source": "somewhere",
        "causes": (Cause(number - 1, ("host0.at",), True),) if number else (),
        "mechanism": "made",
    }
    return TraceStep(**{**given, **more})  # type: ignore[arg-type]


def outcome(name: str = "made", steps: int = 3, **more: object) -> Outcome:
    result = Result(
        Verdict.VIOLATED, "reference", steps + 1, steps, steps, 0.0,
        trace=tuple(step(number) for number in range(steps)),
        initial={"host0.at": "0"},
        fixed={"host0.kind": "made"},
        code={"walk": (Excerpt("made.py", 7, ("def walk(w, task):", "    w.at += 1"), (8,)),)},
    )  # fmt: skip
    given: dict[str, object] = {
        "name": name,
        "topic": "made",
        "question": "Does the walk end?",
        "source": "a mail",
        "because": "it is made so",
        "decided_by": "model",
        "claim": "never end",
        "claim_text": "the end is reached",
        "expected": Verdict.VIOLATED,
        "where": {},
        "result": result,
        "bounds": {"task": 3},
        "arguments": (name,),
        "start": "all tasks stand",
    }
    return Outcome(**{**given, **more})  # type: ignore[arg-type]


def hostile() -> Outcome:
    """Return an outcome all of whose texts try to leave their place."""
    h = HOSTILE
    trace = tuple(
        step(n, f"{h} {n}", step=h, binding=(h,), source=h, mechanism=h, assumptions=(h,),
             changes={f"host0.{n}": (h, h + "=" + h)}, moves={"task0": ("idle", h)})
        for n in range(3)
    )  # fmt: skip
    result = Result(
        Verdict.VIOLATED, "reference", 1, 1, 1, 0.0, trace=trace, initial={"host0.0": h},
        fixed={"host0.kind": h}, code={h: (Excerpt(h, 1, (h,)),)}, never_fired={"x": h},
        warnings=(h,), observed={h: True}, backing=(h,),
    )  # fmt: skip
    return outcome(
        h, topic=h, question=f"{h}?", source=h, because=h, claim=f"never {h}", claim_text=h,
        where={h: h}, result=result, bounds={h: h}, assumptions=(h,), arguments=(h,), start=h,
    )  # fmt: skip


def hostile_audit() -> Audit:
    """Return an audit all of whose texts try to leave their place."""
    h = HOSTILE
    judged = Judged(
        h,
        h,
        Answer.FALSE,
        h,
        (Evidence(h, h),),
        (h,),
        h,
        (h,),
        ForEver(Answer.TRUE, ((h,),), ((h,),), h),
    )
    thread = ThreadRole(1, h, h, h, h, h)
    domain = DomainReport(h, h, 1, h, (thread,), (judged,), (h,), h)
    return Audit(
        HostReport(h, h, h, h, h), (judged,), (domain,),
        (Fix(h, h, h, h, h, h, h, h, h),), (Evidence(h, h),), (h,),
    )  # fmt: skip


def grid(rows: int, columns: int) -> Grid:
    axes = {"row": tuple(map(str, range(rows))), "column": tuple(map(str, range(columns)))}
    cells = [
        outcome(f"g[row={r},column={c}]", 4, where={"row": r, "column": c})
        for r in axes["row"]
        for c in axes["column"]
    ]
    return Grid("g: a large grid?", axes, cells, ("column",))
