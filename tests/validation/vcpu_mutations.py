"""Seeded mutations of recorded vcpus: is each found, and at the right event?

Of the events that a step of the model has to stand for, two neighbours of one cpu change places,
one is dropped, or a number of one is another: why a vcpu exits, what is sent and to whom, whom a
thread wakes. The right event is where the recording first contradicts itself: a changed event, or
one of the vcpu that it is about, up to the fourth after it that the mapping reads.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from vmlitmus.trace import Kind
from vmlitmus.trace.events import Left, Mode
from vmlitmus.trace.tracepoints.tables import SVM, SVM_REASONS
from vmlitmus.validation.mapping import TraceMapping
from vmlitmus.validation.vcpus.events import events_of
from vmlitmus.validation.wording import Row

NEXT = 4


@dataclass(frozen=True)
class Mutation:
    """``right`` are times and cpus of events at which a mismatch is at the right place."""

    what: str
    rows: list[Row]
    right: frozenset[tuple[int, int]]


class Mutator:
    """Makes mutations of one recording; ``vcpus`` are threads by the APIC id of their vcpu.

    ``skip`` are vcpus that are not followed, ``bookkept`` the kinds of events that no step needs.
    """

    def __init__(
        self,
        rows: list[Row],
        vcpus: dict[int, int],
        mapping: TraceMapping,
        bookkept: Sequence[Kind],
        rng: random.Random,
    ) -> None:
        self.rows = rows
        self._vcpus = vcpus
        self._followed = {tid for number, tid in vcpus.items() if number not in mapping.skip}
        recorded = {Kind(row[1]) for row in rows}
        kinds = {next((k for k in e.kinds if k in recorded), None) for e in events_of(mapping)}
        self._read = kinds
        self._kinds = kinds - set(bookkept)
        self._rng = rng
        self._modes = mapping.topic == "ap-creation"  # what else INIT is does not matter elsewhere
        at = [n for n, row in enumerate(rows) if self._concerns(row)]
        begun = next(n for n in at if rows[n][1] == Kind.ENTRY)
        self._at = [n for n in at if n > begun][20:-20]

    def _concerns(self, row: Row) -> set[int]:
        """Return the threads of the followed vcpus that an event is about."""
        if row[1] not in self._kinds:
            return set()
        named = {row[4]}
        if row[1] == Kind.ACCEPT_IRQ:
            named = {self._vcpus[row[5]]}
        elif row[1] == Kind.SWITCH:
            named = {row[5], row[6]}
        elif row[1] in (Kind.WAKING, Kind.WAKEUP):
            named = {row[5]}
        return named & self._followed

    def _made(self, what: str, rows: list[Row], at: int, changed: Sequence[Row]) -> Mutation:
        right = {(row[0], row[3]) for row in changed}
        for tid in {t for row in changed for t in self._concerns(row)}:
            near = [r for r in rows[at : at + 600] if r[4] == tid or tid in self._concerns(r)]
            read = [n for n, r in enumerate(near) if r[1] in self._read]
            right |= {(row[0], row[3]) for row in near[: read[NEXT] + 1]}
        return Mutation(what, rows, frozenset(right))

    def swapped(self) -> Mutation:
        """Two neighbouring events of one cpu change places, each at the other's time."""
        while True:
            i = self._rng.choice(self._at)
            cpu = self.rows[i][3]
            j = next((n for n in self._at if n > i and self.rows[n][3] == cpu), None)
            if j is None or self.rows[i][1:] == self.rows[j][1:]:
                continue
            made = list(self.rows)
            made[i] = (self.rows[i][0], *self.rows[j][1:])
            made[j] = (self.rows[j][0], *self.rows[i][1:])
            return self._made("swapped", made, i, [made[i], made[j]])

    def dropped(self) -> Mutation:
        """An event is missing."""
        i = self._rng.choice(self._at)
        return self._made("dropped", self.rows[:i] + self.rows[i + 1 :], i, [self.rows[i]])

    def changed(self) -> Mutation:
        """A number of an event is another."""
        while True:
            i = self._rng.choice(self._at)
            row = self._with_another(self.rows[i])
            if row is not None:
                made = [*self.rows[:i], row, *self.rows[i + 1 :]]
                return self._made("changed", made, i, [self.rows[i], row])

    def _with_another(self, row: Row) -> Row | None:
        time, kind, number, cpu, task, a, b, c = row
        another = next(tid for tid in self._vcpus.values() if tid != a)
        if kind == Kind.EXIT:
            reason = "msr" if b == SVM_REASONS["hlt"] else "hlt"
            return (time, kind, number, cpu, task, a, SVM_REASONS[reason], SVM)
        if kind == Kind.ACCEPT_IRQ and c in (Mode.INIT, Mode.SIPI):
            return (time, kind, number, cpu, task, a, b, Mode.FIXED) if self._modes else None
        if kind == Kind.ACCEPT_IRQ:
            return (time, kind, number, cpu, task, 1 - a, b, c)
        if kind in (Kind.WAKING, Kind.WAKEUP):
            return (time, kind, number, cpu, task, another, b, c)
        if kind == Kind.SWITCH and a in self._followed and c == Left.RUNNABLE:
            return (time, kind, number, cpu, task, a, b, Left.SLEEPING)
        return None
