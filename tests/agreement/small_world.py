"""What all random models share: entities, hooks, and functions that their steps call."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Assumption, Between, Const, Entity, Hooks, Set

S = Assumption("random", "a random model")
FLIP = Assumption("flip", "a switch", default=True)
Mark = Enum("Mark", [f"M{i}" for i in range(23)])
HALF = 1 << 39


class Colour(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"

    @property
    def warm(self):
        return self is Colour.RED


class Cell(Entity):
    fixed: Const[bool] = False
    flag: bool = False
    count: Annotated[int, Between(0, 2)] = 0
    colour: Colour = Colour.RED
    next: Cell | None = None
    friends: Set[Actor]
    stamp: Annotated[int, Between(0, 2 * HALF)] = 0  # the wide fields spread a state over words
    marks: Set[Mark]


class Actor(Entity):
    flag: bool = False
    count: Annotated[int, Between(-1, 1)] = 0
    cell: Cell | None = None
    home: Const[Cell]
    seen: Set[Cell]


class Policy(Hooks):
    def before(self, w, a):
        pass

    def during(self, w, a, c):
        yield from ()


def pick(w, a):
    if a.flag:
        return a.home
    return w.all(Cell)[0]


def first_free(w, a):
    for x in w.all(Cell):
        if not x.flag and x not in a.seen:
            return x
    return None


def bump(c):
    if c.count < 2:
        c.count += 1
    else:
        c.count = 0


def stamp(c):
    if c.stamp < HALF:
        c.stamp = c.stamp + HALF + 1
    else:
        c.stamp = c.stamp - HALF - 1


def paint(w, a, c):
    """A sub-sequence with locals of the names that sequences use too."""
    was_colour = c.colour
    was_flag = not a.flag
    was_next = c.next
    for d0 in a.seen:
        d0.colour = was_colour
        yield "{a} paints {d0} as {c}"
    c.colour = Colour.GREEN if was_colour is Colour.RED else Colour.RED
    a.flag = was_flag
    yield "{a} has painted"
    if was_flag:
        c.flag = was_colour is Colour.RED
        c.next = was_next
