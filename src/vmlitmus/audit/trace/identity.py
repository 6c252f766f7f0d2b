"""Who a task is at one moment of a run: a tid in, its party out.

A roster says it at first. Forks, exits, entries to a guest and changes of cookies correct it.
"""

from __future__ import annotations

from collections.abc import Mapping

from vmlitmus.audit.trace.roster import Party, Roster
from vmlitmus.trace.events import Kind
from vmlitmus.trace.recording import Recording

_CHANGES_COOKIES = range(1, 4)  # CREATE, SHARE_TO, SHARE_FROM
_MOST_DEAD = 1 << 20
_MOST_TASKS = 1 << 16


def last_own_cookies(recording: Recording) -> dict[int, int]:
    """Return when each task last gave itself a cookie, by tid: before that, the roster is wrong."""
    found: dict[int, int] = {}
    for batch in recording.batches((Kind.PRCTL_ENTRY, Kind.CORE_SHARE)):
        for time, kind, _, _, task, a, b, c in batch.rows():
            if kind == Kind.CORE_SHARE and a == 1 and b in (0, task) and c == 0:
                found[task] = time
    return found


class Identities:
    """The parties of the tasks of a run, as far as its events went.

    ``settled`` is when tasks last gave themselves a cookie (see ``last_own_cookies``).
    """

    def __init__(self, roster: Roster, settled: Mapping[int, int] | None = None) -> None:
        self.roster = roster
        self.ran: set[int] = set()
        self.entered: set[int] = set()
        self.guests_seen: set[int] = set()  # tasks ever in guest mode
        self.cookie_changes = 0
        self.cookie_doubt = False
        self._vcpus = roster.vcpus
        self._parties: dict[int, Party] = {}
        self._dead: set[int] = set()
        self._reused: set[int] = set()
        self._forked: dict[int, int] = {}
        self._settled = settled or {}
        self._stale = set(self._settled)  # members whose cookie is not what the roster says

    @property
    def stale(self) -> frozenset[int]:
        """Members whose cookie may be another than the roster says."""
        return frozenset(self._stale)

    def party(self, task: int) -> Party:
        """Return whose a task is."""
        found = self._parties.get(task)
        if found is None:
            found = self.roster.party(task)
            if task in self._stale:
                found = Party(found.kind, found.name, None)
            if task in self._reused:
                found = Party("task", f"task {task}, its tid used again")
            if len(self._parties) > _MOST_TASKS:
                self._parties.clear()
            self._parties[task] = found
        return found

    def ends(self, task: int) -> None:
        """A task is dead: its tid may be used again."""
        self._dead.add(task)
        self._forked.pop(task, None)
        if len(self._dead) > _MOST_DEAD:
            self._dead.clear()

    def forks(self, child: int, time: int) -> None:
        """A tid is given to a new task, which is nobody that the roster knows if it was used."""
        if child in self._dead or child in self._forked:
            self._reused.add(child)
            self._dead.discard(child)
            self._parties[child] = Party("task", f"task {child}, its tid used again")
            self.entered.discard(child)
        self._forked[child] = time
        if len(self._forked) > _MOST_TASKS:
            self._forked.clear()

    def enters(self, task: int) -> None:
        """A task enters a guest; one that nobody knows is some VM's vcpu."""
        self.entered.add(task)
        self.guests_seen.add(task)
        if task not in self._vcpus or task in self._reused:
            self._parties[task] = Party("unknown vm", f"unknown VM of task {task}")

    def shares(self, time: int, task: int, command: int, pid: int, scope: int) -> None:
        """Take a PR_SCHED_CORE of a task; ``scope`` is NONE where it is not known.

        Cookies of the tasks that live now may change; those forked later are as the roster says. A
        task that reads its own cookie has from then on the one that the roster says. Whom a change
        reaches depends on its scope: where that is not known, every member that has shown itself
        and is of the caller's process, so far as that is known, is doubted.
        """
        if command == 0 and pid in (0, task):
            self._trust(task)
        if command not in _CHANGES_COOKIES:
            return
        self.cookie_changes += 1
        if scope == 0 and pid in (0, task) and time >= self._settled.get(task, 0):
            if task not in self._settled and task in self.ran:
                self.cookie_doubt = True  # what it had before is not in the roster
            self._trust(task)  # the roster has what it got last
            return
        reached = {pid or task} if scope == 0 else self._of_process(task, pid)
        self._stale |= reached
        for tid in reached:
            self._parties.pop(tid, None)

    def _trust(self, task: int) -> None:
        """The roster has the cookie of a task."""
        self._stale.discard(task)
        self._parties.pop(task, None)

    def _of_process(self, task: int, pid: int) -> set[int]:
        """Return the members seen so far that a call of a task for a pid may reach."""
        member = self.roster.members.get(task)
        return {
            tid
            for tid, other in self.roster.members.items()
            if (tid in self.ran or tid in self._forked)
            and (member is None or member.vm == other.vm or pid == tid)
        }
