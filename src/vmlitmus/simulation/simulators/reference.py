"""The reference simulator: a generalised semi-Markov process in plain Python. It is the definition.

In a state, each instance that is enabled has a clock, unless it is immediate. How long it takes
follows from the ending that it would come to in that state; where that changes, and another row of
the timing is about the new one, the clock is dropped and that of the new one starts. The clock runs
while the instance stays enabled. When it is disabled, the clock is dropped (``enabling``), or stops
and goes on from there when the instance is enabled again (``age``). A clock with ``resampling`` is
drawn anew after every event. The instance that is taken has no clock afterwards: where it is
enabled again, its clock starts anew.

What happens next: what is immediate, as long as there is anything; else that whose clock ends
first.
At one instant the highest priority comes first. Of the rest what is immediate is chosen with a
probability in proportion to its weight, what has a clock with equal probability.

Time is counted in whole nanoseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from vmlitmus.compiler import State
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import ScenarioError
from vmlitmus.simulation.laws.generator import TIES, Uniforms, stream_of
from vmlitmus.simulation.laws.rules import Firing, Rule, Rules

MOST_AT_ONCE = 100_000  # events without a nanosecond between them


@dataclass(frozen=True)
class Event:
    """Something happened: when, what, and the state that it led to."""

    time: int
    firing: Firing
    state: State


class Simulator:
    """One run of a machine in time. ``now`` is the time of the last event, in nanoseconds."""

    def __init__(self, rules: Rules, seed: int, replication: int = 0) -> None:
        self.rules = rules
        self.seed = seed
        self.replication = replication
        self.stepper = Stepper(rules.machine)
        self.now = 0
        self.state = rules.machine.initial
        self.began: dict[int, Rule] = {}  # by instance: the rule of what is enabled
        self.ends: dict[int, int] = {}  # by instance: when each running clock ends
        self.left: dict[int, tuple[Rule, int]] = {}  # what is left of each clock that was stopped
        self.draws: Counter[int] = Counter()  # by stream
        self.after: dict[Firing, State] = {}  # what is enabled, and where it leads
        self.chosen: Firing | None = None
        self.at_once = 0

    def events(self, until: int) -> Iterator[Event]:
        """Yield what happens up to a time, that time included."""
        while True:
            if not self.after:
                self._enter()
            firing = self.chosen
            if firing is None or self.ends.get(firing[0], self.now) > until:
                return
            self._go_on(self.ends.pop(firing[0], self.now), firing)
            del self.began[firing[0]]
            self.state = self.after[firing]
            self.after = {}
            yield Event(self.now, firing, self.state)

    def _enter(self) -> None:
        """Find what is enabled in the state at hand, set the clocks, and choose what is next."""
        for instance, name, state in self.stepper.successors(self.state):
            firing = instance.index, ending_of(name)
            if not self.rules.rule(firing).never:
                self.after[firing] = state
        self._set_clocks()
        self.chosen = self._next()

    def _set_clocks(self) -> None:
        """Drop, stop, start and draw anew what has to be."""
        enabled = dict(self.after.keys())
        for instance in [i for i in self.began if i not in enabled]:
            rule, end = self.began.pop(instance), self.ends.pop(instance, self.now)
            if rule.memory == "age" and rule.law is not None:
                self.left[instance] = rule, end - self.now
        for instance, ending in enabled.items():
            rule = self.rules.rule((instance, ending))
            if self.began.get(instance) is rule and rule.memory != "resampling":
                continue
            if instance in self.began and self.began[instance] is not rule:
                self.ends.pop(instance, None)
            self.began[instance] = rule
            if rule.law is None:
                continue
            stopped, left = self.left.pop(instance, (None, 0))
            if stopped is rule:
                self.ends[instance] = self.now + left
            else:
                drawn = self._draw(self.rules.stream(instance))
                self.ends[instance] = self.now + rule.law.sample(self.now, drawn)

    def _draw(self, stream: int) -> Uniforms:
        number = self.draws[stream]
        self.draws[stream] += 1
        return Uniforms(self.seed, self.replication, stream, number)

    def _next(self) -> Firing | None:
        """Return what happens next, or None where nothing does."""
        waiting = [f for f in self.after if self.began[f[0]].law is None]
        if not waiting:
            first = min(self.ends.values(), default=0)
            waiting = [f for f in self.after if self.ends[f[0]] == first]
        if not waiting:
            return None
        highest = max(self.began[f[0]].priority for f in waiting)
        waiting = [f for f in waiting if self.began[f[0]].priority == highest]
        if len(waiting) == 1:
            return waiting[0]
        return self._by_chance(waiting)

    def _by_chance(self, waiting: list[Firing]) -> Firing:
        """Return one of what may happen at this instant."""
        rules = [self.began[instance] for instance, _ in waiting]
        weights = [rule.weight if rule.law is None else 1.0 for rule in rules]
        total = 0.0
        for weight in weights:
            total = total + weight
        chosen = self._draw(stream_of(TIES))() * total
        below = 0.0
        for firing, weight in zip(waiting, weights, strict=True):
            below = below + weight
            if chosen < below:
                return firing
        return waiting[-1]

    def _go_on(self, time: int, firing: Firing) -> None:
        """Let time go on; raises ScenarioError where it does not, for ever."""
        self.at_once = self.at_once + 1 if time == self.now else 0
        if self.at_once > MOST_AT_ONCE:
            raise ScenarioError(no_time_passes(self.rules, firing, self.now))
        self.now = time


def no_time_passes(rules: Rules, firing: Firing, now: int) -> str:
    """Say that events follow each other without any time between them."""
    step = rules.machine.instances[firing[0]].step_id(firing[1])
    return (
        f"{rules.timing.path}: time stands still at {now} ns: {MOST_AT_ONCE} events in a row take "
        f"no time, the last of them {step}; give a step of this loop a duration"
    )


def ending_of(step_id: str) -> int:
    """Return the ending in the id of a section, 0 for a plain step."""
    _, dot, number = step_id.partition(".")
    return int(number) if dot else 0
