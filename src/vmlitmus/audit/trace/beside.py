"""Who ran beside whom on a core: one pass over the events of a run, at constant memory.

Of each cpu: the current task, whether it is in guest mode, and how deep it is in interrupts, each
of which may be unknown. Of each two cpus of a core: since when they have run what they run, in four
measures (``Measure``). A tracepoint kvm_entry comes before VMRUN and kvm_exit after #VMEXIT, so an
interval in guest mode is up to about 1 us too long at each end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from typing import Protocol

from vmlitmus.audit.trace.roster import Party, Roster
from vmlitmus.trace.events import NONE, Kind, Left
from vmlitmus.trace.recording import Recording
from vmlitmus.trace.text import EVERY_CPU
from vmlitmus.trace.tracepoints.tables import failed_entry

OUT, IN, UNKNOWN = 0, 1, 2  # of guest mode
KEPT = 4  # longest intervals kept for each pair of parties
PARTIES = 4096  # pairs of parties told apart in each measure
GAPS = 1000  # gaps remembered one by one
CONTEXT = 8  # last events of a cpu kept for a witness
PR_SCHED_CORE = 62
_CHANGES_COOKIES = range(1, 4)  # CREATE, SHARE_TO, SHARE_FROM

KINDS = (
    Kind.SWITCH,
    Kind.ENTRY,
    Kind.EXIT,
    Kind.FORK,
    Kind.TASK_EXIT,
    Kind.WAKEUP,
    Kind.WAKEUP_NEW,
    Kind.MIGRATE,
    Kind.IRQ_ENTRY,
    Kind.IRQ_EXIT,
    Kind.SOFTIRQ_ENTRY,
    Kind.SOFTIRQ_EXIT,
    Kind.HOTPLUG_ENTRY,
    Kind.HOTPLUG_EXIT,
    Kind.PRCTL_ENTRY,
    Kind.IPI_SEND,
    Kind.CORE_SHARE,
    Kind.SPLIT_LOCK,
    Kind.LOST,
)


class Measure(StrEnum):
    """In which sense two cpus of a core were busy at one time."""

    TASKS = "as current tasks"
    GUEST = "both in guest mode"
    BESIDE_TASK = "guest beside a user task"
    BESIDE_KERNEL = "guest beside kernel context"
    BESIDE_IRQ = "guest beside an interrupt"
    FORCED_IDLE = "idle while another waits"


@dataclass(frozen=True)
class Seen:
    """An event of a witness."""

    time: int
    cpu: int
    kind: int
    task: int
    a: int
    b: int


@dataclass(frozen=True)
class Interval:
    """Two tasks beside each other: ``start`` and ``end`` in ns, of the first and second cpu.

    ``first`` is the task that was there first, None where both came at one time; ``left`` the one
    whose event ended it. ``events`` are those of the core around it.
    """

    start: int
    end: int
    cpus: tuple[int, int]
    tasks: tuple[int, int]
    came: int  # the cpu whose event began it
    went: int  # the cpu whose event ended it
    events: tuple[Seen, ...] = ()

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass
class Shared:
    """All intervals of one measure between two parties; times in ns.

    ``gave_way`` are those that ended when the cpu that was there first gave way.
    """

    measure: Measure
    parties: tuple[Party, Party]
    count: int = 0
    total: int = 0
    gave_way: int = 0
    stayed: int = 0  # the longest of the others
    longest: list[Interval] = field(default_factory=list)


@dataclass(frozen=True)
class Gap:
    """A time for which a cpu's state is not known, in ns."""

    cpu: int
    start: int
    end: int
    why: str


@dataclass
class Possible:
    """Time for which two guests may have been beside each other: ``total`` in ns."""

    count: int = 0
    total: int = 0
    why: dict[str, int] = field(default_factory=dict)


@dataclass
class Waits:
    """How long something waited, in ns."""

    count: int = 0
    total: int = 0
    longest: int = 0
    at: int = 0

    def add(self, length: int, at: int) -> None:
        self.count += 1
        self.total += length
        if length > self.longest:
            self.longest, self.at = length, at


class Sink(Protocol):
    """Somebody who wants every slice of a task and of guest mode."""

    def ran(self, cpu: int, task: int, start: int, end: int) -> None: ...
    def in_guest(self, cpu: int, task: int, start: int, end: int) -> None: ...


class Cpu:
    """The state of one cpu; ``since`` and ``entered`` are when its task came and entered."""

    __slots__ = (
        "core",
        "entered",
        "events",
        "guest",
        "irqs",
        "kicked",
        "number",
        "pairs",
        "seen",
        "since",
        "task",
        "waiting",
        "why",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.task: int | None = None
        self.guest = UNKNOWN
        self.irqs = 0
        self.seen = -1
        self.since = -1
        self.entered = -1
        self.kicked = -1
        self.why = "before its first event"
        self.pairs: list[Pair] = []
        self.core: Core | None = None
        self.waiting: dict[int, int] = {}
        self.events: deque[tuple[int, ...]] = deque(maxlen=CONTEXT)


class Core:
    """A core: its cpus, how long all of them were known, the last events."""

    def __init__(self, cpus: list[Cpu]) -> None:
        self.cpus = cpus
        self.known = 0
        self.known_since = -1
        self.possible = Possible()
        self.offline: set[int] = set()


class Pair:
    """Two cpus of a core, and what is open between them: key, start, cpu that began it."""

    __slots__ = ("a", "b", "beside", "core", "guest", "idle", "possible", "tasks")

    def __init__(self, core: Core, a: Cpu, b: Cpu) -> None:
        self.core = core
        self.a = a
        self.b = b
        self.tasks: tuple[tuple[int, int], int, int, Party, Party] | None = None
        self.guest: tuple[tuple[int, int], int, int] | None = None
        self.beside: tuple[tuple[Measure, int, int], int, int] | None = None
        self.idle: tuple[tuple[int, int], int, int] | None = None
        self.possible = -1


def last_own_cookies(recording: Recording) -> dict[int, int]:
    """Return when each task last gave itself a cookie, by tid: before that, the roster is wrong."""
    found: dict[int, int] = {}
    for batch in recording.batches((Kind.PRCTL_ENTRY, Kind.CORE_SHARE)):
        for time, kind, _, _, task, a, b, c in batch.rows():
            if kind == Kind.CORE_SHARE and a == 1 and b in (0, task) and c == 0:
                found[task] = time
    return found


class Beside:
    """Follows a run; ``shared`` and the counts below are the result.

    ``settled`` is when tasks last gave themselves a cookie (see ``last_own_cookies``).
    """

    def __init__(
        self,
        roster: Roster,
        cores: Iterable[frozenset[int]],
        sink: Sink | None = None,
        settled: Mapping[int, int] | None = None,
    ) -> None:
        self.roster = roster
        self.sink = sink
        self.cpus: dict[int, Cpu] = {}
        self.cores: list[Core] = []
        for core in cores:
            self._add_core(sorted(core))
        self.shared: dict[tuple[object, ...], Shared] = {}
        self.crowded = False  # more parties than are told apart
        self.gaps: list[Gap] = []
        self.gap_count = 0
        self.contradictions = 0
        self.now = -1
        self.start = -1
        self.span = 0
        self.backwards = 0
        self.ran: set[int] = set()
        self.entered: set[int] = set()
        self.guests_seen: set[int] = set()  # tasks ever in guest mode
        self.irqs_beside = 0
        self.failed: dict[int, int] = {}
        self.kicks = Waits()
        self.split_locks = Waits()
        self.cookie_changes = 0
        self.hotplug: list[tuple[int, int, bool]] = []  # time, cpu, up
        self.kinds = [0] * 64
        self._vcpus = roster.vcpus
        self._parties: dict[int, Party] = {}
        self._dead: set[int] = set()
        self._reused: set[int] = set()
        self._forked: dict[int, int] = {}
        self._settled = settled or {}
        self._stale = set(self._settled)  # members whose cookie is not what the roster says
        self.cookie_doubt = False
        self._split: dict[int, int] = {}
        self._handlers: list[Callable[..., None] | None] = [None] * 64
        for kind, handler in _HANDLERS.items():
            self._handlers[kind] = getattr(self, handler)

    def _add_core(self, numbers: list[int]) -> Core:
        core = Core([self.cpus.setdefault(n, Cpu(n)) for n in numbers])
        for cpu in core.cpus:
            cpu.core = core
        for a, b in combinations(core.cpus, 2):
            pair = Pair(core, a, b)
            a.pairs.append(pair)
            b.pairs.append(pair)
        self.cores.append(core)
        return core

    def follow(self, recording: Recording) -> Beside:
        """Take all events of a recording."""
        cpus, handlers, kinds = self.cpus, self._handlers, self.kinds
        for batch in recording.batches(KINDS):
            for time, kind, _, number, task, a, b, c in batch.rows():
                if time < self.now and kind != Kind.LOST:
                    self._went_back(time)
                elif time > self.now:
                    self.now = time
                    if self.start < 0:
                        self._begin(time)
                kinds[kind] += 1
                cpu = cpus.get(number)
                if cpu is None:
                    if number == EVERY_CPU:
                        self._lost_everywhere(time)
                        continue
                    cpu = self._stranger(number)
                cpu.events.append((time, number, kind, task, a, b))
                handler = handlers[kind]
                if handler is not None:
                    handler(cpu, time, task, a, b, c)
                    if kind != Kind.LOST:
                        cpu.seen = time
        self._finish()
        return self

    def _begin(self, time: int) -> None:
        self.start = time
        for core in self.cores:
            for cpu in core.cpus:
                cpu.seen = time
                for pair in cpu.pairs:
                    if pair.possible < 0:
                        pair.possible = time

    def _stranger(self, number: int) -> Cpu:
        """Meet a cpu that no core names: it is a core of its own, and said so."""
        cpu = self.cpus[number] = Cpu(number)
        cpu.seen = self.now
        return cpu

    def _went_back(self, time: int) -> None:
        """The clock went backwards: nothing is known any more of any cpu."""
        self.backwards += 1
        for cpu in self.cpus.values():
            self._forget(cpu, "the clock goes backwards")
        for core in self.cores:
            for pair in {id(p): p for cpu in core.cpus for p in cpu.pairs}.values():
                self._end_possible(pair, self.now)
                pair.possible = time
        self.span += self.now - self.start
        self.now = self.start = time
        for cpu in self.cpus.values():
            cpu.seen = time

    def _finish(self) -> None:
        end = self.now
        for cpu in self.cpus.values():
            for pair in cpu.pairs:
                self._close_all(pair, end, cpu.number)
                self._end_possible(pair, end)
            if self.sink is not None:
                self._report_slices(cpu, end)
        for core in self.cores:
            if core.known_since >= 0:
                core.known += end - core.known_since
                core.known_since = -1
        self.span += max(end - self.start, 0)

    # What is known of a cpu.

    def _know(self, cpu: Cpu, time: int, task: int, guest: int) -> None:
        """A cpu of which nothing was known shows its task."""
        if self.gap_count < GAPS and cpu.seen >= 0 and time > cpu.seen:
            self.gaps.append(Gap(cpu.number, cpu.seen, time, cpu.why))
        self.gap_count += 1
        cpu.task, cpu.guest, cpu.irqs = task, guest, 0
        cpu.since = time
        self.ran.add(task)
        core = cpu.core
        if core is not None and core.known_since < 0:
            if all(c.guest != UNKNOWN or c.number in core.offline for c in core.cpus):
                core.known_since = time

    def _forget(self, cpu: Cpu, why: str) -> None:
        """Nothing is known of a cpu since its last event."""
        if cpu.guest == UNKNOWN:
            return
        at = cpu.seen
        for pair in cpu.pairs:
            self._close_all(pair, at, cpu.number)
        if self.sink is not None:
            self._report_slices(cpu, at)
        core = cpu.core
        if core is not None and core.known_since >= 0:
            core.known += max(at - core.known_since, 0)
            core.known_since = -1
        cpu.task, cpu.guest, cpu.irqs, cpu.why = None, UNKNOWN, 0, why
        cpu.waiting.clear()
        for pair in cpu.pairs:
            self._update(pair, at, cpu.number)

    def _contradict(self, cpu: Cpu, time: int, task: int, guest: int) -> None:
        """An event does not fit what is known: events before it must be missing."""
        if cpu.guest != UNKNOWN:
            self.contradictions += 1
            self._forget(cpu, "events are missing")
        self._know(cpu, time, task, guest)

    def _lost(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        self._forget(cpu, "events were lost")

    def _lost_everywhere(self, time: int) -> None:
        for cpu in self.cpus.values():
            self._forget(cpu, "a part of the file cannot be read")

    # Events.

    def _switch(self, cpu: Cpu, time: int, task: int, prev: int, coming: int, left: int) -> None:
        if cpu.guest == UNKNOWN:
            self._know(cpu, time, prev, OUT)
        elif cpu.task != prev or cpu.guest == IN:
            self._contradict(cpu, time, prev, OUT)
        if self.sink is not None and prev and cpu.since >= 0:
            self.sink.ran(cpu.number, prev, cpu.since, time)
        if left == Left.DEAD:
            self._dead.add(prev)
            self._forked.pop(prev, None)
            if len(self._dead) > 1 << 20:
                self._dead.clear()
        elif left == Left.RUNNABLE and prev:
            cpu.waiting[prev] = time
        cpu.waiting.pop(coming, None)
        cpu.task, cpu.guest, cpu.since = coming, OUT, time
        self.ran.add(coming)
        for pair in cpu.pairs:
            self._update(pair, time, cpu.number)
            self._update_idle(pair, time, cpu.number)

    def _entry(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        if cpu.guest == UNKNOWN:
            self._know(cpu, time, task, OUT)
        elif cpu.task != task or cpu.guest == IN:
            self._contradict(cpu, time, task, OUT)
        if task not in self.entered:
            self._meet_vcpu(task)
        if task in self._split:
            self.split_locks.add(time - self._split.pop(task), time)
        cpu.guest, cpu.entered = IN, time
        for pair in cpu.pairs:
            self._update(pair, time, cpu.number)

    def _exit(self, cpu: Cpu, time: int, task: int, a: int, reason: int, isa: int) -> None:
        if cpu.guest == UNKNOWN:
            self._know(cpu, time, task, OUT)
            self._meet_vcpu(task)
        elif cpu.task != task or cpu.guest != IN:
            self._contradict(cpu, time, task, OUT)
        if reason != NONE and failed_entry(reason, isa):
            self.failed[task] = self.failed.get(task, 0) + 1
        if cpu.kicked >= 0:
            self.kicks.add(time - cpu.kicked, time)
            cpu.kicked = -1
        if self.sink is not None and cpu.guest == IN:
            self.sink.in_guest(cpu.number, task, cpu.entered, time)
        cpu.guest = OUT
        for pair in cpu.pairs:
            self._update(pair, time, cpu.number)

    def _irq_entry(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        if cpu.guest == UNKNOWN:
            self._know(cpu, time, task, OUT)
        cpu.irqs += 1
        for pair in cpu.pairs:
            other = pair.b if pair.a is cpu else pair.a
            if other.guest == IN:
                self.irqs_beside += 1
            self._update(pair, time, cpu.number)

    def _irq_exit(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        if cpu.guest == UNKNOWN:
            self._know(cpu, time, task, OUT)
        if cpu.irqs:
            cpu.irqs -= 1
        for pair in cpu.pairs:
            self._update(pair, time, cpu.number)

    def _any(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        if cpu.guest == UNKNOWN and task >= 0:
            self._know(cpu, time, task, OUT)
            for pair in cpu.pairs:
                self._update(pair, time, cpu.number)

    def _fork(self, cpu: Cpu, time: int, task: int, a: int, child: int, c: int) -> None:
        self._any(cpu, time, task, a, child, c)
        if child in self._dead or child in self._forked:
            self._reuse(child)
        self._forked[child] = time
        self._bound(self._forked)

    def _task_exit(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        self._any(cpu, time, task, a, b, c)

    def _wakeup(self, cpu: Cpu, time: int, task: int, woken: int, target: int, c: int) -> None:
        self._any(cpu, time, task, woken, target, c)
        there = self.cpus.get(target)
        if there is not None and woken in self.roster.members and there.task != woken:
            there.waiting[woken] = time
            for pair in there.pairs:
                self._update_idle(pair, time, cpu.number)

    def _migrate(self, cpu: Cpu, time: int, task: int, moved: int, old: int, new: int) -> None:
        self._any(cpu, time, task, moved, old, new)
        before, there = self.cpus.get(old), self.cpus.get(new)
        if before is not None and there is not None and moved in before.waiting:
            there.waiting[moved] = before.waiting.pop(moved)
            for pair in (*before.pairs, *there.pairs):
                self._update_idle(pair, time, cpu.number)

    def _hotplug(self, cpu: Cpu, time: int, task: int, number: int, target: int, step: int) -> None:
        """A cpu goes down step by step to a lower target, and up to a higher one."""
        self._any(cpu, time, task, number, target, step)
        if target == step:
            return
        up = target > step
        known = [e for e in self.hotplug if e[1] == number]
        if (known and known[-1][2] == up) or len(self.hotplug) >= GAPS:
            return
        self.hotplug.append((time, number, up))
        there = self.cpus.get(number)
        if up and there is not None and known:  # it starts in the idle task
            there.seen = max(there.seen, time)
            self._forget(there, "it has just come online")
            self._know(there, time, 0, OUT)
            for pair in there.pairs:
                self._update(pair, time, number)

    def _prctl(self, cpu: Cpu, time: int, task: int, option: int, command: int, pid: int) -> None:
        self._any(cpu, time, task, option, command, pid)
        if option == PR_SCHED_CORE:
            self._core_share(cpu, time, task, command, pid, NONE)

    def _core_share(
        self, cpu: Cpu, time: int, task: int, command: int, pid: int, scope: int
    ) -> None:
        """Cookies of the tasks that live now may change; those forked later are as the roster says.

        A task that reads its own cookie has from then on the one that the roster says. Whom a
        change reaches depends on its scope: where that is not known, every member that has shown
        itself and is of the caller's process, so far as that is known, is doubted.
        """
        self._any(cpu, time, task, command, pid, scope)
        if command == 0 and pid in (0, task):
            self._stale.discard(task)
            self._parties.pop(task, None)
        if command not in _CHANGES_COOKIES:
            return
        self.cookie_changes += 1
        if scope == 0 and pid in (0, task) and time >= self._settled.get(task, 0):
            if task not in self._settled and task in self.ran:
                self.cookie_doubt = True  # what it had before is not in the roster
            self._stale.discard(task)  # the roster has what it got last
            self._parties.pop(task, None)
            return
        if scope == 0:
            reached = {pid or task}
        else:
            member = self.roster.members.get(task)
            reached = {
                tid
                for tid, other in self.roster.members.items()
                if (tid in self.ran or tid in self._forked)
                and (member is None or member.vm == other.vm or pid == tid)
            }
        self._stale |= reached
        for tid in reached:
            self._parties.pop(tid, None)

    def _ipi(self, cpu: Cpu, time: int, task: int, target: int, b: int, c: int) -> None:
        self._any(cpu, time, task, target, b, c)
        there = self.cpus.get(target)
        if there is not None and there.guest == IN and there.kicked < 0:
            there.kicked = time

    def _split_lock(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        self._any(cpu, time, task, a, b, c)
        self._split.setdefault(task, time)
        self._bound(self._split)

    # Who a task is.

    @property
    def stale(self) -> frozenset[int]:
        """Members whose cookie may be another than the roster says."""
        return frozenset(self._stale)

    def _reuse(self, task: int) -> None:
        """A tid is given to a new task, which is nobody that the roster knows."""
        self._reused.add(task)
        self._dead.discard(task)
        self._parties[task] = Party("task", f"task {task}, its tid used again")
        self.entered.discard(task)

    def _bound(self, table: dict[int, int]) -> None:
        if len(table) > 1 << 16:
            table.clear()

    def _meet_vcpu(self, task: int) -> None:
        """A task that nobody knows enters a guest: it is some VM's vcpu."""
        self.entered.add(task)
        self.guests_seen.add(task)
        if task not in self._vcpus or task in self._reused:
            self._parties[task] = Party("unknown vm", f"unknown VM of task {task}")

    def party(self, task: int) -> Party:
        """Return whose a task is."""
        found = self._parties.get(task)
        if found is None:
            found = self.roster.party(task)
            if task in self._stale:
                found = Party(found.kind, found.name, None)
            if task in self._reused:
                found = Party("task", f"task {task}, its tid used again")
            if len(self._parties) > 1 << 16:
                self._parties.clear()
            self._parties[task] = found
        return found

    # Pairs of cpus.

    def _update(self, pair: Pair, time: int, by: int) -> None:
        a, b = pair.a, pair.b
        u, v = a.task, b.task
        tasks = (u, v) if u and v else None
        if pair.tasks is not None or tasks is not None:
            self._update_tasks(pair, tasks, time, by)
        guests = a.guest + b.guest
        both = tasks if a.guest == IN and b.guest == IN else None
        if (pair.guest[0] if pair.guest else None) != both:
            self._close_guest(pair, time, by)
            if both:
                pair.guest = (both, time, by)
        beside = self._beside(a, b) if guests == IN else None
        if (pair.beside[0] if pair.beside else None) != beside:
            self._close_beside(pair, time, by)
            if beside:
                pair.beside = (beside, time, by)
        doubt = guests > IN and UNKNOWN in (a.guest, b.guest)
        if doubt != (pair.possible >= 0):
            if doubt:
                pair.possible = time
            else:
                self._end_possible(pair, time)

    def _update_tasks(self, pair: Pair, tasks: tuple[int, int] | None, time: int, by: int) -> None:
        """Current tasks of two parties: an interval lasts as long as these two parties do."""
        if pair.tasks is not None:
            held, start, came, one, two = pair.tasks
            if tasks == held:
                return
            if tasks is not None and one != two:
                if self.party(tasks[0]) == one and self.party(tasks[1]) == two:
                    return
            pair.tasks = None
            self._add(Measure.TASKS, pair, (one, two), held, start, time, came, by)
        if tasks is not None:
            pair.tasks = (tasks, time, by, self.party(tasks[0]), self.party(tasks[1]))

    def _beside(self, a: Cpu, b: Cpu) -> tuple[Measure, int, int] | None:
        """Return what a guest runs beside, one cpu in guest mode and one not."""
        if a.guest != IN:
            a, b = b, a
        assert a.task is not None and b.task is not None
        if b.irqs:
            return Measure.BESIDE_IRQ, a.task, 0
        if b.task == 0:
            return None
        party = self.party(b.task)
        if party.vcpu or party.kind == "kernel":
            return Measure.BESIDE_KERNEL, a.task, b.task
        return Measure.BESIDE_TASK, a.task, b.task

    def _update_idle(self, pair: Pair, time: int, by: int) -> None:
        """One cpu idles while a task waits for it that may not run beside its sibling's task."""
        found = self._forced(pair.a, pair.b) or self._forced(pair.b, pair.a)
        if (pair.idle[0] if pair.idle else None) != found:
            self._close_idle(pair, time, by)
            if found:
                pair.idle = (found, time, by)

    def _forced(self, idle: Cpu, busy: Cpu) -> tuple[int, int] | None:
        if idle.task != 0 or not busy.task or not idle.waiting:
            return None
        cookie = self.party(busy.task).cookie
        for task in idle.waiting:
            other = self.party(task).cookie
            if cookie is not None and other is not None and other != cookie:
                return busy.task, task
        return None

    def _close_all(self, pair: Pair, time: int, by: int) -> None:
        self._update_tasks(pair, None, time, by)
        self._close_guest(pair, time, by)
        self._close_beside(pair, time, by)
        self._close_idle(pair, time, by)

    def _close_guest(self, pair: Pair, time: int, by: int) -> None:
        if pair.guest is not None:
            tasks, start, came = pair.guest
            pair.guest = None
            self._add(Measure.GUEST, pair, self._both(tasks), tasks, start, time, came, by)

    def _close_beside(self, pair: Pair, time: int, by: int) -> None:
        if pair.beside is not None:
            (measure, guest, other), start, came = pair.beside
            pair.beside = None
            both = self._both((guest, other))
            self._add(measure, pair, both, (guest, other), start, time, came, by)

    def _close_idle(self, pair: Pair, time: int, by: int) -> None:
        if pair.idle is not None:
            tasks, start, came = pair.idle
            pair.idle = None
            self._add(Measure.FORCED_IDLE, pair, self._both(tasks), tasks, start, time, came, by)

    def _both(self, tasks: tuple[int, int]) -> tuple[Party, Party]:
        return self.party(tasks[0]), self.party(tasks[1])

    def _end_possible(self, pair: Pair, time: int) -> None:
        if pair.possible >= 0:
            length = time - pair.possible
            if length > 0:
                found = pair.core.possible
                found.count += 1
                found.total += length
                unsure = pair.a if pair.a.why and pair.a.seen <= pair.possible else pair.b
                found.why[unsure.why] = found.why.get(unsure.why, 0) + length
            pair.possible = -1

    def _add(
        self,
        measure: Measure,
        pair: Pair,
        parties: tuple[Party, Party],
        tasks: tuple[int, int],
        start: int,
        end: int,
        came: int,
        went: int,
    ) -> None:
        """Account for an interval that has ended."""
        length = end - start
        if length <= 0:
            return
        one, two = parties
        cpus = (pair.a.number, pair.b.number)
        found = self.shared.get((measure, one, two))
        if found is None and measure in _SYMMETRIC:
            found = self.shared.get((measure, two, one))
            if found is not None:
                tasks, cpus = (tasks[1], tasks[0]), (cpus[1], cpus[0])
        if found is None:
            found = self._new_shared(measure, one, two)
        found.count += 1
        found.total += length
        if came != went:
            found.gave_way += 1
        elif length > found.stayed:
            found.stayed = length
        longest = found.longest
        if len(longest) < KEPT or length > longest[-1].length:
            events = self._around(pair, start, end)
            longest.append(Interval(start, end, cpus, tasks, came, went, events))
            longest.sort(key=lambda i: (-i.length, i.start))
            del longest[KEPT:]

    def _new_shared(self, measure: Measure, one: Party, two: Party) -> Shared:
        if len(self.shared) >= PARTIES:
            self.crowded = True
            one = two = Party("task", "others")
        return self.shared.setdefault((measure, one, two), Shared(measure, (one, two)))

    def _around(self, pair: Pair, start: int, end: int) -> tuple[Seen, ...]:
        """Return the last event of each cpu before an interval, and the last ones within it."""
        chosen: list[tuple[int, ...]] = []
        for cpu in (pair.a, pair.b):
            before = [e for e in cpu.events if e[0] <= start]
            within = [e for e in cpu.events if start < e[0] <= end]
            chosen += before[-1:] + within[-3:]
        return tuple(Seen(*e) for e in sorted(chosen))

    def _report_slices(self, cpu: Cpu, end: int) -> None:
        assert self.sink is not None
        if cpu.task and cpu.since >= 0 and cpu.guest != UNKNOWN:
            self.sink.ran(cpu.number, cpu.task, cpu.since, end)
            if cpu.guest == IN:
                self.sink.in_guest(cpu.number, cpu.task, cpu.entered, end)


_SYMMETRIC = (Measure.TASKS, Measure.GUEST)
_HANDLERS = {
    Kind.SWITCH: "_switch",
    Kind.ENTRY: "_entry",
    Kind.EXIT: "_exit",
    Kind.FORK: "_fork",
    Kind.TASK_EXIT: "_task_exit",
    Kind.WAKEUP: "_wakeup",
    Kind.WAKEUP_NEW: "_wakeup",
    Kind.MIGRATE: "_migrate",
    Kind.IRQ_ENTRY: "_irq_entry",
    Kind.IRQ_EXIT: "_irq_exit",
    Kind.SOFTIRQ_ENTRY: "_irq_entry",
    Kind.SOFTIRQ_EXIT: "_irq_exit",
    Kind.HOTPLUG_ENTRY: "_hotplug",
    Kind.PRCTL_ENTRY: "_prctl",
    Kind.IPI_SEND: "_ipi",
    Kind.CORE_SHARE: "_core_share",
    Kind.SPLIT_LOCK: "_split_lock",
    Kind.LOST: "_lost",
}
