"""Liveness in the compiled engine: memory and limits around the passes of ``kernels.liveness``."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from vmlitmus.engine.limits import Stopped
from vmlitmus.engine.native.jit import Kernel
from vmlitmus.engine.native.kernels import liveness as passes
from vmlitmus.engine.native.kernels.language import compile_kernel
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage.memory import Region
from vmlitmus.engine.reference.lasso import CANDIDATES, Component, Promises, Step
from vmlitmus.errors import EnginesDisagree

_SLICE = 200_000  # units of work between two looks at the clock
_FIELD = {name: index for index, name in enumerate(passes.FIELDS)}
_BYTES = {"TRUTH": 1, "OPEN": 1, "CALLS": 16}  # for each state; 4 for the others
_ARRAYS = (
    "TRUTH",
    "DEPTH",
    "LENGTH",
    "CAME",
    "QUEUE",
    "ORDER",
    "OPEN",
    "NUMBER",
    "STACK",
    "CALLS",
    "PART",
    "MEMBERS",
)
_LEFT_BY_SEARCH = ("LOG", "LEVELS", "FIRST", "TARGETS", "TAKEN", "CONDITIONS", "MORE")
_AHEAD = 8  # states of a component whose steps are fetched before they are needed
_FASTER = 100  # native code visits as many states while Python visits one
_FEW = 20_000  # states up to which the passes are compiled in haste


@dataclass(frozen=True)
class Loop:
    """A fair loop on states by their index in the log: the run there, and the loop.

    ``source`` is where the run begins to wait; ``way`` and ``loop`` are steps from there.
    """

    source: int
    way: list[Step[int]]
    loop: list[Step[int]]


class LivenessSearch(Search):
    """A search that keeps what it needs to find fair loops afterwards."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.arrays: dict[str, Region] = {}
        self.graph = Region(8 * len(_FIELD))
        super().__init__(*arguments, **options, edges=True)
        assert self.model.named

    def close(self) -> None:
        """Give the memory back."""
        super().close()
        for region in (*self.arrays.values(), self.graph):
            region.close()
        self.arrays = {}

    def fair_loop(
        self, instances: int, promises: Promises, awaited: int, asked: int
    ) -> Loop | None:
        """Return a fair loop in which the claim waits in vain, or None.

        ``awaited`` is the bit of the condition that has to come, ``asked`` the bit of the one
        where waiting begins, 0 for the initial state alone. Call it after a search that was
        complete. Raises Stopped at a limit.
        """
        self.promises = dict(sorted(promises.items(), key=lambda p: p[1] != "weak"))
        self.states = self._get("TAIL")
        self._prepare(instances)
        self._put("AWAITED", awaited)
        self._put("ASKED", asked)
        self.passes = _kernel(self.model.words, 0 if self.states < _FEW else 2)
        for first, last in self._slices(self.states):
            self.passes["look"](self.graph.address, first, last)
        self._pass("wait")
        while self._fetch("COUNT"):
            self._pass("cut")
            self._pass("judge")
            if self._fetch("BEST"):
                return self._loop()
            self.passes["next_round"](self.graph.address)
        return None

    def _put(self, name: str, value: int) -> None:
        self.graph.set_word(_FIELD[name], value)

    def _fetch(self, name: str) -> int:
        return self.graph.words(_FIELD[name], 1)[0]

    def _prepare(self, instances: int) -> None:
        """Allocate the arrays of the passes, and tell them what the search left."""
        sizes = {name: _BYTES.get(name, 4) * self.states for name in _ARRAYS}
        needed = self.allocated + sum(sizes.values())
        if self.limits.memory is not None and needed > self.limits.memory:
            raise Stopped("memory")
        sizes["PROMISE"] = 8 * instances
        sizes |= dict.fromkeys(("ENABLED", "KEPT", "BEST_ENABLED"), 8 * len(self.promises))
        for name, size in sizes.items():
            self.arrays[name] = Region(size)
            self._put(name, self.arrays[name].address)
        self.regions["FIRST"].set_word(self.states, self._get("EDGES"))
        for name in _LEFT_BY_SEARCH:
            self._put(name, self._get(name))
        self._put("STATES", self.states)
        self._put("PROMISES", len(self.promises))
        self._put("WEAK", sum(f == "weak" for f in self.promises.values()))
        for number, instance in enumerate(self.promises, 1):
            self.arrays["PROMISE"].set_word(instance, number)

    def _pass(self, name: str) -> None:
        """Run a pass until it has done all its work."""
        while self.passes[name](self.graph.address, _SLICE):
            self._look()

    def _loop(self) -> Loop:
        """Return the loop of the nearest fair component, with the way there."""
        first, last = self._fetch("BEST_FROM"), self._fetch("BEST_TO")
        members = self.arrays["MEMBERS"].words32(first, last - first)
        counts = self.arrays["BEST_ENABLED"].words(0, len(self.promises))
        occurring = [i for i, count in zip(self.promises, counts, strict=True) if count]
        near = self.arrays["LENGTH"].words32(0, self.states)
        nearest = heapq.nsmallest(CANDIDATES, members, key=lambda state: (near[state], state))
        component = _Component(self, frozenset(members), nearest, occurring)
        start, loop = component.loop(near.__getitem__)
        path = [start]
        while (before := self.arrays["CAME"].word32(path[-1])) != path[-1]:
            path.append(before)
        return Loop(path[-1], self._taken(path[::-1]), loop)

    def way(self, start: int, end: int) -> tuple[list[Step[int]], int]:
        """Return the shortest way from a state of the component found to another, or round.

        Also returns how many states were visited.
        """
        self.passes["begin_way"](self.graph.address, start, end)
        self._pass("way")
        if not self._fetch("LAST"):
            raise EnginesDisagree("a fair component is not strongly connected")
        path = [end, self._fetch("LAST") - 1]
        while path[-1] != start:
            path.append(self.arrays["NUMBER"].word32(path[-1]) - 1)
        return self._taken(path[::-1]), self._fetch("HEAD")

    def _taken(self, path: list[int]) -> list[Step[int]]:
        """Return the steps between the states of a path, each with the first instance for it."""
        return [
            (next(i for i, reached in self.steps(before) if reached == after), after)
            for before, after in itertools.pairwise(path)
        ]

    def steps(self, state: int) -> list[Step[int]]:
        """Return the steps from a waiting state: the instance, and the state it leads to."""
        first, last = self.regions["FIRST"].words(state, 2)
        taken = self.regions["TAKEN"].words32(first, last - first)
        targets = self.regions["TARGETS"].words32(first, last - first)
        return list(zip(taken, targets, strict=True))


class _Component(Component[int]):
    """The component found; ways in it are looked for by native code."""

    def __init__(
        self,
        search: LivenessSearch,
        members: frozenset[int],
        nearest: list[int],
        occurring: list[int],
    ) -> None:
        super().__init__(members, nearest, search.steps, search.promises, occurring)
        self.search = search

    def way(self, start: int, end: int) -> list[Step[int]]:
        found, visited = self.search.way(start, end)
        self.effort += visited // _FASTER
        return found


@cache
def _kernel(words: int, effort: int) -> Mapping[str, Any]:
    """Return the passes for states of so many words, compiled once."""
    constants = {**_FIELD, "WORDS": words, "CLOSED": (1 << 32) - 1, "AHEAD": _AHEAD}
    exported = frozenset(f.__name__ for f in passes.EXPORTED)
    functions = passes.INTERNAL + passes.EXPORTED
    native = Kernel(compile_kernel(functions, constants, exported), effort)
    return {
        f.__name__: native.function(f.__name__, f.__code__.co_argcount) for f in passes.EXPORTED
    }
