"""Sets of times by bounds on their differences (Dill 1989), in whole nanoseconds.

A zone has named variables: how long each clock still runs. ``bounds[a, b]`` is an upper bound of
a - b; the name ``NOW`` stands for 0, and a pair that is not there is not bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Name = tuple[str, int]
NOW: Name = ("now", 0)
Bounds = dict[tuple[Name, Name], int]


@dataclass(frozen=True)
class Zone:
    """Bounds that are as tight as they can be; equal zones have equal bounds."""

    names: tuple[Name, ...]
    bounds: frozenset[tuple[tuple[Name, Name], int]]

    def most(self, a: Name, b: Name) -> int | None:
        """Return the greatest value of a - b; None where there is none."""
        return dict(self.bounds).get((a, b))


START = Zone((), frozenset())


def tightened(names: Iterable[Name], bounds: Bounds) -> Zone | None:
    """Return the zone of some bounds; None where no times meet them (Floyd and Warshall)."""
    kept = tuple(sorted(names))
    every = (NOW, *kept)
    for middle in every:
        into = [(a, bounds[a, middle]) for a in every if (a, middle) in bounds]
        out = [(b, bounds[middle, b]) for b in every if (middle, b) in bounds]
        for a, first in into:
            for b, second in out:
                known = bounds.get((a, b))
                if a == b:
                    if first + second < 0:
                        return None
                elif known is None or first + second < known:
                    bounds[a, b] = first + second
    return Zone(kept, frozenset((pair, most) for pair, most in bounds.items()))


def begun(zone: Zone, clocks: dict[Name, tuple[int, int | None]]) -> Zone:
    """Return the zone with more clocks, each of which runs for some time from now on."""
    bounds = dict(zone.bounds)
    for name, (least, most) in clocks.items():
        bounds[NOW, name] = -least
        if most is not None:
            bounds[name, NOW] = most
    found = tightened((*zone.names, *clocks), bounds)
    assert found is not None
    return found


def without(zone: Zone, names: Iterable[Name]) -> Zone:
    """Return the zone without some clocks."""
    gone = set(names)
    kept = (bound for bound in zone.bounds if not gone & set(bound[0]))
    return Zone(tuple(n for n in zone.names if n not in gone), frozenset(kept))


def passed(zone: Zone, first: Name, waiting: dict[Name, int]) -> Zone | None:
    """Let time pass until a clock ends, before any of those that wait; None if that cannot be.

    ``waiting`` gives for each other clock how many nanoseconds later it must end at least: 1 where
    it would come first at the same instant, else 0.
    """
    bounds = dict(zone.bounds)
    for other, later in waiting.items():
        known = bounds.get((first, other))
        bounds[first, other] = -later if known is None else min(known, -later)
    tight = tightened(zone.names, bounds)
    if tight is None:
        return None
    swap = {NOW: None, first: NOW}
    moved: Bounds = {}
    for (a, b), most in tight.bounds:
        x, y = swap.get(a, a), swap.get(b, b)
        if x is not None and y is not None:
            moved[x, y] = most
    return tightened((n for n in zone.names if n != first), moved)
