"""The driver of a search that is divided among workers: level by level, in rounds.

In a round each worker expands some states of the level and sends the successors to the workers that
they belong to, which insert them. A level ends when no worker has states of it left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from vmlitmus.engine.limits import Limits, Progress, Stopped
from vmlitmus.engine.native.codegen import FAULTY_CONDITION
from vmlitmus.engine.native.search import Found
from vmlitmus.engine.native.sharded.shard import Report
from vmlitmus.engine.native.storage.store import NativeModel
from vmlitmus.errors import EnginesDisagree

ATTEMPTS = 3  # times that a search is begun whose worker is lost
Words = tuple[int, ...]


class WorkerGone(Exception):
    """A worker has ended, with all that it had found."""


class Workers(Protocol):
    """Who keeps the shards; ``size`` is how many they are."""

    size: int

    def open(self, model: NativeModel, stop_on: int, limits: Limits) -> None:
        """Make the shards of a new search, in place of any others; raises Stopped, WorkerGone."""

    def call(self, shard: int, method: str, *given: Any, parts: int = 1) -> Any:
        """Call a method of a shard; return what stands for its result, or for each part of it.

        What stands for a result may be given to another call. A shard does one call after the
        other.
        """

    def wait(self, calls: Sequence[Any], look: Callable[[], None]) -> list[Any]:
        """Return the results of some calls; call ``look`` now and then. Raises WorkerGone."""


class ShardedSearch:
    """One breadth-first search over all workers: the counts of a search on one machine.

    ``run`` searches; ``path`` is then the way from the initial state to a state that ends the
    search, and ``fault`` a state and the instance that fails there, or None for a condition.
    A search whose worker is lost begins again, at most ``ATTEMPTS`` times in all.
    """

    def __init__(
        self,
        model: NativeModel,
        workers: Workers,
        *,
        stop_on: int = 0,
        limits: Limits | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.model = replace(model, lasting=None)  # the shards get it as plain data
        self.workers = workers
        self.all = range(workers.size)
        self.stop_on = stop_on
        self.limits = limits or Limits()
        self.progress = progress
        self.started = time.monotonic()
        self.depth = 0
        self.reports: list[Report] = []
        self.path: list[Words] | None = None
        self.fault: tuple[Words, int | None] | None = None

    def run(self) -> Found:
        """Search until the states run out, the search ends, or a limit is reached."""
        stopped: str | None = f"a worker was lost, {ATTEMPTS} times"
        counters: list[int] = [0] * self.model.counters
        observed = 0
        try:
            for _ in range(ATTEMPTS):
                try:
                    self._search()
                    counters, observed = self._seen()
                    stopped = None
                    break
                except WorkerGone:
                    continue
        except Stopped as stop:
            stopped = stop.reason
            if self.reports:  # else there are no shards
                with suppress(WorkerGone):
                    self.reports = self._ask("report", late=True)
                    counters, observed = self._seen(late=True)
        except (KeyboardInterrupt, MemoryError) as error:
            stopped = "memory" if isinstance(error, MemoryError) else "interrupt"
        return Found(
            states=self._sum("counted"),
            transitions=self._sum("transitions"),
            depth=self.depth,
            stopped=stopped,
            hit=None,
            error=None,
            coverage=tuple(counters),
            observed=observed,
            allocated=self._sum("allocated"),
            seconds=time.monotonic() - self.started,
            orbits=self._sum("states") if self.model.symmetric else None,
        )

    @property
    def omission_odds(self) -> float:
        """Return a bound on the odds that two states were taken for one; 0 when exact."""
        return 0.0 if self.model.words <= 2 else self._sum("states") ** 2 / 2.0**128

    def _sum(self, what: str) -> int:
        return sum(getattr(report, what) for report in self.reports)

    def _search(self) -> None:
        self.depth, self.path, self.fault, self.reports = 0, None, None, []
        memory = self.limits.memory
        each = None if memory is None else max(memory // self.workers.size, 1)
        self.workers.open(self.model, self.stop_on, replace(self.limits, memory=each))
        self.reports = self._ask("report")
        while not self._ended():
            before = self._sum("states")
            self._expand_level()
            if self.fault or self._sum("states") == before:
                return
            self.depth += 1

    def _ended(self) -> bool:
        """Say whether the level that is complete now ends the search; then find the way to it."""
        if any(report.observed & self.stop_on & FAULTY_CONDITION for report in self.reports):
            self.fault = self._first("first_with", FAULTY_CONDITION), None
            return True
        if any(report.hit for report in self.reports):
            self.path = self._way(self._first("first_with", self.stop_on))
            return True
        return False

    def _expand_level(self) -> None:
        """Expand all states of the level at hand, in rounds; stop at a step that fails."""
        while True:
            sent = [
                self.workers.call(number, "send", self.depth, parts=self.workers.size)
                for number in self.all
            ]
            self.reports = self._wait(
                [
                    self.workers.call(number, "receive", *(boxes[number] for boxes in sent))
                    for number in self.all
                ]
            )
            stopped = [report.stopped for report in self.reports if report.stopped]
            if stopped:
                raise Stopped(stopped[0])
            if self._sum("sent") != self._sum("received"):
                raise EnginesDisagree("states were lost between workers")
            faults = [report.fault for report in self.reports if report.fault]
            if faults:
                self.fault = faults[0]
                return
            if not self._sum("waiting"):
                return

    def _way(self, end: Words) -> list[Words]:
        """Return the states of a run to a state of the last level: any worker may have a parent."""
        found = [end]
        for level in reversed(range(self.depth)):
            found.append(self._first("leads_to", level, found[-1]))
        return found[::-1]

    def _first(self, method: str, *given: Any) -> Words:
        """Return what the first shard finds that finds a state."""
        found = [state for state in self._ask(method, *given) if state is not None]
        if not found:
            raise EnginesDisagree("no worker has the state that leads to one that was reached")
        first: Words = found[0]
        return first

    def _seen(self, *, late: bool = False) -> tuple[list[int], int]:
        """Return the sums of the counters, and the conditions that any shard has seen."""
        counters, observed = [0] * self.model.counters, 0
        for counted, words in self._ask("seen", late=late):
            counters = [a + b for a, b in zip(counters, counted, strict=True)]
            observed |= sum(word << 64 * number for number, word in enumerate(words))
        return counters, observed

    def _ask(self, method: str, *given: Any, late: bool = False) -> list[Any]:
        """Call a method of all shards; return the results, also when it is ``late``."""
        calls = [self.workers.call(number, method, *given) for number in self.all]
        return self.workers.wait(calls, _nothing) if late else self._wait(calls)

    def _wait(self, calls: Sequence[Any]) -> list[Any]:
        self._look()
        return self.workers.wait(calls, self._look)

    def _look(self) -> None:
        """Show progress and keep to the time limit."""
        seconds = time.monotonic() - self.started
        if self.progress is not None and self.reports:
            states, transitions = self._sum("counted"), self._sum("transitions")
            self.progress(Progress(states, transitions, self.depth, self._sum("waiting"), seconds))
        if self.limits.seconds is not None and seconds >= self.limits.seconds:
            raise Stopped("time")


def _nothing() -> None:
    """Let time pass."""
