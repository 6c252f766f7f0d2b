"""Liveness in the compiled engine: memory and limits around the passes of ``kernels.liveness``."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Container
from dataclasses import dataclass

from vmlitmus.engine.native.graph import Passes, StateGraph
from vmlitmus.engine.native.kernels.liveness import components, fairness, waiting, ways
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.reference.lasso import CANDIDATES, Component, Promises, Step
from vmlitmus.errors import EnginesDisagree

_SLICE = 200_000  # units of work between two looks at the clock
_BATCHES = 400  # the same for batches of states that are expanded again
_PORTION = 256  # successors in a batch, whose lines fit the nearest cache
_CLOSED = (1 << 32) - 1
_LEFT = _CLOSED - 1
_OLDER = 1 << 31
_AHEAD = 16  # states ahead of which is fetched what a state of a component enables
_BY_NUMBER = {"CAME": 4, "FIRST": 8}  # bytes for each waiting state, of which all states may be
_SETS = ("WEAK", "STRONG", "INSIDE", "ALWAYS", "EVER", "BROKEN", "BEST_EVER")
_FIRST_EDGES = 1 << 16  # there is room for as many steps at first
_State = tuple[int, ...]  # its words


@dataclass(frozen=True)
class Loop:
    """A fair loop: the run there, and the loop.

    ``source`` is the index in the log of the state where the run begins to wait; ``way`` and
    ``loop`` are steps from there, to states by their words.
    """

    source: int
    way: list[Step[_State]]
    loop: list[Step[_State]]


def fair_loop(
    search: Search, instances: int, promises: Promises, awaited: int, asked: int
) -> Loop | None:
    """Return a fair loop in which the claim waits in vain, or None.

    ``awaited`` is the bit of the condition that has to come, ``asked`` the bit of the one where
    waiting begins, 0 for the initial state alone. Call it after a search that was complete, of a
    model whose code is named. Raises Stopped at a limit.
    """
    with Waiting(search, instances, promises) as waiting:
        return waiting.fair_loop(awaited, asked)


class Waiting(StateGraph):
    """The states in which a run may wait in vain, by numbers, nearest first, and their steps."""

    FIELDS = (*waiting.FIELDS, *components.FIELDS, *fairness.FIELDS, *ways.FIELDS)
    PASSES: Passes = (
        (*waiting.EXPORTED, *components.EXPORTED, *fairness.EXPORTED),
        (*waiting.INTERNAL, *components.INTERNAL, *fairness.INTERNAL),
    )
    WAYS: Passes = (tuple(ways.EXPORTED), ())

    def __init__(self, search: Search, instances: int, promises: Promises) -> None:
        assert search.model.named
        self.promises = promises
        self.sets = 1 << max(len(promises) - 1 >> 6, 0).bit_length()
        self.taken_bits = 0 if instances <= 1 << 8 else 1 if instances <= 1 << 16 else 2
        super().__init__(
            search,
            CLOSED=_CLOSED,
            LEFT=_LEFT,
            OLDER=_OLDER,
            PORTION=_PORTION,
            AHEAD=_AHEAD,
            TAKEN_BITS=self.taken_bits,
            SETS=self.sets,
            ALL=(1 << 64) - 1,
        )
        self.room(PROMISE=8 * instances, **dict.fromkeys(_SETS, 8 * self.sets))
        for number, instance in enumerate(promises, 1):
            self.regions["PROMISE"].set_word(instance, number)
        for name in ("weak", "strong"):
            some = sum(1 << n for n, fair in enumerate(promises.values()) if fair == name)
            self.regions[name.upper()].write(0, some.to_bytes(8 * self.sets, "little"))
        self.put("WATCHED", int("strong" in promises.values()))
        self.put("NAMES", search.uncounted + 8 * search.model.names_at)

    def fair_loop(self, awaited: int, asked: int) -> Loop | None:
        """Return what the function above does."""
        self._wait(awaited, asked)
        self.put("BEST_MARK", _LEFT)
        self.kernel["begin_round"](self.ctx.address, 1, self.get("COUNT") - 1, 0)
        self.kernel["leave_hopeless"](self.ctx.address)
        return self._loop() if self._search() else None

    def _wait(self, awaited: int, asked: int) -> None:
        """Find the waiting states and their steps."""
        self.put("AWAITED", awaited)
        self.put("ASKED", asked)
        self.put("SOURCES", self.states if asked else 1)
        self.room(INDEX=4 * self.get("SLOTS"))
        sizes = _BY_NUMBER | {"WAITING": 8 * self.search.words, "ENABLED": 8 * self.sets}
        self.room(**{name: size * (self.states + 2) for name, size in sizes.items()})
        for name in ("NEXT", "BEHIND", "COUNT"):
            self.put(name, 1)
        self._more_edges(_FIRST_EDGES)
        self.search.look()
        while done := self.kernel["wait"](self.ctx.address, _BATCHES):
            if done != 1:
                self._more_edges(2 * self.get("EDGE_ROOM"))
            self.search.look()
        count = self.get("COUNT")
        self.put("STACKED", self.regions["INDEX"].address)  # every state has its number
        self.room(NUMBER=4 * count, CALLS=8 * count)
        self.regions["NUMBER"].set_words32(0, [_CLOSED])

    def _more_edges(self, edges: int) -> None:
        edges = max(edges, self.get("EDGES") + self.get("LARGEST"))
        self.room(TARGETS=4 * edges, TAKEN=edges << self.taken_bits)
        self.put("EDGE_ROOM", edges)

    def _search(self) -> bool:
        """Find the nearest fair component, in as many rounds as that takes; say if there is one."""
        while True:
            self.until_done("cut", _SLICE)
            best, least = self.get("BEST"), self.get("LEAST_LEFT")
            if not least or 0 < best < least:  # what is left is farther away
                return best != 0
            self.kernel["begin_round"](self.ctx.address, least, self.get("LAST_LEFT"), _LEFT)

    def _loop(self) -> Loop:
        """Return the loop of the nearest fair component, with the way there."""
        ever = self.regions["BEST_EVER"].words(0, self.sets)
        occurring = [i for n, i in enumerate(self.promises) if ever[n >> 6] >> (n & 63) & 1]
        self.compile(self.WAYS)
        self.put("QUEUE", self.regions["INDEX"].address)
        self.kernel["open_ways"](self.ctx.address)
        found = self.kernel["nearest"](self.ctx.address, CANDIDATES)
        near = list(self.regions["INDEX"].words32(0, found))
        start, loop = _Component(self, near, occurring).loop(self._length)
        path = self._from_source(start)
        return Loop(
            self._source(path[0]),
            self._on_states(self._taken(path)),
            self._on_states(loop),
        )

    def _from_source(self, number: int) -> list[int]:
        """Return the shortest run that waits from its beginning to a state."""
        path = [number]
        while (before := self.regions["CAME"].word32(path[-1])) != path[-1]:
            path.append(before)
        return path[::-1]

    def _source(self, number: int) -> int:
        """Return the index in the log of a state where waiting begins."""
        found: int = self.kernel["seek"](self.ctx.address, number, 0, self.states)
        return found

    def _length(self, number: int) -> int:
        """Return the steps of that run, with those from the initial state."""
        path = self._from_source(number)
        ends = self.search.regions["LEVELS"].words32(0, self.get("DEPTH") + 1)
        return bisect_right(ends, self._source(path[0])) + len(path) - 1

    def _on_states(self, steps: list[Step[int]]) -> list[Step[_State]]:
        words, states = self.search.words, self.regions["WAITING"]
        return [(instance, states.words(number * words, words)) for instance, number in steps]

    def way(self, start: int, end: int) -> tuple[list[Step[int]], int]:
        """Return the shortest way from a state of the component found to another, or round.

        Also returns how many states were visited.
        """
        self.kernel["begin_way"](self.ctx.address, start, end)
        self.until_done("way", _SLICE)
        before = self.get("BEFORE_END")
        if not before:
            raise EnginesDisagree("a fair component is not strongly connected")
        path = [end, before]
        while path[-1] != start:
            path.append(self.regions["NUMBER"].word32(path[-1]))
        return self._taken(path[::-1]), self.get("QUEUE_HEAD")

    def _taken(self, path: list[int]) -> list[Step[int]]:
        """Return the steps between the states of a path, each with the first instance for it."""
        return [
            (next(i for i, reached in self.steps(before) if reached == after), after)
            for before, after in itertools.pairwise(path)
        ]

    def steps(self, number: int) -> list[Step[int]]:
        """Return the steps from a waiting state: the instance, and the number it leads to, or 0."""
        first, last = self.regions["FIRST"].words(number, 2)
        size = 1 << self.taken_bits
        taken = self.regions["TAKEN"].read(size * first, size * (last - first))
        targets = self.regions["TARGETS"].words32(first, last - first)
        return [
            (int.from_bytes(taken[size * k : size * k + size], "little"), target)
            for k, target in enumerate(targets)
        ]


class _Members(Container[int]):
    """The states of the component found, once ways may go through it."""

    def __init__(self, waiting: Waiting) -> None:
        self.numbers = waiting.regions["NUMBER"]

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.numbers.word32(number) != _CLOSED


class _Component(Component[int]):
    """The component found; ways in it are looked for by native code."""

    def __init__(self, waiting: Waiting, near: list[int], occurring: list[int]) -> None:
        super().__init__(_Members(waiting), near, waiting.steps, waiting.promises, occurring)
        self.waiting = waiting

    def way(self, start: int, end: int) -> list[Step[int]]:
        found, visited = self.waiting.way(start, end)
        self.effort += visited
        return found
