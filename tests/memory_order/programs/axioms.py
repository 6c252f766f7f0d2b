"""x86-TSO by its axioms, independent of any store buffer: all final states of a small program.

Every candidate is a choice, for each load, of the store that it reads, and of an order of the
stores to each place. It is one of x86 where
- the accesses to each place are in one order that agrees with program order (sc per location),
- nothing comes between the two halves of a LOCKed operation (atomicity),
- program order without store to load, what a LOCKed operation or MFENCE orders, what is read from
  another processor, from-read and the orders of stores have no circle (global happens-before).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from vmlitmus.herd.model import _locations, _registers
from vmlitmus.herd.program import Kind, Operation, Program

RMW = (Kind.XCHG, Kind.XADD, Kind.ADD, Kind.SUB, Kind.CMPXCHG)
Edges = set[tuple[int, int]]
Final = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Event:
    """A load or a store; those at the start have processor -1. ``rmw`` marks LOCKed ones."""

    number: int
    processor: int
    position: int
    is_store: bool
    place: str
    operation: Operation | None
    rmw: bool


def final_states(program: Program, *, sequential: bool = False) -> set[Final]:
    """Return all final states that the axioms allow; those of sequential consistency if asked."""
    choices = [(True, False) if o.kind is Kind.CMPXCHG else (True,) for o in _all(program)]
    found: set[Final] = set()
    for success in itertools.product(*choices):
        found |= set(_Candidates(program, success, sequential).allowed())
    return found


def candidates(program: Program) -> int:
    """Return how many executions there are to judge, at most."""
    operations = _all(program)
    found = 2 ** sum(o.kind is Kind.CMPXCHG for o in operations)
    for place, _ in _locations(program):
        here = [o for o in operations if o.location == place]
        stores = sum(o.kind is not Kind.LOAD for o in here)
        loads = sum(o.kind is not Kind.STORE for o in here)
        found *= math.factorial(stores) * (stores + 1) ** loads
    return found


def _all(program: Program) -> list[Operation]:
    return [o for thread in program.threads for o in thread]


class _Candidates:
    def __init__(self, program: Program, success: tuple[bool, ...], sequential: bool) -> None:
        self.program = program
        self.sequential = sequential
        self.events: list[Event] = []
        self.fences: list[tuple[int, int]] = []
        for place, _ in _locations(program):
            self.add(-1, 0, True, place, None, False)
        stores = iter(success)
        for p, thread in enumerate(program.threads):
            for i, o in enumerate(thread):
                self.instruction(p, i, o, next(stores))
        self.succeeds = {
            (p, i): s
            for (p, i), s in zip(
                [(p, i) for p, t in enumerate(program.threads) for i in range(len(t))],
                success,
                strict=True,
            )
        }

    def add(
        self, p: int, i: int, is_store: bool, place: str, o: Operation | None, rmw: bool
    ) -> None:
        self.events.append(Event(len(self.events), p, i, is_store, place, o, rmw))

    def instruction(self, p: int, i: int, o: Operation, stores: bool) -> None:
        if o.kind is Kind.MFENCE:
            self.fences.append((p, i))
        if o.location is None:
            return
        if o.kind is Kind.LOAD or o.kind in RMW:
            self.add(p, i, False, o.location, o, o.kind in RMW)
        if o.kind is Kind.STORE or (o.kind in RMW and stores):
            self.add(p, i, True, o.location, o, o.kind in RMW)

    def allowed(self) -> Iterator[Final]:
        loads = [e for e in self.events if not e.is_store]
        stores = [e for e in self.events if e.is_store]
        places = dict.fromkeys(e.place for e in stores)
        sources = [[s for s in stores if s.place == e.place] for e in loads]
        orders = [
            [
                (first, *rest)
                for first in stores
                if first.place == place and first.processor < 0
                for rest in itertools.permutations(
                    [s for s in stores if s.place == place and s.processor >= 0]
                )
            ]
            for place in places
        ]
        for chosen in itertools.product(*sources):
            reads = {e.number: s for e, s in zip(loads, chosen, strict=True)}
            for order in itertools.product(*orders):
                if self.holds(reads, order):
                    found = self.values(reads, order)
                    if found is not None:
                        yield found

    def before(self, a: Event, b: Event) -> bool:
        """Say whether one event comes before another in program order."""
        if a.processor < 0:
            return b.processor >= 0
        return a.processor == b.processor and (a.position, a.is_store) < (b.position, b.is_store)

    def holds(self, reads: dict[int, Event], order: tuple[tuple[Event, ...], ...]) -> bool:
        coherence: Edges = set()
        for row in order:
            coherence |= {(a.number, b.number) for a, b in itertools.combinations(row, 2)}
        from_read = {
            (load, s.number)
            for load, source in reads.items()
            for s in self.events
            if (source.number, s.number) in coherence
        }
        read_from = {(source.number, load) for load, source in reads.items()}
        events = self.events
        program = {
            (a.number, b.number)
            for a, b in itertools.permutations(events, 2)
            if a.processor >= 0 and self.before(a, b)
        }
        same = {(a, b) for a, b in program if events[a].place == events[b].place}
        if not _acyclic(len(events), same | read_from | from_read | coherence):
            return False
        if self.torn(from_read, coherence):
            return False
        if self.sequential:
            return _acyclic(len(events), program | read_from | from_read | coherence)
        kept = {(a, b) for a, b in program if self.ordered(events[a], events[b])}
        outside = {(a, b) for a, b in read_from if events[a].processor != events[b].processor}
        return _acyclic(len(events), kept | outside | from_read | coherence)

    def torn(self, from_read: Edges, coherence: Edges) -> bool:
        """Say whether a store comes between the two halves of a LOCKed operation."""
        halves = [
            (a.number, b.number)
            for a in self.events
            for b in self.events
            if a.rmw and b.rmw and not a.is_store and b.is_store
            if (a.processor, a.position) == (b.processor, b.position)
        ]
        return any(
            (load, s.number) in from_read and (s.number, store) in coherence
            for load, store in halves
            for s in self.events
        )

    def ordered(self, a: Event, b: Event) -> bool:
        """Program order that x86 keeps: all but a store before a load, unless something drains."""
        if not a.is_store or b.is_store or a.rmw or b.rmw:
            return True
        return any(p == a.processor and a.position < i < b.position for p, i in self.fences)

    def values(self, reads: dict[int, Event], order: tuple[tuple[Event, ...], ...]) -> Final | None:
        """Run the processors with what their loads read; None where that has a circle or fails."""
        program = self.program
        registers = {key: program.registers.get(key, 0) for key in _registers(program)}
        stored = {
            e.number: dict(_locations(program))[e.place] for e in self.events if e.processor < 0
        }
        at = {(e.processor, e.position, e.is_store): e.number for e in self.events}
        counts = [0] * len(program.threads)
        moved = True
        while moved:
            moved = False
            for p, thread in enumerate(program.threads):
                while counts[p] < len(thread):
                    o, i = thread[counts[p]], counts[p]
                    load, store = at.get((p, i, False)), at.get((p, i, True))
                    if load is not None and reads[load].number not in stored:
                        break
                    read = stored[reads[load].number] if load is not None else 0
                    if not self.execute(p, o, read, registers, stored, store):
                        return None
                    counts[p] += 1
                    moved = True
        if any(count < len(t) for count, t in zip(counts, program.threads, strict=True)):
            return None
        last = {row[-1].place: stored[row[-1].number] for row in order}
        places = tuple(last.get(name, value) for name, value in _locations(program))
        return tuple(registers[key] for key in _registers(program)), places

    def execute(
        self,
        p: int,
        o: Operation,
        read: int,
        registers: dict[tuple[int, str], int],
        stored: dict[int, int],
        store: int | None,
    ) -> bool:
        """Execute one instruction; False where a LOCK CMPXCHG does not do what was chosen."""
        operand = registers[p, o.operand] if isinstance(o.operand, str) else o.operand or 0
        own = (p, o.register or "")
        new = operand
        if o.kind is Kind.CMPXCHG:
            if (read == registers[own]) is not (store is not None):
                return False
            registers[own] = registers[own] if store is not None else read
        elif o.kind is Kind.XCHG:
            new, registers[own] = registers[own], read
        elif o.kind is Kind.XADD:
            new, registers[own] = read + registers[own], read
        elif o.kind in (Kind.ADD, Kind.SUB):
            new = read + operand if o.kind is Kind.ADD else read - operand
        elif o.kind is Kind.LOAD:
            registers[own] = read
        elif o.kind is Kind.MOVE:
            registers[own] = operand
        if store is not None:
            stored[store] = new
        return True


def _acyclic(count: int, edges: Edges) -> bool:
    after: list[list[int]] = [[] for _ in range(count)]
    entering = [0] * count
    for a, b in edges:
        after[a].append(b)
        entering[b] += 1
    ready = [n for n in range(count) if not entering[n]]
    left = count
    while ready:
        left -= 1
        for b in after[ready.pop()]:
            entering[b] -= 1
            if not entering[b]:
                ready.append(b)
    return not left
