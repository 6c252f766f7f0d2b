"""The compiled engine's search: memory, limits and progress around the native kernel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from mmap import PAGESIZE
from typing import Any

from vmlitmus.engine.limits import Limits, Progress, Stopped
from vmlitmus.engine.native.jit import Native
from vmlitmus.engine.native.kernels import breadth_first, graph
from vmlitmus.engine.native.kernels.language import compile_kernel
from vmlitmus.engine.native.memory import Region
from vmlitmus.errors import EnginesDisagree

_OUTCOMES = ("GROW", "FAILED", "DONE", "FOUND", "PAUSE")
_BATCH = 512  # successors collected before they are inserted
_SLICE = 20_000  # states expanded before Python looks at the clock
_QUICK = 0.1  # seconds at least of search by code compiled in haste, which is half as fast
_COMPILING = 2e-6  # seconds that compiling well takes for each character of the IR
_SMALL = 1 << 12  # slots up to which a table doubles
_GROWTH = 1.5  # beyond: each key is moved about twice
_FULL = 0.8  # share of the slots that may be in use
_FAMILY = 16  # states in a row whose children are noted together
_LATELY = 1 << 14  # successors remembered for a while; their keys fit a core's own cache
_LOW = 1 << 16  # slots whose keys are put aside while a table grows
_MOST_STATES = (1 << 32) - 2  # states are 32-bit indexes
_GROWING = ("TABLE", "LOG", "CHILDREN", "OWNERS", "LEVELS")
_NO_PARENT = 0xFFFFFFFF  # the parent of an initial state
_FIELD = {name: index for index, name in enumerate(breadth_first.FIELDS)}


@dataclass(frozen=True)
class NativeModel:
    """A machine as LLVM IR: ``expand`` and ``conditions`` on packed states.

    ``i64 expand(ptr state, ptr out, ptr coverage)`` writes the successors, ``words`` 64-bit words
    each, in canonical order, adds one to the counter of each step that fires, and returns how many
    there are, or -(1 + i) when instance i fails. ``i64 conditions(ptr state, ptr more)`` has bit b
    set where condition b is true; those after the first 63, ``further`` in number, are noted in the
    bits behind ``more``. ``fanout`` bounds the successors of one state. No word uses its bit 63.
    Where it is ``named``, ``expand`` writes the instance that leads to each successor, 64 bits
    each, behind the counters.
    Where it is ``symmetric``, ``i64 canonical(ptr state)`` puts the state that stands for the orbit
    of a state in its place, and returns how many states there are in the orbit.
    """

    ir: str
    words: int
    bits: int
    fanout: int
    counters: int
    initial: tuple[int, ...]
    further: int = 0
    named: bool = False
    symmetric: bool = False

    @property
    def counting(self) -> int:
        """Bytes that ``expand`` needs for its counters and names."""
        return 8 * (self.counters + (self.fanout if self.named else 0))


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


class Search:
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
    ) -> None:
        self.model = model
        self.limits = limits or Limits()
        self.progress = progress
        self.started = time.monotonic()
        self.most: int | None = None
        self.keys = 1 if model.words == 1 else 2
        self.largest = _BATCH + model.fanout
        self.regions: dict[str, Region] = {}
        self.ctx = Region(8 * len(breadth_first.FIELDS))
        self._compile(effort)
        self._allocate(stop_on, starts)
        self._begin(starts or [model.initial])

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory back."""
        for region in (*self.regions.values(), self.ctx):
            region.close()
        self.regions = {}

    def _compile(self, effort: int) -> None:
        """Compile the machine and the kernel; the search can go on where it is."""
        self.effort = effort
        self.kernel = _kernel(self.model.words, effort, self.model.symmetric)
        self.machine = _machine(self.model.ir, effort)
        self._set("EXPAND", self.machine.address("expand"))
        self._set("CONDITIONS", self.machine.address("conditions"))
        if self.model.symmetric:
            self._set("CANONICAL", self.machine.address("canonical"))

    def _allocate(self, stop_on: int, starts: Sequence[tuple[int, ...]]) -> None:
        words, keys = self.model.words, self.keys
        self._region("BATCH", 8 * words * self.largest)
        self._region("FROM", 4 * self.largest)
        self._region("KEYS_AT", 8 * keys * self.largest)
        self._region("LATELY", 8 * keys * _LATELY)
        self.regions["ASIDE"] = Region(8 * keys * 2 * _LOW)
        self._region("COVERAGE", self.model.counting)
        if self.model.symmetric:
            self._region("APART", self.model.counting)
            self._region("SPARE", 8 * max(words, keys))
            self._set("COUNTERS", self.model.counters)
        self._region("LOG", 0)
        self._region("CHILDREN", 0)
        self._region("LEVELS", 0)
        self.slots = 0
        self.room = 0
        self.starts = len(starts)
        self._region("HITS", 8 * max(self.starts, 1))
        self._region("MORE", 8 * (self.model.further // 64 + 1))
        self._set("STOP_ON", stop_on)
        self._set("LARGEST", self.largest)
        self._grow(2 * self.largest)

    def _begin(self, starts: Sequence[tuple[int, ...]]) -> None:
        """Insert the initial states."""
        for first in range(0, len(starts), _BATCH):
            some = starts[first : first + _BATCH]
            for index, word in enumerate(word for start in some for word in start):
                self.regions["BATCH"].set_word(index, word)
            self._grow(self._get("TAIL") + len(some))
            self.kernel["begin"](self.ctx.address, len(some))
        self.initials = self._get("TAIL")

    def _region(self, name: str, size: int) -> Region:
        """Make or grow a region, and tell the kernel where it is."""
        if name in self.regions:
            self.regions[name].grow(size)
        else:
            self.regions[name] = Region(size, growing=name in _GROWING)
        self._set(name, self.regions[name].address)
        return self.regions[name]

    def _set(self, name: str, value: int) -> None:
        self.ctx.set_word(_FIELD[name], value)

    def _get(self, name: str) -> int:
        return self.ctx.words(_FIELD[name], 1)[0]

    @property
    def allocated(self) -> int:
        """Bytes allocated for states, their families and the table."""
        names = [name for name in _GROWING if name in self.regions and name != "LEVELS"]
        return sum(self.regions[name].size for name in names)

    def _grow(self, states: int) -> None:
        """Make room for so many states, and for a batch more; raises Stopped("memory")."""
        states += self.largest
        if states > _MOST_STATES:
            raise Stopped("memory")
        slots = self.slots
        while slots * _FULL < states:
            slots = max(1024, 2 * slots) if slots < _SMALL else int(slots * _GROWTH) + 7 & -8
        room = min(int(slots * _FULL), max(states, int(self.room * 1.02) + 512))
        self._check_memory(slots, room)
        try:
            self._grow_table(slots)
            self._region("LOG", 8 * self.model.words * room)
            self._region("CHILDREN", 4 * (room // _FAMILY + 1))
            self._region("LEVELS", 4 * room)  # few of them are ever touched
            if self.starts:
                self._region("OWNERS", 4 * room)
        except OSError:
            raise Stopped("memory") from None
        self.room = room
        self._set("ROOM", room)

    def _check_memory(self, slots: int, room: int) -> None:
        families = max(4 * (room // _FAMILY + 1), PAGESIZE)
        states = 8 * self.model.words + (4 if self.starts else 0)
        needed = 8 * self.keys * slots + states * room + families
        if self.limits.memory is not None and needed > self.limits.memory:
            raise Stopped("memory")

    def _grow_table(self, slots: int) -> None:
        if slots == self.slots:
            return
        table = self._region("TABLE", 8 * self.keys * slots).address
        aside = self.regions["ASIDE"].address
        if not self.kernel["spread"](table, self.slots, slots, aside):
            raise RuntimeError("the table of states cannot grow")
        self.slots = slots
        self._set("SLOTS", slots)

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
            outcome = self.kernel["advance"](self.ctx.address, _SLICE)
            if outcome == breadth_first.GROW:
                self._grow(self._get("TAIL") + 1)
            elif outcome != breadth_first.PAUSE:
                break
            if self.most is not None and self._get("TAIL") >= self.most:
                raise Stopped("large")
            if self.effort == 0 and time.process_time() - began > quick:
                self._compile(2)
            self._look()

    def _look(self) -> None:
        """Show progress and keep to the time limit."""
        seconds = time.monotonic() - self.started
        if self.progress is not None:
            waiting = self._get("TAIL") - self._get("HEAD")
            transitions, depth = self._get("TRANSITIONS"), self._get("DEPTH")
            self.progress(Progress(self.counted, transitions, depth, waiting, seconds))
        if self.limits.seconds is not None and seconds >= self.limits.seconds:
            raise Stopped("time")

    def state(self, index: int) -> tuple[int, ...]:
        """Return the words of a state."""
        words = self.model.words
        return self.regions["LOG"].words(index * words, words)

    def path(self, index: int) -> list[tuple[int, ...]]:
        """Return the states from the initial one to this one."""
        found = [self.state(index)]
        while index >= self.initials:
            index = self.parent(index)
            found.append(self.state(index))
        return found[::-1]

    def parent(self, index: int) -> int:
        """Return the state from which another was reached first: one of its family leads there."""
        family = self._family(index)
        wanted = self.state(index)
        for parent in range(family * _FAMILY, min((family + 1) * _FAMILY, index)):
            if wanted in self._successors(parent):
                return parent
        raise EnginesDisagree("no state leads to one that was reached")

    def _family(self, index: int) -> int:
        """Return the last family whose first child is not behind a state."""
        children = self.regions["CHILDREN"]
        low, high = 0, self._get("NOTED")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if children.word32(middle) > index else (middle, high)
        return low

    def _successors(self, index: int) -> list[tuple[int, ...]]:
        """Expand a state again, without counting."""
        return self._expanded(self.regions["LOG"].address + 8 * self.model.words * index)

    def _expanded(self, at: int) -> list[tuple[int, ...]]:
        """Return the successors of the state at an address."""
        words, out = self.model.words, self.regions["BATCH"]
        if "UNCOUNTED" not in self.regions:
            self.regions["UNCOUNTED"] = Region(self.model.counting)
        count = self.machine.function("expand", 3)(
            at, out.address, self.regions["UNCOUNTED"].address
        )
        return [out.words(words * k, words) for k in range(count)]

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

    def unrecoverable(self, good: int) -> int | None:
        """Return the first state from which no state with a condition of ``good`` is reachable.

        Of several searches done as one, ``hits()`` gives it for each. Call it after a search that
        was complete. Raises Stopped at a limit.
        """
        states, edges = self._get("TAIL"), self._get("TRANSITIONS")
        self._graph(states, edges)
        self._region("MARK", states)
        self._region("STACK", 4 * states)
        self._set("HEIGHT", 0)
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
        needed = 4 * self.slots + 16 * (states + 1) + 8 * edges + 5 * states
        if self.limits.memory is not None and self.allocated + needed > self.limits.memory:
            raise Stopped("memory")
        self._region("INDEX", 4 * self.slots)
        self._region("FIRST", 8 * (states + 1))
        self._region("BEFORE", 8 * (states + 1))
        self._region("TARGETS", 4 * edges)
        self._region("SOURCES", 4 * edges)
        self._set("EDGES", 0)
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


@lru_cache(maxsize=2)
def _machine(ir: str, effort: int) -> Native:
    """Return a machine's functions, compiled once for searches that follow one another."""
    return Native(ir, effort)


def line(words: int) -> dict[str, int]:
    """Return how many keys, for states of so many words, a line of the table has; as 2**n too."""
    bits = 3 if words == 1 else 2
    return {"LINE": 1 << bits, "LINE_BITS": bits}


@cache
def _kernel(words: int, effort: int, symmetric: bool) -> dict[str, Any]:
    """Return the kernel's functions for states of so many words, compiled once."""
    constants = {
        **_FIELD,
        "WORDS": words,
        "KEYS": min(words, 2),
        "MOST": _BATCH,
        "MEMORY": _LATELY,
        "LOW": _LOW,
        "FAMILY": _FAMILY,
        **line(words),
        "NO_PARENT": _NO_PARENT,
        "SYMMETRIC": int(symmetric),
        **{
            name: getattr(breadth_first, name)
            for name in ("GROW", "FAILED", "DONE", "FOUND", "PAUSE")
        },
    }
    exported = breadth_first.EXPORTED + graph.PASSES
    internal = [f for f in breadth_first.INTERNAL if symmetric or f not in breadth_first.OF_ORBITS]
    names = frozenset(f.__name__ for f in exported)
    native = Native(compile_kernel(internal + exported, constants, names), effort)
    return {f.__name__: native.function(f.__name__, f.__code__.co_argcount) for f in exported}
