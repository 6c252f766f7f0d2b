"""Runs a machine in time again and again, until what is measured is known well enough."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from vmlitmus.decide.workers import spread
from vmlitmus.errors import OutOfTime
from vmlitmus.simulation.laws.rules import Rules
from vmlitmus.simulation.measures.measure import Measure
from vmlitmus.simulation.measures.tally import Counted, Plan, Tally, plan
from vmlitmus.simulation.simulators.native import Compiled, NativeSimulator
from vmlitmus.simulation.simulators.reference import Simulator

FEWEST = 10  # replications of each cell
MOST = 1 << 16  # a replication's number has 16 bits
_TOGETHER = 2.0  # seconds that a batch must last to be worth more processes than this one
_SLICES = 4  # pieces of a batch for each core


@dataclass(frozen=True)
class Run:
    """How long each replication is, in nanoseconds, and with which seed."""

    seed: int
    horizon: int
    warm_up: int


class Replications:
    """The replications of one cell; ``counted`` are what they counted after the warm-up."""

    def __init__(self, rules: Rules, measures: Sequence[Measure], run: Run, engine: str) -> None:
        self.run = run
        self.rules = rules
        self.plan: Plan = plan(measures, rules.machine)
        self.compiled = None if engine == "reference" else Compiled(rules, self.plan)
        self.simulator: NativeSimulator | None = None
        self.counted: list[Counted] = []
        self.spent = 0.0

    def begin(self, seconds: float) -> None:
        """Run the fewest replications that give figures; raises OutOfTime after ``seconds``."""
        began = time.monotonic()
        for n in range(FEWEST):
            try:
                self.counted.append(self.one(n, began + seconds))
            except _GivenUp:
                raise OutOfTime(n, FEWEST, seconds) from None
        self.spent += time.monotonic() - began

    def more(self, number: int, workers: int | None = None, until: float = math.inf) -> None:
        """Run some more replications, on all cores where that pays.

        None begins later than ``until``, a monotonic time; one that has begun is completed, as the
        figures of those that take long must not be left out. When it is interrupted, those that
        are done are kept.
        """
        first = len(self.counted)
        wanted = range(first, min(first + number, MOST))
        each = self.spent / first if first else 0.0
        began = time.monotonic()
        if workers == 1 or each * len(wanted) < _TOGETHER:
            self._in_turn(wanted, self.counted, until)
        else:
            self._spread(wanted, workers, until)
        self.spent += time.monotonic() - began

    def _in_turn(self, wanted: range, counted: list[Counted], until: float) -> None:
        for n in wanted:
            if time.monotonic() > until:
                break
            counted.append(self.one(n))

    def _spread(self, wanted: range, workers: int | None, until: float) -> None:
        cores = workers or len(os.sched_getaffinity(0))
        size = max(len(wanted) // (cores * _SLICES), 1)
        parts = [wanted[at : at + size] for at in range(0, len(wanted), size)]
        done: dict[range, list[Counted]] = {}
        try:
            for part, counted in spread(partial(self._some, until), parts, workers=workers):
                done[part] = counted
        finally:
            for part in itertools.takewhile(done.__contains__, parts):
                self.counted += done[part]
                if len(done[part]) < len(part):  # its time was up: the numbers have no gaps
                    break

    def _some(self, until: float, part: range) -> list[Counted]:
        counted: list[Counted] = []
        self._in_turn(part, counted, until)
        return counted

    def one(self, number: int, end: float = math.inf) -> Counted:
        """Return what one replication counts after its warm-up; it is given up at ``end``."""
        marks = [mark for mark in (self.run.warm_up, self.run.horizon) if mark]
        count = self._plain if self.compiled is None else self._native
        *before, after = count(number, marks, end)
        return after.since(before[0]) if before else after

    def _plain(self, number: int, marks: Sequence[int], end: float) -> list[Counted]:
        simulator = Simulator(self.rules, self.run.seed, number)
        tally = Tally(self.plan, lambda c: simulator.stepper.holds(simulator.state, c))
        found = []
        for until in marks:
            for event in simulator.events(until):
                tally.event(event.time, event.firing)
                _look_at_clock(end)
            tally.pass_time(until)
            found.append(tally.counted.copy())
        return found

    def _native(self, number: int, marks: Sequence[int], end: float) -> list[Counted]:
        assert self.compiled is not None
        if self.simulator is None:
            self.simulator = NativeSimulator(self.compiled, self.run.seed, number)
        else:
            self.simulator.begin(self.run.seed, number)
        found = []
        for until in marks:
            while not self.simulator.advance(until):
                _look_at_clock(end)
            found.append(self.simulator.counted())
        return found


class _GivenUp(Exception):
    """A replication is not done when its time is up."""


def _look_at_clock(end: float) -> None:
    if time.monotonic() > end:
        raise _GivenUp


def until_known(
    runs: Replications,
    known: Callable[[list[Counted]], bool],
    seconds: float,
    *,
    spent: float = 0.0,
    progress: Callable[[int], None] | None = None,
) -> bool:
    """Run replications until ``known`` says that is enough, or the time is up; say which.

    ``spent`` of the ``seconds`` are gone, for building and compiling. The fewest that give figures
    are run even if those took it all; raises OutOfTime where they alone take longer.
    """
    end = time.monotonic() + seconds - spent
    runs.begin(seconds)
    while not known(runs.counted):
        each = max(runs.spent / len(runs.counted), 1e-6)
        number = min(len(runs.counted), int((end - time.monotonic()) / each * 2))
        if number < 1 or len(runs.counted) >= MOST:
            return False
        runs.more(number, until=end)
        if progress is not None:
            progress(len(runs.counted))
    return True
