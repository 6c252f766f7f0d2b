"""One search on several cores: the threads, and when they pay (see ``kernels.parallel``).

Compiled code runs without Python's lock, so threads of this process do. They wait for each other at
locks, never in a loop: where other programs want the cores, they get them. What is found does not
depend on how many there are.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from vmlitmus.engine.native.jit import Kernel
from vmlitmus.engine.native.kernels import breadth_first, context, parallel, table
from vmlitmus.engine.native.kernels.language import compile_kernel
from vmlitmus.engine.native.storage.memory import Region
from vmlitmus.engine.native.storage.store import StateStore

MOST_CORES = 8
PART = 1 << 13  # states that a core expands at a time, at most: their successors stay near
FEW = 1 << 12  # states of a level, for each core, that are too few to be cut into parts
ENOUGH = 0.4  # share of a core that each further thread has to get, or the search goes on alone
ALONE = 1.0  # seconds until it is tried again
_SUCCESSORS = 1 << 22  # most successors that a batch may have
_WATCHED = 0.05  # seconds of work together over which the share is measured
_OWN = ("LATELY", "COVERAGE", "MORE", "HITS", "APART", "SPARE")  # a part has as much of its own
_FIELD = {name: index for index, name in enumerate(context.FIELDS)}


def cores() -> int:
    """Return how many cores one search may use: one where other processes search beside it."""
    processes = sys.modules.get("multiprocessing")
    if processes is not None and processes.parent_process() is not None:
        return 1
    return min(len(os.sched_getaffinity(0)), MOST_CORES)


class Team:
    """Some cores that expand states of a search together; ``close()`` ends their threads.

    Raises OSError where there is no memory for them.
    """

    def __init__(self, search: StateStore, number: int) -> None:
        self.search = search
        self.number = number
        self.all = range(number)
        model = search.model
        constants = search.constants
        self.family, self.line = constants["FAMILY"], search.table.line
        self.low, self.no_room = constants["LOW"], constants["NO_ROOM"]
        self.size = max(min(PART, _SUCCESSORS // model.fanout) // self.family, 1) * self.family
        self.kernel = _kernel(tuple(constants.items()))
        self.parts: list[_Part] = []
        self.addresses = Region(8 * number)
        self.threads: list[_Thread] = []
        self.watch = _Watch(number)
        for index in range(number):
            self.parts.append(_Part(search, self.size * model.fanout, index, number))
            self.addresses.set_word(index, self.parts[index].address)
        self.threads += [_Thread() for _ in range(number - 1)]

    def close(self) -> None:
        """End the threads and give the memory back."""
        for thread in self.threads:
            thread.end()
        for part in self.parts:
            part.close()
        self.addresses.close()

    def pays(self) -> bool:
        """Say whether to expand states together now: many wait in the level, and cores are free."""
        waiting = self.search.get("LEVEL_END") - self.search.get("HEAD")
        return waiting >= FEW * self.number and self.watch.free()

    def expand(self) -> int:
        """Expand some states of the level; return what ``advance`` would. Raises Stopped."""
        began = time.perf_counter(), time.process_time()
        whole = self.search.ctx.address, self.addresses.address, self.number
        self.kernel["cut"](*whole, self.size)
        self.together("expand_part", lambda n: (self.parts[n].address, self.number))
        made = self.kernel["made"](*whole)
        if self.search.get("FAULT"):
            return breadth_first.FAILED
        self.search.make_room(made)
        self.kernel["shards"](*whole)
        self.together("settle", lambda n: (self.addresses.address, n, self.number))
        self.kernel["place"](*whole)
        self.together("append_part", lambda n: (self.addresses.address, n, self.number))
        self.kernel["gather"](*whole, self.search.model.further // 64 + 1)
        self.watch.note(time.perf_counter() - began[0], time.process_time() - began[1])
        return breadth_first.PAUSE

    def spread(self, new: int, used: int) -> bool:
        """Do what the kernel's ``spread`` does: each round on all cores."""
        table, old = self.search.regions["TABLE"].address, self.search.table.slots
        ratio = (old << 64) // new
        taken = [0] * self.number
        end = old
        while end > self.low and (begin := self.next_round(end, ratio)) < end:
            cuts = [begin + (end - begin) * n // self.number & -self.line for n in self.all]
            lines = [cut * new // old // self.line for cut in cuts]
            cuts.append(end)
            lines[0] = end // self.line
            lines.append(new // self.line)
            taken = self.together(
                "spread_part",
                lambda n: (
                    *(table, cuts[n], cuts[n + 1], old, new, lines[n], lines[n + 1]),  # noqa: B023
                    *(self.parts[n].aside, taken[n], used),  # noqa: B023
                ),
            )
            if self.no_room in taken:
                return False
            end = begin
        first = self.parts[0].aside
        rest = self.kernel["spread_part"](table, 0, end, old, new, 0, 0, first, taken[0], used)
        for part, count in zip(self.parts, (rest, *taken[1:]), strict=True):
            if count == self.no_room:
                return False
            if not self.kernel["put_back"](table, new, part.aside, count, used):
                return False
        return True

    def next_round(self, end: int, ratio: int) -> int:
        """Return what the kernel's ``next_round`` does."""
        return ((end * ratio >> 64) // self.line + 2) * self.line

    def together(self, name: str, given: Callable[[int], tuple[int, ...]]) -> list[int]:
        """Call a function on all cores; return what it returns when all have done it."""
        function = self.kernel[name]
        begun: list[_Thread] = []
        try:
            for number, thread in enumerate(self.threads, 1):
                thread.begin(function, given(number))
                begun.append(thread)
            first: int = function(*given(0))
        finally:
            for thread in begun:
                thread.wait()
        return [first, *(thread.result for thread in self.threads)]


class _Part:
    """What one core works on: a context of its own, with its batch, its shard and its counters."""

    def __init__(self, search: StateStore, successors: int, index: int, number: int) -> None:
        self.ctx = Region(8 * len(context.FIELDS))
        self.ctx.restore(search.ctx.image())
        self.regions: dict[str, Region] = {}
        stride = 8 * -(-successors // 64)
        sizes = {name: search.regions[name].size for name in _OWN if name in search.regions}
        sizes |= {"BATCH": 8 * search.model.words * successors, "FROM": 4 * successors}
        sizes |= {"KEYS_AT": 8 * search.keys * successors, "NEW": stride * number}
        if search.sleeping:
            sizes |= {"MASKS": 8 * successors}
        sizes |= {"LISTS": 4 * successors * number, "KEPT": 8 * number, "SHARD_NEW": 8 * number}
        sizes |= {"PICKED": 4 * search.largest}
        sizes |= {"LEFT": 8 * successors * number, "ASIDE": search.regions["ASIDE"].size}
        for name, size in sizes.items():
            self.regions[name] = Region(size)
            if name in _FIELD:
                self.put(name, self.regions[name].address)
        self.put("STRIDE", stride)
        self.put("LIST_BYTES", 4 * successors)
        self.put("NUMBER", index)
        for name in ("TRANSITIONS", "OBSERVED", "COUNTED"):
            self.put(name, 0)

    @property
    def address(self) -> int:
        return self.ctx.address

    @property
    def aside(self) -> int:
        return self.regions["ASIDE"].address

    def get(self, name: str) -> int:
        return self.ctx.words(_FIELD[name], 1)[0]

    def put(self, name: str, value: int) -> None:
        self.ctx.set_word(_FIELD[name], value)

    def close(self) -> None:
        for region in (*self.regions.values(), self.ctx):
            region.close()


class _Thread:
    """A thread that calls one function after another."""

    def __init__(self) -> None:
        self.call: tuple[Callable[..., Any], tuple[int, ...]] | None = None
        self.result = 0
        self.go, self.done = threading.Lock(), threading.Lock()
        self.go.acquire()
        self.done.acquire()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self) -> None:
        while True:
            self.go.acquire()
            if self.call is None:
                return
            function, given = self.call
            self.result = function(*given)
            self.done.release()

    def begin(self, function: Callable[..., Any], given: tuple[int, ...]) -> None:
        self.call = function, given
        self.go.release()

    def wait(self) -> None:
        """Wait until the call is done; an interrupt comes afterwards."""
        interrupt = None
        while True:
            try:
                self.done.acquire()
                break
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def end(self) -> None:
        """End the thread, when it has done what it is doing."""
        self.call = None
        self.go.release()
        self.thread.join()


class _Watch:
    """Whether cores are free for the threads of a search."""

    def __init__(self, number: int) -> None:
        self.needed = 1 + (number - 1) * ENOUGH
        self.wall = self.cpu = 0.0
        self.again = 0.0

    def note(self, wall: float, cpu: float) -> None:
        """Note seconds of work together, and of time that the cores gave for it."""
        self.wall, self.cpu = self.wall + wall, self.cpu + cpu
        if self.wall >= _WATCHED:
            if self.cpu < self.needed * self.wall:
                self.again = time.perf_counter() + ALONE
            self.wall = self.cpu = 0.0

    def free(self) -> bool:
        return time.perf_counter() >= self.again


@cache
def _kernel(given: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    """Return the passes for some constants, compiled once."""
    constants = dict(given)
    exported = [*parallel.PASSES, *table.SPREADING]
    names = frozenset(f.__name__ for f in exported)
    functions = breadth_first.INTERNAL + parallel.INTERNAL + parallel.PASSES
    native = Kernel(compile_kernel(functions, constants, names), 2)
    return {f.__name__: native.function(f.__name__, f.__code__.co_argcount) for f in exported}


def prepare(search: StateStore) -> threading.Thread:
    """Compile the passes for a search, in a thread that is returned, while it goes on."""
    given = tuple(search.constants.items())
    thread = threading.Thread(target=_kernel, args=(given,), daemon=True)
    thread.start()
    return thread
