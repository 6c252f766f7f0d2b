"""Counts what measures need while a run goes on: the definition of what the compiled one counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from vmlitmus.compiler import Machine
from vmlitmus.simulation.laws.rules import Firing, actor_of
from vmlitmus.simulation.measures.measure import LATENCY, Measure, names_section, watched


@dataclass(frozen=True)
class Plan:
    """What has to be counted for some measures.

    ``conditions`` are watched; ``occurrences`` are counted; ``latencies`` are pairs of them, by
    their numbers, each with whether every actor has a clock of its own.
    """

    machine: Machine
    conditions: tuple[str, ...]
    occurrences: tuple[str, ...]
    latencies: tuple[tuple[int, int, bool], ...]

    @property
    def actors(self) -> dict[str, int]:
        """A number for each actor; 0 for what nobody does."""
        names = dict.fromkeys(actor_of(i) for i in self.machine.instances)
        return {name: number for number, name in enumerate(["", *(n for n in names if n)])}

    def of(self, firing: Firing) -> frozenset[int]:
        """Return the occurrences that a firing is."""
        instance = self.machine.instances[firing[0]]
        step = instance.step
        names = (step.name, step.disturbance, instance.step_id(firing[1]))
        return frozenset(
            n
            for n, word in enumerate(self.occurrences)
            if word in names or (": " in word and names_section(word, instance, firing[1]))
        )

    def of_change(self, condition: int, true: bool) -> frozenset[int]:
        """Return the occurrences that a change of a condition is."""
        word = self.conditions[condition]
        name = word if true else f"not {word}"
        return frozenset(n for n, o in enumerate(self.occurrences) if o == name)


def plan(measures: Sequence[Measure], machine: Machine) -> Plan:
    """Return what has to be counted for some measures."""
    words = tuple(dict.fromkeys(w for m in measures if m.kind != "share" for w in m.what))
    number = {word: n for n, word in enumerate(words)}
    latencies = tuple(
        (number[m.what[0]], number[m.what[1]], m.by_actor) for m in measures if m.kind == LATENCY
    )
    return Plan(machine, watched(measures, machine), words, latencies)


@dataclass
class Counted:
    """What was counted in some time, in nanoseconds where it is a time.

    ``shares`` is how long each condition was true; ``counts`` and ``first`` are how often, and when
    first (None: never), each occurrence came; ``latencies`` are those of each pair that ended.
    """

    time: int
    events: int
    shares: list[int]
    counts: list[int]
    first: list[int | None]
    latencies: list[list[int]]

    def since(self, before: Counted) -> Counted:
        """Return what was counted after an earlier moment of the same run."""
        return Counted(
            self.time - before.time,
            self.events - before.events,
            [a - b for a, b in zip(self.shares, before.shares, strict=True)],
            [a - b for a, b in zip(self.counts, before.counts, strict=True)],
            list(self.first),
            [a[len(b) :] for a, b in zip(self.latencies, before.latencies, strict=True)],
        )

    def copy(self) -> Counted:
        """Return what was counted up to now, which does not change any more."""
        return Counted(
            self.time,
            self.events,
            list(self.shares),
            list(self.counts),
            list(self.first),
            [list(values) for values in self.latencies],
        )


@dataclass
class Tally:
    """Counts for one run; ``holds`` says whether a condition is true in the state at hand."""

    plan: Plan
    holds: Callable[[str], bool]
    now: int = 0
    true: list[bool] = field(default_factory=list)
    pending: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plan = self.plan
        self.actors = plan.actors
        self.counted = Counted(
            0, 0, [0] * len(plan.conditions), [0] * len(plan.occurrences),
            [None] * len(plan.occurrences), [[] for _ in plan.latencies],
        )  # fmt: skip
        self.true = [False] * len(plan.conditions)
        self._occur(self._changes(), 0)

    def event(self, time: int, firing: Firing) -> None:
        """Count one event."""
        self.pass_time(time)
        self.counted.events += 1
        actor = self.actors[actor_of(self.plan.machine.instances[firing[0]])]
        self._occur(self.plan.of(firing) | self._changes(), actor)

    def pass_time(self, time: int) -> None:
        """Let time go on in the state at hand."""
        for number, true in enumerate(self.true):
            self.counted.shares[number] += (time - self.now) * true
        self.now = self.counted.time = time

    def _changes(self) -> frozenset[int]:
        found: frozenset[int] = frozenset()
        for number, word in enumerate(self.plan.conditions):
            true = self.holds(word)
            if true != self.true[number]:
                self.true[number] = true
                found |= self.plan.of_change(number, true)
        return found

    def _occur(self, occurrences: Iterable[int], actor: int) -> None:
        """Count some occurrences at the moment at hand: what they end, then what they begin."""
        now, counted = self.now, self.counted
        found = frozenset(occurrences)
        for number in found:
            counted.counts[number] += 1
            if counted.first[number] is None:
                counted.first[number] = now
        for number, (begin, end, by_actor) in enumerate(self.plan.latencies):
            key = number, actor if by_actor else 0
            if end in found and key in self.pending:
                counted.latencies[number].append(now - self.pending.pop(key))
            if begin in found:
                self.pending.setdefault(key, now)
