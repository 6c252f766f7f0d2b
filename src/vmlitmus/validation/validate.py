"""Validate a recorded run: a recording and a mapping in, which events a run of the model has, out.

Each core is followed through the states of the model, event by event (``core_run``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vmlitmus.audit.trace.roster import Roster
from vmlitmus.errors import UsageError
from vmlitmus.outcome.validation import (
    CoreResult,
    Validation,
    ValidationAnswer,
)
from vmlitmus.trace.events import Kind
from vmlitmus.trace.recording import Recording
from vmlitmus.trace.text import EVERY_CPU
from vmlitmus.validation.agreeing_states import MOST_STATES
from vmlitmus.validation.core_run import TOO_MANY, CoreRun
from vmlitmus.validation.environment import STEPS
from vmlitmus.validation.frontier import Follower, TooMany
from vmlitmus.validation.lift import Lift, Lifted
from vmlitmus.validation.mapping import TraceMapping
from vmlitmus.validation.wording import Row, in_words

KINDS = (
    Kind.SWITCH,
    Kind.ENTRY,
    Kind.EXIT,
    Kind.WAKEUP,
    Kind.WAKEUP_NEW,
    Kind.MIGRATE,
    Kind.PRCTL_ENTRY,
    Kind.CORE_SHARE,
    Kind.LOST,
)
MOST_EVENTS = 5_000_000
PR_SCHED_CORE = 62


@dataclass(frozen=True)
class Question:
    """What to validate: a mapping, settings of the model besides its own, cores."""

    mapping: TraceMapping
    extra: Mapping[str, Mapping[str, Any]]
    cores: Sequence[frozenset[int]]


def validate(recording: Recording, roster: Roster, question: Question) -> Validation:
    """Validate a recording against the model of a topic."""
    if not question.cores:
        raise UsageError("the cores are not known: give --host or --core")
    rows = rows_of(recording)
    return validate_rows(rows, recording, roster, question, BuiltMachines())


@dataclass
class BuiltMachines:
    """Machines that were built already, by the number of cpus of a core and the groups."""

    machines: dict[object, tuple[Lift, Lifted, Follower]] = field(default_factory=dict)


def validate_rows(
    rows: Sequence[Row],
    recording: Recording,
    roster: Roster,
    question: Question,
    built: BuiltMachines,
) -> Validation:
    """Validate the events of a recording, which are ``KINDS`` in order of time."""
    vcpus = frozenset(roster.vcpus) | {r[4] for r in rows if r[1] in (Kind.ENTRY, Kind.EXIT)}
    runs = _follow(rows, recording, roster, vcpus, question, built)
    cores = tuple(run.result() for run in runs)
    answer, why = _answer(cores)
    settings = {
        f"{table}.{key}": str(value)
        for tables in (question.mapping.settings, question.extra)
        for table, keys in tables.items()
        for key, value in keys.items()
    }
    return Validation(
        where=recording.place,
        topic=question.mapping.topic,
        question=question.mapping.question,
        answer=answer,
        cores=cores,
        settings=settings,
        abstractions=dict(question.mapping.abstractions),
        kept=why,
        notes=tuple(recording.notes),
    )


def rows_of(recording: Recording) -> list[Row]:
    rows: list[Row] = []
    for batch in recording.batches(KINDS):
        rows += batch.rows()
        if len(rows) > MOST_EVENTS:
            raise UsageError(f"more than {MOST_EVENTS} events: cut the recording")
    return rows


def _follow(
    rows: Sequence[Row],
    recording: Recording,
    roster: Roster,
    vcpus: frozenset[int],
    question: Question,
    built: BuiltMachines,
) -> list[CoreRun]:
    """Follow all cores; where too many states agree, begin anew with what was recorded."""
    seen = {r[1] for r in rows}
    woken = bool(seen & {Kind.WAKEUP, Kind.WAKEUP_NEW})
    only = {s.name for s in STEPS} - {"trace_schedules", "trace_keeps"}
    only |= question.mapping.events["switches"].steps  # a pick that changes nothing: trace_keeps
    if not woken:  # wakeups were not recorded: they may happen unseen
        only.discard("trace_voids")
    runs: dict[int, CoreRun] = {}
    found: list[CoreRun] = []
    lifts: list[Lift] = []
    for core in question.cores:
        cpus = sorted(core)
        if len(cpus) < 2:
            continue
        lift = Lift(roster, vcpus, question.mapping, len(cpus))
        key = (tuple(lift.groups), woken, repr(question.extra))
        if key not in built.machines:
            lifted = Lifted(lift, lift.machine(question.extra))
            follower = Follower(lifted.machine, lifted.look, frozenset(only), lifted.canonical)
            built.machines[key] = (lift, lifted, follower)
        _, lifted, follower = built.machines[key]
        run = CoreRun(cpus, lift, lifted, follower, question.mapping, woken=woken)
        lifts.append(lift)
        found.append(run)
        runs |= dict.fromkeys(cpus, run)
    for row in rows:
        try:
            _one(row, runs, found, lifts, recording)
        except TooMany:
            for run in found:
                run.too_many()
    return found


def _one(
    row: Row,
    runs: Mapping[int, CoreRun],
    every: Iterable[CoreRun],
    lifts: Iterable[Lift],
    recording: Recording,
) -> None:
    _, kind, _, number, task, a, b, c = row
    name = in_words(row, recording)
    run = runs.get(number)
    if kind == Kind.LOST:
        for one in every if number == EVERY_CPU else [run] if run else []:
            one.forget("events were lost", one.index.get(number))
        return
    if kind in (Kind.WAKEUP, Kind.WAKEUP_NEW):
        if kind == Kind.WAKEUP_NEW:
            for lift in lifts:
                lift.made(a, task)
        there = runs.get(b)
        if there is not None:
            there.woken(row, name, a, there.index[b])
    elif kind == Kind.MIGRATE:
        before, after = runs.get(b), runs.get(c)
        queued = before is not None and before.left(a, before.index[b])
        if queued and after is not None:
            after.woken(row, name, a, after.index[c])
    elif kind == Kind.CORE_SHARE or (kind == Kind.PRCTL_ENTRY and a == PR_SCHED_CORE):
        command = a if kind == Kind.CORE_SHARE else b
        if command in (1, 2, 3):
            for lift in lifts:
                lift.created(task)
            own = kind == Kind.CORE_SHARE and command == 1 and b in (0, task) and c == 0
            for one in ([run] if run else []) if own else every:
                one.forget("cookies change", one.index[number] if own else None)
    elif run is not None:
        run.take(row, name)


def _answer(cores: Sequence[CoreResult]) -> tuple[ValidationAnswer, str]:
    if any(core.mismatches for core in cores):
        return ValidationAnswer.NOT, ""
    crowded = sum(core.anew.get(TOO_MANY, 0) for core in cores)
    if crowded:
        return ValidationAnswer.CANNOT_TELL, (
            f"more than {MOST_STATES} states agreed with what was recorded, {crowded} times; "
            "what came before and after is explained each for itself"
        )
    if not sum(core.explained for core in cores):
        return ValidationAnswer.CANNOT_TELL, "no event of the topic was recorded"
    gaps = sum(core.anew.get("events were lost", 0) for core in cores)
    if gaps:
        return ValidationAnswer.CANNOT_TELL, f"events were lost {gaps} times"
    return ValidationAnswer.EXPLAINED, ""
