"""One core of a recorded run: its events in, and which of them no run of the model explains, out.

Where no run explains an event, all longest prefixes are kept with what ruled each step out; the
search then begins anew from what was recorded, so that one mismatch does not hide the next. Where
events were lost, or cookies change, it begins anew too, and what lies between is not explained.
So it does where more states agree than are kept; whether one run has both parts cannot be told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmlitmus.outcome.validation import FIRST, CoreResult, Mismatch
from vmlitmus.trace.events import Kind, Left
from vmlitmus.validation.agreeing import MISMATCH, TOO_MANY, candidates, longest_prefixes
from vmlitmus.validation.cores.agreeing_states import AgreeingStates
from vmlitmus.validation.cores.lift import CoreShown, Group, Lift, Lifted
from vmlitmus.validation.frontier import Follower, State
from vmlitmus.validation.mapping import TraceMapping
from vmlitmus.validation.wording import Row


@dataclass
class Place:
    """A cpu of the core: its number, what it runs (None: not known), whether in guest mode."""

    number: int
    task: int | None = None
    guest: bool = False


class CoreRun:
    """One core of a recorded run."""

    def __init__(
        self,
        cpus: Sequence[int],
        lift: Lift,
        lifted: Lifted,
        follower: Follower,
        mapping: TraceMapping,
        *,
        woken: bool,
    ) -> None:
        self._woken = woken  # whether wakeups were recorded
        self.places = [Place(n) for n in cpus]
        self.index = {n: place for place, n in enumerate(cpus)}
        self._lift = lift
        self._lifted = lifted
        self._follower = follower
        self._queued: dict[Group, set[int]] = {g: set() for g in lift.groups}
        self.states = AgreeingStates(follower, lifted, mapping.events)
        self._since = 0
        self._last: deque[str] = deque(maxlen=6)
        self.events = self.explained = 0
        self.unread: dict[str, int] = {}
        self.mismatches: list[Mismatch] = []
        self.anew: dict[str, int] = {}
        self._why_anew = FIRST
        self._open: set[Group] = set()
        self._new: Group | None = None

    # Beginning.

    def forget(self, why: str, place: int | None = None) -> None:
        """Begin anew: nothing is known of a cpu, or of all, before its next event."""
        for n, cpu in enumerate(self.places):
            if place is None or n == place:
                cpu.task, cpu.guest = None, False
        for group, tids in self._queued.items():
            if place is None or group.place == place:
                tids.clear()
        self._restart(why)

    def cookies_change(self) -> None:
        """Tasks have other cookies now; which is not recorded. An idle cpu still idles."""
        why = "cookies change"
        for n, cpu in enumerate(self.places):
            if cpu.task != 0:
                self.forget(why, n)
        for tids in self._queued.values():
            tids.clear()
        self._restart(why)
        self._look_known()

    def _restart(self, why: str) -> None:
        self.states.runs = {}
        self._since = 0
        self._why_anew = why

    def too_many(self) -> None:
        """Begin anew from what was recorded: more states agree than are kept."""
        if self.states.runs:
            self._restart(TOO_MANY)
            self._look_known()

    def _begin(self) -> bool:
        """Begin once every cpu is known; groups that nobody was seen in may wait or not."""
        if any(p.task is None for p in self.places):
            return False
        current = [
            self._lift.group(n, p.task) if p.task else None for n, p in enumerate(self.places)
        ]
        waiting = frozenset(g for g, tids in self._queued.items() if tids)
        self._open = {g for g in self._lift.groups if g not in waiting and g not in current}
        start = self._lifted.start(current, waiting)
        self.states.runs = {self._follower.pack(start): 1}
        for n, p in enumerate(self.places):
            if p.guest:
                group = current[n]
                entered = group is not None and group.vcpu and self._enter(n, group)
                if not entered:
                    self.states.runs = {}
                    return False
        self.anew[self._why_anew] = self.anew.get(self._why_anew, 0) + 1
        return True

    def _enter(self, place: int, group: Group) -> bool:
        vcpu = str(self._lifted.vcpu[group])
        shows = self.states.with_guest(place, True)
        return self._take("enters", (vcpu,), shows)

    def _met(self, group: Group | None) -> None:
        """A task of a group shows itself: what becomes of the group is recorded from now on."""
        fresh = group in self._open or not self._woken
        self._new = group if fresh else None
        if group is not None:
            self._open.discard(group)

    def _chances(self) -> Iterator[frozenset[str]]:
        """Yield which groups may have been enqueued before the first event, fewest first.

        The group that has just shown itself; then one more that nobody was seen of yet.
        """
        least = {self._new} if self._new is not None else set()
        yield self._tasks(least)
        for group in sorted(self._open):
            yield self._tasks(least | {group})

    def _tasks(self, groups: Iterable[Group]) -> frozenset[str]:
        return frozenset(str(self._lifted.task[g]) for g in groups)

    def _not_asked(self) -> None:
        """Count an event that comes while nothing is known."""
        self.unread[self._why_anew] = self.unread.get(self._why_anew, 0) + 1

    # One event.

    def take(self, row: Row, name: str) -> None:
        """Take an event of a cpu of this core."""
        _, kind, _, number, task, a, b, c = row
        place = self.index[number]
        cpu = self.places[place]
        if kind == Kind.SWITCH:
            self._switch(row, name, place, a, b, c)
        elif kind in (Kind.ENTRY, Kind.EXIT):
            self._guest(row, name, place, entry=kind == Kind.ENTRY)
        elif cpu.task is None and task >= 0:
            cpu.task = task
            self._look_known()

    def _look_known(self) -> None:
        if not self.states.runs:
            self._begin()

    def _switch(self, row: Row, name: str, place: int, prev: int, coming: int, left: int) -> None:
        cpu = self.places[place]
        self.events += 1
        if cpu.task is None:
            self._known_by_switch(place, prev, coming, left)
            return
        before = self._lift.group(place, prev) if prev else None
        after = self._lift.group(place, coming) if coming else None
        if before is not None:
            queued = self._queued[before]
            if left == Left.RUNNABLE:
                queued.add(prev)
            else:
                queued.discard(prev)
        if after is not None:
            self._queued[after].add(coming)
        self._met(after)
        was = self.states.runs
        fits = cpu.task == prev and not cpu.guest
        cpu.task, cpu.guest = coming, False
        if not self.states.runs:
            self._not_asked()
            self._look_known()
            return
        if before == after:
            if fits and self.states.group_at(place) == before:
                if before is not None and left != Left.RUNNABLE:
                    self._leave(before)
                self.states.may_switch_within(place)
                self._done(row, name)
                return
        if not fits:
            self._fail(row, name, was, "switches", (), self.states.with_task(place, after))
            return
        if before is not None and left != Left.RUNNABLE:
            self._leave(before)
        bound = (str(self._lifted.cpus[place]),)
        shows = self.states.with_task(place, after)
        held = self.states.runs
        if self._take("switches", bound, shows):
            self._done(row, name)
        else:
            self._fail(row, name, held or was, "switches", bound, shows)

    def _known_by_switch(self, place: int, prev: int, coming: int, left: int) -> None:
        """The first switch of a cpu tells its task; it has nothing to be held against."""
        self._not_asked()
        for group, tids in self._queued.items():
            if group.place == place:
                tids.discard(prev)
        if prev and left == Left.RUNNABLE:
            self._queued[self._lift.group(place, prev)].add(prev)
        if coming:
            self._queued[self._lift.group(place, coming)].add(coming)
        self.places[place].task = coming
        self._look_known()

    def _leave(self, group: Group) -> None:
        """The task that leaves sleeps; others of its group may still be queued, seen or not."""
        self.states.leave(str(self._lifted.task[group]), last=not self._queued[group])

    def _take(self, kind: str, bound: tuple[str, ...], shows: CoreShown) -> bool:
        return self.states.take_event(kind, bound, shows, self._chances())

    def _guest(self, row: Row, name: str, place: int, *, entry: bool) -> None:
        cpu = self.places[place]
        task = row[4]
        self.events += 1
        if cpu.task is None:
            self._not_asked()
            cpu.task, cpu.guest = task, entry
            self._queued[self._lift.group(place, task)].add(task)
            self._look_known()
            return
        self._new = None
        fits = cpu.task == task and cpu.guest != entry
        was = self.states.runs
        shows = self.states.with_guest(place, entry)
        cpu.task, cpu.guest = task, entry
        if not self.states.runs:
            self._not_asked()
            self._look_known()
            return
        group = self._lift.group(place, task)
        vcpu = str(self._lifted.vcpu[group]) if group in self._lifted.vcpu else "no vcpu"
        kind = "enters" if entry else "exits"
        if fits and self._take(kind, (vcpu,), shows):
            self._done(row, name)
        else:
            self._fail(row, name, was, kind, (vcpu,), shows)

    def woken(self, row: Row, name: str, tid: int, place: int) -> None:
        """A task is enqueued on a cpu of this core."""
        if self.places[place].task == tid:
            return
        group = self._lift.group(place, tid)
        self._queued[group].add(tid)
        self._met(group)
        self._environment(row, name, "enqueued", group)

    def left(self, tid: int, place: int) -> bool:
        """A task is migrated away from a cpu of this core; returns whether it was queued there."""
        group = self._lift.group(place, tid)
        queued = tid in self._queued[group]
        if queued and self.places[place].task != tid:
            self._queued[group].discard(tid)
            if not self._queued[group] and self.states.runs:
                self.states.may_dequeue(str(self._lifted.task[group]))
        return queued

    def _environment(self, row: Row, name: str, kind: str, group: Group) -> None:
        if not self.states.runs:
            return
        self.events += 1
        bound = (str(self._lifted.task[group]),)
        was = self.states.runs
        if self._take(kind, bound, self.states.look()):
            self._done(row, name)
        else:
            self._fail(row, name, was, kind, bound, self.states.look())

    def _done(self, row: Row, name: str) -> None:
        self.explained += 1
        self._since += 1
        self._last.append(name)

    def _fail(
        self,
        row: Row,
        name: str,
        states: Mapping[State, int],
        kind: str,
        bound: tuple[str, ...],
        shows: CoreShown,
    ) -> None:
        """Keep what was tried, and begin anew."""
        say: Callable[[Any], str] = lambda s: self._lifted.say(s, list(self.index))  # noqa: E731
        wanted = self.states.wanted(kind, bound, shows)
        refused = self._follower.refusals(states, wanted, say)
        self.mismatches.append(
            Mismatch(
                time=row[0],
                cpu=row[3],
                event=name,
                explained=self._since,
                prefixes=longest_prefixes(states, self._in_words),
                candidates=candidates(refused),
                before=tuple(self._last),
            )
        )
        self._restart(MISMATCH)
        self._look_known()

    def _in_words(self, state: State) -> dict[str, str]:
        """Return what a state says that is not as at the start, hidden bookkeeping left out."""
        machine = self._follower.machine
        codes = self._follower.unpack(state)
        return {name: pair[1] for name, pair in machine.changes(machine.initial, codes).items()}

    def result(self) -> CoreResult:
        return CoreResult(
            cpus=tuple(self.index),
            events=self.events,
            explained=self.explained,
            runs=sum(self.states.runs.values()),
            states=self.states.most,
            mismatches=tuple(self.mismatches),
            anew=dict(self.anew),
            unread=sum(self.unread.values()),
            why_unread=dict(self.unread),
        )
