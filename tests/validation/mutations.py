"""Seeded mutations of recorded runs: is each found, and at the right event?

Two neighbouring events of one cpu change places, an exit is dropped, or a task's cookie is another.
The right event is where the recording first contradicts itself: one of the changed events, or the
next one of that cpu. A cookie shows where its task runs or waits on the core: there, somebody is
picked beside it who should not be, or is not picked who should.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vmlitmus.audit.trace.roster import Roster
from vmlitmus.trace import Kind
from vmlitmus.trace.events import Left
from vmlitmus.validation.wording import Row

GUEST = (Kind.ENTRY, Kind.EXIT)
AFTER = 400  # events after the last that was changed, in which the search may be late


@dataclass(frozen=True)
class Mutation:
    """``times`` and ``cpus``: where a mismatch is at the right event."""

    what: str
    rows: list[Row]
    roster: Roster
    right: frozenset[tuple[int, int]]  # (time, cpu)
    task: int = 0  # whose cookie is another

    def is_right(self, time: int, cpu: int, cores: Sequence[frozenset[int]]) -> bool:
        """Say whether the first mismatch is where it should be."""
        if not self.task:
            return (time, cpu) in self.right
        core = next(core for core in cores if cpu in core)
        return involved(self.rows, self.task, core, time, cpu)


def following(rows: Sequence[Row], cpu: int, start: int, count: int) -> list[tuple[int, int]]:
    """Return the next observed events of a cpu."""
    found = []
    for row in rows[start:]:
        if row[3] == cpu and row[1] in (Kind.SWITCH, *GUEST):
            found.append((row[0], cpu))
            if len(found) == count:
                break
    return found


def swapped(rows: list[Row], roster: Roster, rng: random.Random, start: int) -> Mutation:
    """Two neighbouring events of one cpu change places, each at the other's time."""
    while True:
        i = rng.randrange(start, len(rows) - 1)
        first = rows[i]
        if first[1] not in (Kind.SWITCH, *GUEST):
            continue
        j = next(
            (
                k
                for k in range(i + 1, len(rows))
                if rows[k][3] == first[3] and rows[k][1] in (Kind.SWITCH, *GUEST)
            ),
            None,
        )
        if j is None:
            continue
        made = list(rows)
        made[i] = (rows[i][0], *rows[j][1:])
        made[j] = (rows[j][0], *rows[i][1:])
        right = [(rows[i][0], first[3]), (rows[j][0], first[3])]
        right += following(made, first[3], j + 1, 1)
        return Mutation("swapped", made[: j + AFTER], roster, frozenset(right))


def dropped(rows: list[Row], roster: Roster, rng: random.Random, start: int) -> Mutation:
    """An exit is missing."""
    exits = [n for n, row in enumerate(rows) if row[1] == Kind.EXIT and n >= start]
    i = rng.choice(exits)
    made = rows[:i] + rows[i + 1 :]
    right = frozenset(following(made, rows[i][3], i, 1))
    return Mutation("dropped", made[: i + AFTER], roster, right)


def another_cookie(rows: list[Row], roster: Roster, rng: random.Random) -> Mutation | None:
    """A vcpu has the other VM's cookie."""
    members = roster.vcpus
    tid = rng.choice(sorted(members))
    others = sorted({m.cookie or 0 for m in members.values()} - {members[tid].cookie or 0})
    if not others:
        return None
    changed = Roster(dict(roster.members), roster.kernel, roster.uids, roster.source)
    changed.members[tid] = replace(members[tid], cookie=rng.choice(others))
    return Mutation("cookie", rows, changed, frozenset(), tid)


def involved(rows: Sequence[Row], tid: int, core: frozenset[int], time: int, cpu: int) -> bool:
    """Say whether a task runs or waits on a core when an event happens there, or just after it."""
    where = None  # the cpu that the task runs or waits on
    for row in rows:
        if row[0] > time:
            break
        _, kind, _, number, _, a, b, c = row
        if (row[0], number) == (time, cpu) and where in core:
            return True
        if kind == Kind.SWITCH and b == tid:
            where = number
        elif kind == Kind.SWITCH and a == tid and c != Left.RUNNABLE:
            where = None
        elif kind in (Kind.WAKEUP, Kind.WAKEUP_NEW) and a == tid:
            where = b
        elif kind == Kind.MIGRATE and a == tid and where is not None:
            where = c
    return where in core
