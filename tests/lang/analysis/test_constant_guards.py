"""Bindings that a first guard on constants refuses are left out before anything is lowered."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from vmlitmus.compiler import build
from vmlitmus.compiler.machine.bindings import Bindings
from vmlitmus.errors import ModelError
from vmlitmus.lang import Assumption, Const, Entity, Model, Sections, World, sequence, step, when

S = Assumption("made-up", "a model of this test")


class Room(Entity):
    """A place."""

    lit: bool = False


class Guest(Entity):
    """Has a room of its own, and is in some room or in none."""

    home: Const[Room]
    place: Room | None = None


@step("{guest} goes home to {room}", source=S)
def goes_home(w: World, guest: Guest, room: Room) -> None:
    when(room is guest.home and guest.place is None)
    guest.place = room


@step("{guest} visits {room}", source=S)
def visits(w: World, guest: Guest, room: Room) -> None:
    """Goes to the room of another."""
    when(room is not guest.home)
    when(guest.place is guest.home)
    guest.place = room


@step("{guest} leaves {room}", source=S)
def leaves(w: World, guest: Guest, room: Room) -> None:
    when(guest.place is room)
    guest.place = None


@sequence(source=S)
def lights(w: World, guest: Guest, room: Room) -> Sections:
    when(guest.home is room)
    when(guest.place is room)
    yield "{guest} looks for the light of {room}"
    room.lit = not room.lit
    yield "{guest} switches the light of {room}"


@step("{guest} is nobody's guest in {room}", source=S)
def never(w: World, guest: Guest, room: Room) -> None:
    when(guest.home is not guest.home)
    room.light = True  # there is no such field


def hotel(rooms: int, *more: Any) -> Model:
    def setup(make: Any, settings: Any) -> None:
        for _ in range(rooms):
            make(Guest, home=make(Room))

    return Model(
        name="hotel", doc="Who is where?", entities=(Room, Guest),
        steps=(goes_home, visits, leaves, lights, *more), conditions=(), setup=setup,
    )  # fmt: skip


def made(monkeypatch: pytest.MonkeyPatch, rooms: int) -> dict[str, int]:
    """Return how many instances of each step were made, before those that are dead were found."""
    found: dict[str, int] = {}
    whole = Bindings.__iter__

    def counted(self: Bindings) -> Any:
        for instance in whole(self):
            name = f"{instance.step.name}@{instance.start}"
            found[name] = found.get(name, 0) + 1
            yield instance

    monkeypatch.setattr(Bindings, "__iter__", counted)
    build(hotel(rooms))
    return found


def test_what_a_constant_refuses_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(monkeypatch, 5)
    assert found["goes_home@0"] == 5
    assert found["visits@0"] == 20
    assert found["leaves@0"] == 25, "where a guest is, is in the state"
    assert found["lights@0"] == 5


def test_the_machine_is_the_same_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    few = build(hotel(3))
    monkeypatch.setattr(
        Bindings, "not_refused", lambda self, step, body, names, outside, pools: product(*pools)
    )
    every = build(hotel(3))
    assert [str(i) for i in few.instances] == [str(i) for i in every.instances]
    assert few.initial == every.initial
    assert [str(v) for v in few.variables] == [str(v) for v in every.variables]


def test_a_step_that_is_always_refused_is_looked_at_all_the_same() -> None:
    with pytest.raises(ModelError, match="light"):
        build(hotel(2, never))
