"""Validate a recorded run: follow each core through the states of the model, event by event.

Where no run explains an event, all longest prefixes are kept with what ruled each step out; the
search then begins anew from what was recorded, so that one mismatch does not hide the next. Where
events were lost, or cookies change, it begins anew too, and what lies between is not explained.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vmlitmus.audit.trace.roster import Roster
from vmlitmus.errors import UsageError
from vmlitmus.outcome.validation import (
    Candidate,
    CoreResult,
    Explained,
    Mismatch,
    Prefix,
    Validation,
)
from vmlitmus.trace.events import Kind, Left
from vmlitmus.trace.recording import Recording
from vmlitmus.trace.text import EVERY_CPU
from vmlitmus.validation.environment import STEPS
from vmlitmus.validation.frontier import Follower, Shown, State, TooMany
from vmlitmus.validation.lift import IDLE, Group, Lift, Lifted
from vmlitmus.validation.mapping import TraceMapping

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
MOST_STATES = 20_000  # that agree with the recording at one time
SHOWN = 8  # prefixes and candidates of a mismatch that are kept
PR_SCHED_CORE = 62

Row = tuple[int, ...]


@dataclass
class Place:
    """A cpu of the core: its number, what it runs (None: not known), whether in guest mode."""

    number: int
    task: int | None = None
    guest: bool = False


@dataclass
class Follow:
    """The search on one core. ``states`` maps each state that agrees to the number of runs."""

    states: dict[State, int] = field(default_factory=dict)
    since: int = 0


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
        self._steps = {name: o.steps for name, o in mapping.events.items()}
        self._queued: dict[Group, set[int]] = {g: set() for g in lift.groups}
        self._states: dict[State, int] = {}
        self._since = 0
        self._last: deque[str] = deque(maxlen=6)
        self.events = self.explained = self.unread = self.most = 0
        self.mismatches: list[Mismatch] = []
        self.anew: dict[str, int] = {}
        self._why_anew = "at the first events"
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

    def _restart(self, why: str) -> None:
        self._states = {}
        self._since = 0
        self._why_anew = why

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
        self._states = {self._follower.pack(start): 1}
        for n, p in enumerate(self.places):
            if p.guest:
                group = current[n]
                entered = group is not None and group.vcpu and self._enter(n, group)
                if not entered:
                    self._states = {}
                    return False
        self.anew[self._why_anew] = self.anew.get(self._why_anew, 0) + 1
        return True

    def _enter(self, place: int, group: Group) -> bool:
        vcpu = str(self._lifted.vcpu[group])
        shows = self._shows(place, guest=True)
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
        if not self._states:
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
        was = self._states
        fits = cpu.task == prev and not cpu.guest
        cpu.task, cpu.guest = coming, False
        if not self._states:
            self.unread += 1
            self._look_known()
            return
        if before == after:
            if fits and self._shown_group(place) == before:
                self._within(place, before, sleeps=left != Left.RUNNABLE)
                self._done(row, name)
                return
        if not fits:
            self._fail(row, name, was, "switches", (), self._shows(place, group=after))
            return
        if before is not None and left != Left.RUNNABLE:
            self._leave(place, before)
        bound = (str(self._lifted.cpus[place]),)
        shows = self._shows(place, group=after)
        held = self._states
        if self._take("switches", bound, shows):
            self._done(row, name)
        else:
            self._fail(row, name, held or was, "switches", bound, shows)

    def _known_by_switch(self, place: int, prev: int, coming: int, left: int) -> None:
        """The first switch of a cpu tells its task; it has nothing to be held against."""
        self.unread += 1
        for group, tids in self._queued.items():
            if group.place == place:
                tids.discard(prev)
        if prev and left == Left.RUNNABLE:
            self._queued[self._lift.group(place, prev)].add(prev)
        if coming:
            self._queued[self._lift.group(place, coming)].add(coming)
        self.places[place].task = coming
        self._look_known()

    def _within(self, place: int, group: Group | None, *, sleeps: bool) -> None:
        """A switch between two tasks of one group: a pick may have been made for the siblings."""
        if group is not None and sleeps:
            self._leave(place, group)
        bound = (str(self._lifted.cpus[place]),)
        found = dict(self._states)
        for state, runs in self._next(self._states, "switches", bound, self._look()).items():
            found[state] = found.get(state, 0) + runs
        kept = self._follower.least(found)
        self._states = {state: found[state] for state in kept}

    def _leave(self, place: int, group: Group) -> None:
        """The task that leaves sleeps; others of its group may still be queued, seen or not."""
        task = str(self._lifted.task[group])
        kept = self._states
        shows = self._look()
        found: dict[State, int] = {}
        if not self._queued[group]:
            found = self._next(kept, "sleeps", (task,), shows)
        for state, runs in self._next(kept, "yields", (task,), shows).items():
            found[state] = found.get(state, 0) + runs
        self._states = found or dict(kept)

    def _guest(self, row: Row, name: str, place: int, *, entry: bool) -> None:
        cpu = self.places[place]
        task = row[4]
        self.events += 1
        if cpu.task is None:
            self.unread += 1
            cpu.task, cpu.guest = task, entry
            self._queued[self._lift.group(place, task)].add(task)
            self._look_known()
            return
        self._new = None
        fits = cpu.task == task and cpu.guest != entry
        was = self._states
        shows = self._shows(place, guest=entry)
        cpu.task, cpu.guest = task, entry
        if not self._states:
            self.unread += 1
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

    def moved(self, row: Row, name: str, tid: int, old: int | None, new: int | None) -> bool:
        """A task leaves a cpu of this core, or comes to one; returns whether it was queued."""
        queued = False
        if old is not None:
            group = self._lift.group(old, tid)
            queued = tid in self._queued[group]
            if queued and self.places[old].task != tid:
                self._queued[group].discard(tid)
                if not self._queued[group]:
                    self._dequeued(group)
        if new is not None and (queued or old is None):
            pass
        return queued

    def _dequeued(self, group: Group) -> None:
        if not self._states:
            return
        task = str(self._lifted.task[group])
        kept = self._states  # another of the group, not seen yet, may be queued
        found = dict(kept)
        for state, runs in self._next(kept, "dequeued", (task,), self._look()).items():
            found[state] = found.get(state, 0) + runs
        self._states = found

    def _environment(self, row: Row, name: str, kind: str, group: Group) -> None:
        if not self._states:
            return
        self.events += 1
        bound = (str(self._lifted.task[group]),)
        was = self._states
        if self._take(kind, bound, self._look()):
            self._done(row, name)
        else:
            self._fail(row, name, was, kind, bound, self._look())

    # States.

    def _look(self) -> Shown:
        return self._follower.shown(next(iter(self._states)))

    def _shown_group(self, place: int) -> Group | None:
        who, _ = self._look()[place]
        return who if isinstance(who, Group) else None

    def _shows(self, place: int, *, group: Group | None = None, guest: bool | None = None) -> Shown:
        """Return what is shown now, with one cpu changed."""
        if not self._states:
            return ()
        shown = list(self._look())
        who, _ = shown[place]
        if guest is None:
            shown[place] = (group if group is not None else IDLE, False)
        else:
            shown[place] = (who, guest)
        return tuple(shown)

    def _next(
        self, states: Mapping[State, int], kind: str, bound: tuple[str, ...], shows: Shown
    ) -> dict[State, int]:
        found: dict[State, int] = {}
        steps = self._steps[kind]
        for state, runs in states.items():
            for after in self._follower.after(state, steps, bound, shows):
                found[after] = found.get(after, 0) + runs
        return found

    def _take(self, kind: str, bound: tuple[str, ...], shows: Shown) -> bool:
        found: dict[State, int] = {}
        for chance in self._chances():
            self._follower.open = chance
            found = self._next(self._states, kind, bound, shows)
            if found:
                break
        self._follower.open = frozenset()
        if not found:
            return False
        if len(found) > MOST_STATES:
            raise TooMany
        kept = self._follower.least(found)
        self._states = {state: found[state] for state in kept}
        found = self._states
        self.most = max(self.most, len(found))
        return True

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
        shows: Shown,
    ) -> None:
        """Keep what was tried, and begin anew."""
        say: Callable[[Shown], str] = lambda s: self._lifted.say(s, list(self.index))  # noqa: E731
        refused = self._follower.refusals(states, self._steps[kind], bound, shows, say)
        prefixes = sorted(states.items(), key=lambda item: -item[1])[:SHOWN]
        self.mismatches.append(
            Mismatch(
                time=row[0],
                cpu=row[3],
                event=name,
                explained=self._since,
                prefixes=tuple(Prefix(self._in_words(s), runs) for s, runs in prefixes),
                candidates=tuple(Candidate(r.step, r.why, r.states) for r in refused[:SHOWN]),
                before=tuple(self._last),
            )
        )
        self._restart("after an event that no run explains")
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
            runs=sum(self._states.values()),
            states=self.most,
            mismatches=tuple(self.mismatches),
            anew=dict(self.anew),
            unread=self.unread,
        )


@dataclass(frozen=True)
class Question:
    """What to validate: a mapping, settings of the model besides its own, cores."""

    mapping: TraceMapping
    extra: Mapping[str, Mapping[str, Any]]
    cores: Sequence[frozenset[int]]


def validate(recording: Recording, roster: Roster, question: Question) -> Validation:
    """Validate a recording against the model of a topic."""
    if not question.cores:
        raise UsageError("the cores are not known: give --core")
    rows = rows_of(recording)
    return explained(rows, recording, roster, question, Parts())


@dataclass
class Parts:
    """Machines that were built already, by the number of cpus of a core and the groups."""

    built: dict[object, tuple[Lift, Lifted, Follower]] = field(default_factory=dict)


def explained(
    rows: Sequence[Row], recording: Recording, roster: Roster, question: Question, parts: Parts
) -> Validation:
    """Validate the events of a recording, which are ``KINDS`` in order of time."""
    vcpus = frozenset(roster.vcpus) | {r[4] for r in rows if r[1] in (Kind.ENTRY, Kind.EXIT)}
    runs, kept = _follow(rows, recording, roster, vcpus, question, parts)
    cores = tuple(run.result() for run in runs)
    answer, why = _answer(cores, kept)
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
    parts: Parts,
) -> tuple[list[CoreRun], str]:
    """Follow all cores; returns them, and why it was given up, if it was."""
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
        if key not in parts.built:
            lifted = Lifted(lift, lift.machine(question.extra))
            follower = Follower(lifted.machine, lifted.look, frozenset(only), lifted.canonical)
            parts.built[key] = (lift, lifted, follower)
        _, lifted, follower = parts.built[key]
        run = CoreRun(cpus, lift, lifted, follower, question.mapping, woken=woken)
        lifts.append(lift)
        found.append(run)
        runs |= dict.fromkeys(cpus, run)
    try:
        for row in rows:
            _one(row, runs, found, lifts, recording)
    except TooMany:
        return found, f"more than {MOST_STATES} states agree with what was recorded at one time"
    return found, ""


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
        queued = before is not None and before.moved(row, name, a, before.index[b], None)
        if queued and after is not None:
            after.woken(row, name, a, after.index[c])
    elif kind == Kind.CORE_SHARE or (kind == Kind.PRCTL_ENTRY and a == PR_SCHED_CORE):
        command = a if kind == Kind.CORE_SHARE else b
        if command in (1, 2, 3):
            for lift in lifts:
                lift.created(task)
            for one in every:
                one.forget("cookies change")
    elif run is not None:
        run.take(row, name)


def in_words(row: Row, recording: Recording) -> str:
    """Say an event as the kernel would, with the time in front."""
    time, kind, _, number, task, a, b, c = row
    head = f"{time / 1e9:.6f} s cpu {number}"

    def who(tid: int) -> str:
        return f"{recording.name(tid) or 'task'} ({tid})" if tid else "the idle task"

    if kind == Kind.SWITCH:
        how = {0: "sleeps", 1: "stays runnable", 2: "ends"}.get(c, "leaves")
        return f"{head} sched_switch: {who(a)} {how}, {who(b)} runs"
    if kind == Kind.ENTRY:
        return f"{head} kvm_entry: {who(task)}"
    if kind == Kind.EXIT:
        return f"{head} kvm_exit: {who(task)}"
    if kind == Kind.MIGRATE:
        return f"{head} sched_migrate_task: {who(a)} from cpu {b} to cpu {c}"
    return f"{head} sched_wakeup: {who(a)} on cpu {b}"


def _answer(cores: Sequence[CoreResult], kept: str) -> tuple[Explained, str]:
    if any(core.mismatches for core in cores):
        return Explained.NOT, ""
    if kept:
        return Explained.CANNOT_TELL, kept
    if not sum(core.explained for core in cores):
        return Explained.CANNOT_TELL, "no event of the topic was recorded"
    gaps = sum(core.anew.get("events were lost", 0) for core in cores)
    if gaps:
        return Explained.CANNOT_TELL, f"events were lost {gaps} times"
    return Explained.EXPLAINED, ""
