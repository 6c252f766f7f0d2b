"""Who ran beside whom on a core: one pass over the events of a run, at constant memory.

Of each cpu: the current task, whether it is in guest mode, and how deep it is in interrupts, each
of which may be unknown. Of each two cpus of a core: since when they have run what they run, in four
measures (``Measure``). A tracepoint kvm_entry comes before VMRUN and kvm_exit after #VMEXIT, so an
interval in guest mode is up to about 1 us too long at each end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

from vmlitmus.audit.trace.cpu_state import IN, OUT, UNKNOWN, Core, Cpu, Pair
from vmlitmus.audit.trace.identity import Identities
from vmlitmus.audit.trace.interval import Gap, Shared, Sink
from vmlitmus.audit.trace.kept_waiting import KeptWaiting
from vmlitmus.audit.trace.overlap import Overlaps
from vmlitmus.audit.trace.roster import Roster
from vmlitmus.trace.events import NONE, Kind, Left
from vmlitmus.trace.recording import Recording
from vmlitmus.trace.text import EVERY_CPU
from vmlitmus.trace.tracepoints.tables import bus_lock, failed_entry

GAPS = 1000  # gaps remembered one by one
PR_SCHED_CORE = 62
_WORD = (1 << 64) - 1

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
    Kind.IPI_MASK,
    Kind.CORE_SHARE,
    Kind.SPLIT_LOCK,
    Kind.LOST,
)


class CoreSharing:
    """Follows a run; ``overlaps.shared``, ``tasks`` and the counts below are the result.

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
        self.tasks = Identities(roster, settled)
        self.overlaps = Overlaps(self.tasks.party)
        self.gaps: list[Gap] = []
        self.gap_count = 0
        self.contradictions = 0
        self.now = -1
        self.start = -1
        self.span = 0
        self.backwards = 0
        self.irqs_beside = 0
        self.failed: dict[int, int] = {}
        self.waits = KeptWaiting()
        self.hotplug: list[tuple[int, int, bool]] = []  # time, cpu, up
        self.kinds = [0] * 64
        self._handlers: list[Callable[..., None] | None] = [None] * 64
        for kind, handler in _HANDLERS.items():
            self._handlers[kind] = getattr(self, handler)

    @property
    def shared(self) -> dict[tuple[object, ...], Shared]:
        """The overlaps of two parties, by measure and parties."""
        return self.overlaps.shared

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

    def follow(self, recording: Recording) -> CoreSharing:
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
                self.overlaps.end_possible(pair, self.now)
                pair.possible = time
        self.span += self.now - self.start
        self.now = self.start = time
        for cpu in self.cpus.values():
            cpu.seen = time

    def _finish(self) -> None:
        end = self.now
        for cpu in self.cpus.values():
            for pair in cpu.pairs:
                self.overlaps.close_all(pair, end, cpu.number)
                self.overlaps.end_possible(pair, end)
            if self.sink is not None:
                self._report_slices(cpu, end)
        for core in self.cores:
            if core.known_since >= 0:
                core.known += end - core.known_since
                core.known_since = -1
        self.span += max(end - self.start, 0)

    # What is known of a cpu.

    def _know(self, cpu: Cpu, time: int, task: int) -> None:
        """A cpu of which nothing was known shows its task."""
        if self.gap_count < GAPS and cpu.seen >= 0 and time > cpu.seen:
            self.gaps.append(Gap(cpu.number, cpu.seen, time, cpu.why))
        self.gap_count += 1
        cpu.task, cpu.guest, cpu.irqs = task, OUT, 0
        cpu.since = time
        self.tasks.ran.add(task)
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
            self.overlaps.close_all(pair, at, cpu.number)
        if self.sink is not None:
            self._report_slices(cpu, at)
        core = cpu.core
        if core is not None and core.known_since >= 0:
            core.known += max(at - core.known_since, 0)
            core.known_since = -1
        cpu.task, cpu.guest, cpu.irqs, cpu.why = None, UNKNOWN, 0, why
        cpu.waiting.clear()
        self.waits.forget(cpu)
        self._changed(cpu, at)

    def _changed(self, cpu: Cpu, time: int) -> None:
        """An event changed what a cpu does: look at the pairs that it is of."""
        for pair in cpu.pairs:
            self.overlaps.update(pair, time, cpu.number)

    def _contradict(self, cpu: Cpu, time: int, task: int) -> None:
        """An event does not fit what is known: events before it must be missing."""
        if cpu.guest != UNKNOWN:
            self.contradictions += 1
            self._forget(cpu, "events are missing")
        self._know(cpu, time, task)

    def _lost(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        self._forget(cpu, "events were lost")

    def _lost_everywhere(self, time: int) -> None:
        for cpu in self.cpus.values():
            self._forget(cpu, "a part of the file cannot be read")

    # Events.

    def _switch(self, cpu: Cpu, time: int, task: int, prev: int, coming: int, left: int) -> None:
        if cpu.guest == UNKNOWN:
            self._know(cpu, time, prev)
        elif cpu.task != prev or cpu.guest == IN:
            self._contradict(cpu, time, prev)
        if self.sink is not None and prev and cpu.since >= 0:
            self.sink.ran(cpu.number, prev, cpu.since, time)
        if left == Left.DEAD:
            self.tasks.ends(prev)
        elif left == Left.RUNNABLE and prev:
            cpu.waiting[prev] = time
        cpu.waiting.pop(coming, None)
        cpu.task, cpu.guest, cpu.since = coming, OUT, time
        self.tasks.ran.add(coming)
        for pair in cpu.pairs:
            self.overlaps.update(pair, time, cpu.number)
            self.overlaps.update_idle(pair, time, cpu.number)

    def _entry(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        if cpu.guest == UNKNOWN:
            self._know(cpu, time, task)
        elif cpu.task != task or cpu.guest == IN:
            self._contradict(cpu, time, task)
        if task not in self.tasks.entered:
            self.tasks.enters(task)
        self.waits.enters(task, time)
        cpu.guest, cpu.entered = IN, time
        self._changed(cpu, time)

    def _exit(self, cpu: Cpu, time: int, task: int, a: int, reason: int, isa: int) -> None:
        if cpu.guest == UNKNOWN:
            self._know(cpu, time, task)
            self.tasks.enters(task)
        elif cpu.task != task or cpu.guest != IN:
            self._contradict(cpu, time, task)
        if reason != NONE and failed_entry(reason, isa):
            self.failed[task] = self.failed.get(task, 0) + 1
        if reason != NONE and bus_lock(reason, isa):
            self.waits.locks(task, time)
        self.waits.leaves(cpu, time)
        if self.sink is not None and cpu.guest == IN:
            self.sink.in_guest(cpu.number, task, cpu.entered, time)
        cpu.guest = OUT
        self._changed(cpu, time)

    def _irq_entry(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        if cpu.guest == UNKNOWN:
            self._know(cpu, time, task)
        cpu.irqs += 1
        for pair in cpu.pairs:
            other = pair.b if pair.a is cpu else pair.a
            if other.guest == IN:
                self.irqs_beside += 1
            self.overlaps.update(pair, time, cpu.number)

    def _irq_exit(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        if cpu.guest == UNKNOWN:
            self._know(cpu, time, task)
        if cpu.irqs:
            cpu.irqs -= 1
        self._changed(cpu, time)

    def _any(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        if cpu.guest == UNKNOWN and task >= 0:
            self._know(cpu, time, task)
            self._changed(cpu, time)

    def _fork(self, cpu: Cpu, time: int, task: int, a: int, child: int, c: int) -> None:
        self._any(cpu, time, task, a, child, c)
        self.tasks.forks(child, time)
        self.waits.new_task(child)

    def _task_exit(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        self._any(cpu, time, task, a, b, c)

    def _wakeup(self, cpu: Cpu, time: int, task: int, woken: int, target: int, c: int) -> None:
        self._any(cpu, time, task, woken, target, c)
        there = self.cpus.get(target)
        if there is not None and woken in self.roster.members and there.task != woken:
            there.waiting[woken] = time
            for pair in there.pairs:
                self.overlaps.update_idle(pair, time, cpu.number)

    def _migrate(self, cpu: Cpu, time: int, task: int, moved: int, old: int, new: int) -> None:
        self._any(cpu, time, task, moved, old, new)
        before, there = self.cpus.get(old), self.cpus.get(new)
        if before is not None and there is not None and moved in before.waiting:
            there.waiting[moved] = before.waiting.pop(moved)
            for pair in (*before.pairs, *there.pairs):
                self.overlaps.update_idle(pair, time, cpu.number)

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
            self._know(there, time, 0)
            for pair in there.pairs:
                self.overlaps.update(pair, time, number)

    def _prctl(self, cpu: Cpu, time: int, task: int, option: int, command: int, pid: int) -> None:
        self._any(cpu, time, task, option, command, pid)
        if option == PR_SCHED_CORE:
            self._core_share(cpu, time, task, command, pid, NONE)

    def _core_share(
        self, cpu: Cpu, time: int, task: int, command: int, pid: int, scope: int
    ) -> None:
        self._any(cpu, time, task, command, pid, scope)
        self.tasks.shares(time, task, command, pid, scope)

    def _ipi(self, cpu: Cpu, time: int, task: int, target: int, b: int, c: int) -> None:
        self._any(cpu, time, task, target, b, c)
        self.waits.kick(self.cpus.get(target), time)

    def _ipi_to_many(self, cpu: Cpu, time: int, task: int, first: int, low: int, high: int) -> None:
        self._any(cpu, time, task, first, low, high)
        if first != NONE:
            mask = low & _WORD | (high & _WORD) << 64
            while mask:
                lowest = mask & -mask
                self.waits.kick(self.cpus.get(first + lowest.bit_length() - 1), time)
                mask ^= lowest

    def _split_lock(self, cpu: Cpu, time: int, task: int, a: int, b: int, c: int) -> None:
        self._any(cpu, time, task, a, b, c)
        self.waits.locks(task, time)

    def _report_slices(self, cpu: Cpu, end: int) -> None:
        assert self.sink is not None
        if cpu.task and cpu.since >= 0 and cpu.guest != UNKNOWN:
            self.sink.ran(cpu.number, cpu.task, cpu.since, end)
            if cpu.guest == IN:
                self.sink.in_guest(cpu.number, cpu.task, cpu.entered, end)


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
    Kind.IPI_MASK: "_ipi_to_many",
    Kind.CORE_SHARE: "_core_share",
    Kind.SPLIT_LOCK: "_split_lock",
    Kind.LOST: "_lost",
}
