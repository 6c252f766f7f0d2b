"""How many permutations some exchanges generate: a chain of stabilisers (Sims, 1970)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Permutation: TypeAlias = Mapping[Any, Any]  # of what moves only


class Generated:
    """The group that permutations generate, one after another.

    Each level has a point, and for each point to which the level's permutations bring it one that
    does so; the permutations of a level leave the points of the levels before where they are.
    """

    def __init__(self, permutations: Iterable[Permutation] = ()) -> None:
        self.points: list[Any] = []
        self.made: list[list[Permutation]] = []
        self.reached: list[dict[Any, Permutation]] = []
        for permutation in permutations:
            self.add(permutation)

    @property
    def order(self) -> int:
        """How many permutations there are."""
        return math.prod(len(reached) for reached in self.reached)

    def add(self, permutation: Permutation, level: int = 0) -> None:
        """Generate what this permutation adds, which leaves the points before a level."""
        if not self.left(permutation, level):
            return
        if level == len(self.points):
            self.points.append(next(iter(permutation)))
            self.made.append([])
            self.reached.append({self.points[level]: {}})
        self.made[level].append(permutation)
        reached = self.reached[level]
        waiting = list(reached)
        while waiting:
            point = waiting.pop()
            for one in self.made[level]:
                after = _after(one, reached[point])
                there = one.get(point, point)
                if there not in reached:
                    reached[there] = after
                    waiting.append(there)
                else:
                    self.add(_after(_inverse(reached[there]), after), level + 1)

    def left(self, permutation: Permutation, level: int = 0) -> Permutation:
        """Return what is left of a permutation without what is generated: nothing if all is."""
        for point, reached in zip(self.points[level:], self.reached[level:], strict=True):
            there = permutation.get(point, point)
            if there not in reached:
                break
            permutation = _after(_inverse(reached[there]), permutation)
        return permutation


def _after(second: Permutation, first: Permutation) -> Permutation:
    """Return what two permutations do one after the other."""
    found = {x: second.get(y, y) for x, y in {**{x: x for x in second}, **first}.items()}
    return {x: y for x, y in found.items() if x is not y}


def _inverse(permutation: Permutation) -> Permutation:
    return {y: x for x, y in permutation.items()}
