"""Validate a recorded run: a recording and a mapping in, which events a run of the model has, out.

What the mapping follows, each core or each vcpu, is followed through the states of the model, event
by event (``cores``, ``vcpus``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from vmlitmus.audit.trace.roster import Roster
from vmlitmus.errors import UsageError, spelled
from vmlitmus.outcome.validation import CoreResult, Validation, ValidationAnswer
from vmlitmus.trace.events import Kind
from vmlitmus.trace.recording import Recording
from vmlitmus.validation.agreeing import LOST, MOST_STATES, TOO_MANY
from vmlitmus.validation.cores.follow import follow_cores
from vmlitmus.validation.question import BuiltMachines, Question
from vmlitmus.validation.vcpus.follow import follow_vcpus
from vmlitmus.validation.wording import Row

KINDS = (
    Kind.SWITCH,
    Kind.ENTRY,
    Kind.EXIT,
    Kind.WAKEUP,
    Kind.WAKEUP_NEW,
    Kind.WAKING,
    Kind.MIGRATE,
    Kind.PRCTL_ENTRY,
    Kind.CORE_SHARE,
    Kind.VCPU_WAKEUP,
    Kind.ACCEPT_IRQ,
    Kind.INJECT_IRQ,
    Kind.VCPU_RESET,
    Kind.VCPU_SIPI,
    Kind.VMGEXIT,
    Kind.HOTPLUG_ENTRY,
    Kind.IRQ_ENTRY,
    Kind.LOST,
)
MOST_EVENTS = 5_000_000


class Run(Protocol):
    """What was followed."""

    def result(self) -> CoreResult: ...


Follow = Callable[[Sequence[Row], Recording, Roster, Question, BuiltMachines], Sequence[Run]]
FOLLOW: dict[str, Follow] = {"cores": follow_cores, "vcpus": follow_vcpus}


def validate(recording: Recording, roster: Roster, question: Question) -> Validation:
    """Validate a recording against the model of a topic."""
    if not question.cores and question.mapping.follows == "cores":
        raise UsageError("the cores are not known: give --host or --core")
    rows = rows_of(recording)
    return validate_rows(rows, recording, roster, question, BuiltMachines())


def validate_rows(
    rows: Sequence[Row],
    recording: Recording,
    roster: Roster,
    question: Question,
    built: BuiltMachines,
) -> Validation:
    """Validate the events of a recording, which are ``KINDS`` in order of time."""
    runs = FOLLOW[question.mapping.follows](rows, recording, roster, question, built)
    followed = tuple(run.result() for run in runs)
    answer, why = _answer(followed)
    return Validation(
        where=recording.place,
        topic=question.mapping.topic,
        question=question.mapping.question,
        answer=answer,
        cores=followed,
        settings={
            f"{table}.{key}": value if isinstance(value, str) else spelled(value)
            for table, keys in question.settings.items()
            for key, value in keys.items()
        },
        abstractions=dict(question.mapping.abstractions),
        kept=why,
        notes=tuple(recording.notes),
    )


def rows_of(recording: Recording) -> list[Row]:
    """Return the events that count; of interrupts, the first that finds a cpu idle."""
    rows: list[Row] = []
    known: set[int] = set()
    for batch in recording.batches(KINDS):
        for row in batch.rows():
            if row[1] == Kind.IRQ_ENTRY:
                if row[4] != 0 or row[3] in known:
                    continue
                known.add(row[3])
            rows.append(row)
        if len(rows) > MOST_EVENTS:
            raise UsageError(f"more than {MOST_EVENTS} events: cut the recording")
    return rows


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
    gaps = sum(core.anew.get(LOST, 0) for core in cores)
    if gaps:
        return ValidationAnswer.CANNOT_TELL, f"events were lost {gaps} times"
    return ValidationAnswer.EXPLAINED, ""
