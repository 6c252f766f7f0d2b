"""The compiled engine's search: limits and progress around the native kernel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

from vmlitmus.engine.limits import Limits, Progress, Stopped
from vmlitmus.engine.native import parallel
from vmlitmus.engine.native.kernels import breadth_first
from vmlitmus.engine.native.storage.checkpoint import Checkpoint
from vmlitmus.engine.native.storage.key_table import crowded
from vmlitmus.engine.native.storage.memory import Region
from vmlitmus.engine.native.storage.store import NativeModel, StateStore

_SLICE = 20_000  # states expanded before Python looks at the clock
_QUICK = 0.1  # seconds at least of search by code compiled in haste, which is half as fast
_SOON = 0.05  # seconds of search by good code before other cores are prepared, which takes as long
_COMPILING = 2e-6  # seconds that compiling well takes for each character of the IR
_LASTING = 4  # how often as many states wait as cores need, where a search will last


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
    With ``graph``, it can be asked afterwards which states lead where.
    A search that lasts uses all cores, or as many as ``cores``; what it finds is the same.
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
        graph: bool = False,
        cores: int | None = None,
    ) -> None:
        self.progress = progress
        self.started = time.monotonic()
        self.most: int | None = None
        self.cores = parallel.cores() if cores is None else cores
        self.coming: threading.Thread | None = None
        self.team: parallel.Team | None = None
        super().__init__(model, stop_on, starts, limits or Limits(), effort, graph)
        self.words = model.words
        self.checkpoint: Checkpoint | None = None
        if self.limits.checkpoints is not None:
            content = repr((replace(model, ir=""), stop_on, graph)).encode() + model.ir.encode()
            self.checkpoint = Checkpoint(self.limits.checkpoints, content)
            if self.checkpoint.manifest is not None:
                try:
                    self._restore(self.checkpoint)
                except BaseException:
                    self.close()
                    raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory back."""
        if self.coming is not None:
            self.coming.join()
        if self.team is not None:
            self.team.close()
            self.team = None
        if self.checkpoint is not None:
            self.checkpoint.close()
        super().close()

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Go on from where a checkpoint is: its states are put into the table again."""
        entered = self.get("TAIL")

        def grow(states: int) -> None:
            nonlocal entered
            there = self.get("TAIL")
            if there > self.initials:
                new = self.kernel["enter_log"](self.ctx.address, entered, there)
                if new != there - entered:
                    raise checkpoint.damaged("log")
                entered = there
            self.leave()
            self._grow(max(states, there))

        if self.effort == 0:
            self._compile(2)
        checkpoint.restore(self, grow)
        grow(self.get("TAIL"))

    def finished(self) -> None:
        """The answer is known: nobody has to go on from a checkpoint."""
        if self.checkpoint is not None:
            self.checkpoint.remove()

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
        fault = self._get("FAULT")
        hit = 0 if self.starts else self.regions["HITS"].words(0, 1)[0]
        return Found(
            states=self.counted,
            transitions=self._get("TRANSITIONS"),
            depth=self._get("DEPTH"),
            stopped=stopped,
            hit=hit - 1 if hit and stopped is None else None,
            error=(self._get("HEAD"), fault - 1) if fault else None,
            coverage=self.regions["COVERAGE"].words(0, self.model.counters),
            observed=self._get("OBSERVED") | self._further() << 64,
            allocated=self.allocated,
            seconds=time.monotonic() - began,
            orbits=self._get("TAIL") if self.model.symmetric else None,
        )

    @property
    def counted(self) -> int:
        """How many states were found; those of an orbit count each."""
        found: int = self._get("COUNTED" if self.model.symmetric else "TAIL")
        return found

    def _advance(self) -> None:
        began = time.process_time()
        quick = max(_QUICK, _COMPILING * len(self.model.ir))
        while True:
            outcome = self._expand()
            if outcome == breadth_first.GROW:
                self._grow(self._get("TAIL") + 1)
            elif outcome == breadth_first.CROWDED:
                raise crowded()
            elif outcome != breadth_first.PAUSE:
                break
            if self.most is not None and self._get("TAIL") >= self.most:
                raise Stopped("large")
            if self.effort == 0 and time.process_time() - began > quick:
                self._compile(2)
                began = time.process_time()
            if self.cores > 1 and self.effort and time.process_time() - began > _SOON:
                self._call_together()
            if self.checkpoint is not None:
                self.checkpoint.note(self)
            self.look()

    def _call_together(self) -> None:
        """Let more cores help as soon as the code for that is compiled."""
        if self.starts or self.remainders is not None:
            self.cores = 1
        elif self.coming is None:
            if self.get("TAIL") - self.get("HEAD") >= _LASTING * parallel.FEW * self.cores:
                self.coming = parallel.prepare(self)
        elif not self.coming.is_alive():
            cores, self.cores = self.cores, 1
            with suppress(OSError):
                self.team = parallel.Team(self, cores)

    def _expand(self) -> int:
        """Expand some states, on all cores where that pays; return the outcome."""
        budget = _SLICE
        if self.team is not None or self.checkpoint is not None:
            budget = min(self.get("LEVEL_END") - self.get("HEAD"), budget)
        if self.team is not None:
            if budget and self.team.pays():
                try:
                    return self.team.expand()
                except Stopped:  # no room for all that they found; there may be for some states
                    self.team.close()
                    self.team = None
        outcome: int = self.kernel["advance"](self.ctx.address, budget)
        return outcome

    def spread(self, slots: int, used: Region) -> bool:
        if self.team is None or not self.team.watch.free():
            return super().spread(slots, used)
        return self.team.spread(slots, used.address)

    def look(self) -> None:
        """Leave to the disk what goes there, show progress and keep to the time limit."""
        self.leave()
        seconds = time.monotonic() - self.started
        if self.progress is not None:
            waiting = self._get("TAIL") - self._get("HEAD")
            transitions, depth = self._get("TRANSITIONS"), self._get("DEPTH")
            self.progress(Progress(self.counted, transitions, depth, waiting, seconds))
        if self.limits.seconds is not None:
            if time.monotonic() - self.started >= self.limits.seconds:
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
        states: int = self._get("TAIL")
        return states * states / 2.0**128  # the key has 127 bits that differ by chance
