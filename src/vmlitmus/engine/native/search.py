"""The compiled engine's search: limits and progress around the native kernel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vmlitmus.engine.limits import Limits, Progress, Stopped
from vmlitmus.engine.native.kernels import breadth_first
from vmlitmus.engine.native.store import NativeModel, StateStore

_SLICE = 20_000  # states expanded before Python looks at the clock
_QUICK = 0.1  # seconds at least of search by code compiled in haste, which is half as fast
_COMPILING = 2e-6  # seconds that compiling well takes for each character of the IR


@dataclass(frozen=True)
class Found:
    """What a search found; ``hit`` is the index of the first state that ends it.

    ``stopped`` is None, "time", "memory", "interrupt" or "large"; ``error`` is (state, instance) of
    a step that failed; ``allocated`` counts bytes; ``seconds`` is the time of the search alone.
    ``orbits`` are the states that were kept, where each stands for all that are like it.
    """

    states: int
    transitions: int
    depth: int
    stopped: str | None
    hit: int | None
    error: tuple[int, int] | None
    coverage: tuple[int, ...]
    observed: int
    allocated: int
    seconds: float
    orbits: int | None = None


class Search(StateStore):
    """One breadth-first search; owns its memory, and gives it back when closed.

    ``effort`` is how well its code is compiled at first, 0 or 2; a search that lasts goes on with
    2.
    ``starts`` are initial states other than the model's own, from which no search can meet another:
    no step writes what they differ in. Then several searches are done as one: each ends by itself,
    level by level as if it were alone.
    """

    def __init__(
        self,
        model: NativeModel,
        *,
        stop_on: int = 0,
        starts: Sequence[tuple[int, ...]] = (),
        limits: Limits | None = None,
        progress: Callable[[Progress], None] | None = None,
        effort: int = 0,
        whole_keys: bool = False,
    ) -> None:
        self.progress = progress
        self.started = time.monotonic()
        self.most: int | None = None
        super().__init__(model, stop_on, starts, limits or Limits(), effort, whole_keys=whole_keys)

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, most: int | None = None) -> Found:
        """Search until the states run out, the search ends, or a limit is reached.

        After ``most`` states it stops as "large", and can go on.
        """
        self.most = most
        began = time.monotonic()
        stopped = None
        try:
            self._advance()
        except Stopped as stop:
            stopped = stop.reason
        except (KeyboardInterrupt, MemoryError) as error:
            stopped = "memory" if isinstance(error, MemoryError) else "interrupt"
        fault = self.get("FAULT")
        hit = 0 if self.starts else self.regions["HITS"].words(0, 1)[0]
        return Found(
            states=self.counted,
            transitions=self.get("TRANSITIONS"),
            depth=self.get("DEPTH"),
            stopped=stopped,
            hit=hit - 1 if hit and stopped is None else None,
            error=(self.get("HEAD"), fault - 1) if fault else None,
            coverage=self.regions["COVERAGE"].words(0, self.model.counters),
            observed=self.get("OBSERVED") | self._further() << 64,
            allocated=self.allocated,
            seconds=time.monotonic() - began,
            orbits=self.get("TAIL") if self.model.symmetric else None,
        )

    @property
    def counted(self) -> int:
        """How many states were found; those of an orbit count each."""
        found: int = self.get("COUNTED" if self.model.symmetric else "TAIL")
        return found

    def _advance(self) -> None:
        began = time.process_time()
        quick = max(_QUICK, _COMPILING * len(self.model.ir))
        while True:
            outcome = self.kernel["advance"](self.ctx.address, _SLICE)
            if outcome == breadth_first.GROW:
                self._grow(self.get("TAIL") + 1)
            elif outcome != breadth_first.PAUSE:
                break
            if self.most is not None and self.get("TAIL") >= self.most:
                raise Stopped("large")
            if self.effort == 0 and time.process_time() - began > quick:
                self._compile(2)
            self._look()

    def _look(self) -> None:
        """Leave to the disk what goes there, show progress and keep to the time limit."""
        self.leave()
        seconds = time.monotonic() - self.started
        if self.progress is not None:
            waiting = self.get("TAIL") - self.get("HEAD")
            transitions, depth = self.get("TRANSITIONS"), self.get("DEPTH")
            self.progress(Progress(self.counted, transitions, depth, waiting, seconds))
        if self.limits.seconds is not None and seconds >= self.limits.seconds:
            raise Stopped("time")

    def _further(self) -> int:
        """Return a bit for each condition after the first 63 that was seen."""
        words = self.regions["MORE"].words(0, self.model.further // 64 + 1)
        return sum(word << 64 * number for number, word in enumerate(words))

    def hits(self) -> dict[int, int]:
        """Return by its start, for each search that has ended, the first state that ended it."""
        words = self.regions["HITS"].words(0, max(self.starts, 1))
        return {number: hit - 1 for number, hit in enumerate(words) if hit}

    @property
    def omission_odds(self) -> float:
        """Return a bound on the odds that two states were taken for one; 0 when exact."""
        if self.model.words <= 2:
            return 0.0
        states: int = self.get("TAIL")
        return states * states / 2.0**128  # the key has 127 bits that differ by chance

    def unrecoverable(self, good: int) -> int | None:
        """Return the first state from which no state with a condition of ``good`` is reachable.

        Of several searches done as one, ``hits()`` gives it for each. Call it after a search that
        was complete. Raises Stopped at a limit.
        """
        states, edges = self.get("TAIL"), self.get("TRANSITIONS")
        self._graph(states, edges)
        self.region("MARK", states)
        self.region("STACK", 4 * states)
        self.set("HEIGHT", 0)
        for first, last in self._slices(states):
            self.kernel["mark_good"](self.ctx.address, good, first, last)
        while self.kernel["mark_back"](self.ctx.address, _SLICE):
            self._look()
        for first, last in self._slices(states):
            self.kernel["first_unmarked"](self.ctx.address, first, last)
        return self.hits().get(0)

    def _graph(self, states: int, edges: int) -> None:
        """Build the edges of the state graph, forwards and backwards."""
        coverage = self.regions["COVERAGE"].words(0, self.model.counters)
        needed = 4 * self.table.slots + 16 * (states + 1) + 8 * edges + 5 * states
        if self.limits.memory is not None and self.allocated + needed > self.limits.memory:
            raise Stopped("memory")
        self.region("INDEX", 4 * self.table.slots)
        self.region("FIRST", 8 * (states + 1))
        self.region("BEFORE", 8 * (states + 1))
        self.region("TARGETS", 4 * edges)
        self.region("SOURCES", 4 * edges)
        self.set("EDGES", 0)
        for first, last in self._slices(states):
            self.kernel["number_states"](self.ctx.address, first, last)
        for first, last in self._slices(states):
            self.kernel["connect"](self.ctx.address, first, last)
        self.kernel["sum_up"](self.ctx.address, states)
        for first, last in self._slices(states):
            self.kernel["reverse"](self.ctx.address, first, last)
        for index, count in enumerate(coverage):
            self.regions["COVERAGE"].set_word(index, count)

    def _slices(self, states: int) -> Iterator[tuple[int, int]]:
        for first in range(0, states, _SLICE):
            yield first, min(first + _SLICE, states)
            self._look()
