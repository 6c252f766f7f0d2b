"""States of a machine with the times that its clocks may still run: state classes.

After Berthomieu and Diaz (1991): a class is a state and a zone; all runs of a timed system go
through its classes, and every path of classes is a run. A duration is any of those that its law may
give: an exponential one is anything above 0. Ticks are kept apart: each lattice is a clock that
ends again and again, and what waits for ticks counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vmlitmus.compiler import State
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import ScenarioError
from vmlitmus.simulation.laws import distribution as kinds
from vmlitmus.simulation.laws.distribution import Law
from vmlitmus.simulation.laws.rules import Firing, Rules, endings
from vmlitmus.simulation.simulators.reference import ending_of
from vmlitmus.simulation.worst.zone import START, Name, Zone, begun, passed, without

ELAPSED: Name = ("elapsed", 0)  # minus the time since what is measured began
Span = tuple[int, int | None]  # the shortest and the longest duration


@dataclass(frozen=True)
class Class:
    """A state; by which firing each clock was started; ticks that are still to come; the zone."""

    state: State
    started: tuple[Firing, ...]
    ticks: tuple[tuple[Firing, int], ...]
    zone: Zone


Started = tuple[Class, tuple[Name, ...]]  # a class, and the clocks that start on the way to it


@dataclass(frozen=True)
class Edge:
    """What happens: a firing, or a tick of a lattice (None), when which clock ends.

    What is immediate has no clock. ``starts`` are the clocks that start then.
    """

    firing: Firing | None
    clock: Name | None
    target: Class
    starts: tuple[Name, ...]


class Classes:
    """The classes of a machine with rules. Raises ScenarioError for what has no bounds."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.stepper = Stepper(rules.machine)
        self.enabled_at: dict[State, dict[Firing, State]] = {}
        self.lattices: dict[tuple[int, int], int] = {}

    def first(self) -> Class:
        """Return the class at time 0."""
        self._find_lattices()
        ticks: dict[Name, Span] = {}
        for (period, phase), number in self.lattices.items():
            ticks["tick", number] = ((phase or period),) * 2
        state = self.rules.machine.initial
        return self._entered(Class(state, (), (), begun(START, ticks)), gone=None)[0]

    def _find_lattices(self) -> None:
        for instance in self.rules.machine.instances:
            for ending in endings(instance):
                rule = self.rules.rule((instance.index, ending))
                if rule.memory == "age":
                    step = instance.step_id(ending)
                    raise ScenarioError(f'{step}: memory = "age" has no worst case here')
                if rule.law is not None and rule.law.kind == kinds.LATTICE and not rule.never:
                    self.lattices.setdefault(_lattice(rule.law), len(self.lattices))

    def enabled(self, state: State) -> dict[Firing, State]:
        """Return what is enabled in a state, and where it leads."""
        if state not in self.enabled_at:
            found = {
                (instance.index, ending_of(name)): after
                for instance, name, after in self.stepper.successors(state)
            }
            kept = {f: after for f, after in found.items() if not self.rules.rule(f).never}
            self.enabled_at[state] = kept
        return self.enabled_at[state]

    def edges(self, here: Class) -> Iterator[Edge]:
        """Yield what may happen next."""
        enabled = self.enabled(here.state)
        at_once = [f for f in enabled if self.rules.rule(f).law is None]
        if at_once:
            highest = max(self.rules.rule(f).priority for f in at_once)
            for firing in at_once:
                rule = self.rules.rule(firing)
                if rule.priority == highest and (rule.weight > 0 or len(at_once) == 1):
                    yield Edge(firing, None, *self._taken(here, firing, here.zone))
            return
        for name in here.zone.names:
            if name == ELAPSED:
                continue
            zone = passed(here.zone, name, self.later(here, name))
            if zone is not None and name[0] == "tick":
                yield Edge(None, name, *self._ticked(replace(here, zone=zone), name[1]))
            elif zone is not None:
                firing = next(f for f in enabled if f[0] == name[1])
                yield Edge(firing, name, *self._taken(here, firing, zone))

    def later(self, here: Class, first: Name) -> dict[Name, int]:
        """Return how many nanoseconds later than one clock each other ends at least.

        That is 1 for those that come first at one instant, else 0.
        """
        return {
            other: int(self._rank(here, other) > self._rank(here, first))
            for other in here.zone.names
            if other not in (first, ELAPSED)
        }

    def _rank(self, here: Class, name: Name) -> float:
        """Return the priority of a clock; a tick comes before all that happens at its instant."""
        if name[0] == "tick":
            return float("inf")
        return self.rules.rule(next(f for f in here.started if f[0] == name[1])).priority

    def duration(self, here: Class, name: Name, *, is_first: bool) -> Span:
        """Return how long a clock that runs in a class takes, from when it was started."""
        if name[0] == "tick":
            period, phase = next(p for p, number in self.lattices.items() if number == name[1])
            return ((phase if is_first and phase else period),) * 2
        law = self.rules.rule(next(f for f in here.started if f[0] == name[1])).law
        assert law is not None
        return _behind(law) if law.kind == kinds.LATTICE else span(law)

    def _taken(self, here: Class, firing: Firing, zone: Zone) -> Started:
        state = self.enabled(here.state)[firing]
        return self._entered(replace(here, state=state, zone=zone), gone=firing[0])

    def _ticked(self, here: Class, lattice: int) -> Started:
        """A tick of a lattice: what waits for it counts it; the next one comes after a period."""
        period = next(p for (p, _), number in self.lattices.items() if number == lattice)
        clocks: dict[Name, Span] = {("tick", lattice): (period, period)}
        started, ticks = list(here.started), []
        for firing, left in here.ticks:
            law = self.rules.rule(firing).law
            assert law is not None
            if self.lattices[_lattice(law)] != lattice:
                ticks.append((firing, left))
            elif left > 1:
                ticks.append((firing, left - 1))
            else:
                started.append(firing)
                clocks["clock", firing[0]] = _behind(law)
        zone = begun(here.zone, clocks)
        after = replace(here, started=tuple(sorted(started)), ticks=tuple(ticks), zone=zone)
        return after, tuple(clocks)

    def _entered(self, here: Class, gone: int | None) -> Started:
        """Drop and start the clocks that a new state drops and starts."""
        enabled = {firing[0]: firing for firing in self.enabled(here.state)}
        going = {f[0] for f in here.started if f[0] != gone and self._stays(f, enabled)}
        kept = [enabled[instance] for instance in going]
        ticks = [
            (enabled[f[0]], n) for f, n in here.ticks if f[0] != gone and self._stays(f, enabled)
        ]
        dropped = [("clock", f[0]) for f in here.started if f[0] not in going]
        running = {f[0] for f in kept} | {f[0] for f, _ in ticks}
        clocks: dict[Name, Span] = {}
        for instance, firing in enabled.items():
            law = self.rules.rule(firing).law
            if instance in running or law is None:
                continue
            if law.kind == kinds.LATTICE:
                ticks.append((firing, int(law.c)))
            else:
                kept.append(firing)
                clocks["clock", instance] = span(law)
        zone = without(here.zone, dropped)
        zone = begun(zone, clocks) if clocks else zone
        return Class(here.state, tuple(sorted(kept)), tuple(sorted(ticks)), zone), tuple(clocks)

    def _stays(self, firing: Firing, enabled: dict[int, Firing]) -> bool:
        """Say whether a clock goes on: it is still enabled, and for what the same row is about."""
        rule = self.rules.rule(firing)
        now = self.rules.rule(enabled[firing[0]]) if firing[0] in enabled else None
        return now is rule and rule.memory != "resampling"


def _lattice(law: Law) -> tuple[int, int]:
    return int(law.a), int(law.b)


def _behind(law: Law) -> Span:
    """Return how long something takes from its last tick on."""
    least, most = span(law.parts[0]) if law.parts else (0, 0)
    more = round(law.plus)
    return least + more, None if most is None else most + more


def span(law: Law) -> Span:
    """Return the shortest and the longest duration that a law gives; None where there is none."""
    least: float
    most: float | None
    if law.kind == kinds.CONSTANT:
        least, most = law.a, law.a
    elif law.kind == kinds.UNIFORM:
        least, most = law.a, law.b
    elif law.kind == kinds.QUANTILES:
        least, most = law.points[0][1], law.points[-1][1]
    elif law.kind == kinds.CHOICE:
        spans = [span(p) for p, w in zip(law.parts, law.weights, strict=True) if w > 0]
        least = min(s[0] for s in spans)
        ends = [s[1] for s in spans]
        most = None if None in ends else max(e for e in ends if e is not None)
    else:
        least, most = 0.0, None
    return round(least + law.plus), None if most is None else round(most + law.plus)
