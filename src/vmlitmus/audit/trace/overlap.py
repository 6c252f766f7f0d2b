"""Which parties overlap on a core: states of two cpus in, intervals of each measure out.

Only the longest intervals of two parties are kept, and sums of the others, so that a run of any
length takes constant memory.
"""

from __future__ import annotations

from collections.abc import Callable

from vmlitmus.audit.trace.cpu_state import IN, UNKNOWN, Cpu, Pair
from vmlitmus.audit.trace.interval import Interval, Measure, Seen, Shared
from vmlitmus.audit.trace.roster import Party

LONGEST = 4  # intervals kept for each pair of parties
PARTIES = 4096  # pairs of parties told apart in each measure
_SYMMETRIC = (Measure.TASKS, Measure.GUEST)


class Overlaps:
    """Intervals of the pairs of cpus of a run; ``party`` says whose a task is at this moment."""

    def __init__(self, party: Callable[[int], Party]) -> None:
        self.party = party
        self.shared: dict[tuple[object, ...], Shared] = {}
        self.crowded = False  # more parties than are told apart

    def update(self, pair: Pair, time: int, by: int) -> None:
        """Take that an event of a cpu changed a task, guest mode or an interrupt of a pair."""
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
                self.end_possible(pair, time)

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

    def update_idle(self, pair: Pair, time: int, by: int) -> None:
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

    def close_all(self, pair: Pair, time: int, by: int) -> None:
        """End all intervals of a pair."""
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

    def end_possible(self, pair: Pair, time: int) -> None:
        """End a time for which two guests may have been beside each other."""
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
        if len(longest) < LONGEST or length > longest[-1].length:
            events = self._around(pair, start, end)
            longest.append(Interval(start, end, cpus, tasks, came, went, events))
            longest.sort(key=lambda i: (-i.length, i.start))
            del longest[LONGEST:]

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
