"""A set of many entities: the verdict is right on both sides of every border of a word."""

from __future__ import annotations

import pytest

from vmlitmus.compiler import Machine, build
from vmlitmus.engine import run
from vmlitmus.lang import Assumption, Claim, Entity, Model, Set, condition, step

S = Assumption("wide", "a set of many members")


class Item(Entity):
    """A member."""


class Box(Entity):
    """What is filled, one item after the other."""

    held: Set[Item]


@step("{b} takes the next item", source=S)
def fill(w, b: Box):
    for item in w.all(Item):
        if item not in b.held:
            b.held.add(item)
            return


@condition("full", "a box holds every item", source=S)
def full(w):
    return all(len(b.held) == len(w.all(Item)) for b in w.all(Box))


def machine(items: int, boxes: int) -> Machine:
    def setup(make, settings):
        for _ in range(items):
            make(Item)
        for _ in range(boxes):
            make(Box)

    model = Model(
        name="wide", doc="", entities=(Item, Box), steps=(fill,), conditions=(full,), setup=setup
    )
    return build(model)


@pytest.mark.parametrize("items", [1, 62, 63, 64, 65, 66, 126, 127, 128, 129, 200])
def test_boxes_become_full(items: int) -> None:
    result = run(machine(items, 2), Claim("never", "full"), engine="compiled")
    assert (result.verdict.value, result.states) == ("violated", (items + 1) ** 2)
