"""Seeded mutations of recorded vcpus: is each found, and at the right event?

Of the events that a step of the model has to stand for, two neighbours of one cpu change places,
one is dropped, or a number of one is another: why a vcpu exits, what is sent and to whom, whom a
thread wakes. It is a mutation if the copy breaks a rule of ``kernel_rules``; any other copy is what
some run of the kernel records. The right event is the first that was changed, or one after it, up
to the one that breaks the rule.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from kernel_rules import first_broken

from vmlitmus.trace import Kind
from vmlitmus.trace.events import Left, Mode
from vmlitmus.trace.tracepoints.tables import SVM, SVM_REASONS
from vmlitmus.validation.mapping import TraceMapping
from vmlitmus.validation.vcpus.events import events_of
from vmlitmus.validation.wording import Row

AFTER = 300  # events after the one that breaks the rule, in which the search may be late


@dataclass(frozen=True)
class Mutation:
    """The right events are those from the time ``first`` to the time ``last``."""

    what: str
    rows: list[Row]
    first: int
    last: int
    rule: str

    def is_right(self, time: int) -> bool:
        """Say whether the first mismatch is at the right event."""
        return self.first <= time <= self.last


class Mutator:
    """Makes mutations of one recording; ``vcpus`` are threads by the APIC id of their vcpu.

    ``skip`` are vcpus that are not followed, ``bookkept`` the kinds of events that no step needs.
    ``harmless`` counts the changed copies that broke no rule.
    """

    def __init__(
        self,
        rows: list[Row],
        vcpus: dict[int, int],
        mapping: TraceMapping,
        bookkept: Sequence[Kind],
        rng: random.Random,
    ) -> None:
        assert first_broken(rows, vcpus) is None
        self.rows = rows
        self.harmless = 0
        self._vcpus = vcpus
        self._followed = {tid for number, tid in vcpus.items() if number not in mapping.skip}
        recorded = {Kind(row[1]) for row in rows}
        kinds = {next((k for k in e.kinds if k in recorded), None) for e in events_of(mapping)}
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

    def make(self, number: int) -> Mutation:
        """Make one that breaks a rule, of the kinds by turns."""
        maker = (self._swapped, self._dropped, self._changed)[number % 3]
        while True:
            made = maker()
            if made is None:
                continue
            rows, at = made
            broken = first_broken(rows, self._vcpus)
            if broken is None:
                self.harmless += 1
                continue
            last, rule = broken
            what = maker.__name__.strip("_")
            kept = rows[: last + AFTER]
            return Mutation(what, kept, self.rows[at][0], rows[last][0], rule)

    def _swapped(self) -> tuple[list[Row], int] | None:
        """Two neighbouring events of one cpu change places, each at the other's time."""
        i = self._rng.choice(self._at)
        cpu = self.rows[i][3]
        j = next((n for n in self._at if n > i and self.rows[n][3] == cpu), None)
        if j is None or self.rows[i][1:] == self.rows[j][1:]:
            return None
        made = list(self.rows)
        made[i] = (self.rows[i][0], *self.rows[j][1:])
        made[j] = (self.rows[j][0], *self.rows[i][1:])
        return made, i

    def _dropped(self) -> tuple[list[Row], int]:
        """An event is missing."""
        i = self._rng.choice(self._at)
        return self.rows[:i] + self.rows[i + 1 :], i

    def _changed(self) -> tuple[list[Row], int] | None:
        """A number of an event is another."""
        i = self._rng.choice(self._at)
        row = self._with_another(self.rows[i])
        return None if row is None else ([*self.rows[:i], row, *self.rows[i + 1 :]], i)

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
