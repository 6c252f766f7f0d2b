"""Frozen dataclasses: equality, hash and text, and what ``dataclasses`` does with them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

import pytest

from vmlitmus.frozen import Frozen
from vmlitmus.lang import Apm, Sdm, Source


class Pair(Frozen):
    first: int
    second: tuple[int, ...] = ()
    note: str = field(default="", compare=False, repr=False)


class Other(Pair):
    """The same fields, another class."""


class Empty(Frozen):
    """No fields."""


class One(Frozen, eq=False):
    first: int


def test_equal_by_what_is_compared() -> None:
    assert Pair(1, (2,), "a") == Pair(1, (2,), "b")
    assert hash(Pair(1, (2,), "a")) == hash(Pair(1, (2,), "b"))
    assert Pair(1) != Pair(2)
    assert Pair(1) != Other(1)
    assert Pair(1) != (1, ())
    assert Empty() == Empty() and len({Empty(), Empty()}) == 1
    assert Apm("1.2") != Sdm("1.2")


def test_each_equals_only_itself_where_fields_are_not_compared() -> None:
    one = One(1)
    assert one == one and one != One(1)
    assert len({one, One(1)}) == 2


def test_it_is_a_dataclass() -> None:
    pair = Pair(1, note="n")
    assert repr(pair) == "Pair(first=1, second=())"
    assert repr(Empty()) == "Empty()"
    assert asdict(pair) == {"first": 1, "second": (), "note": "n"}
    assert replace(pair, first=3) == Pair(3)
    with pytest.raises(TypeError, match="first"):
        Pair()


def test_a_model_may_have_a_source_of_its_own() -> None:
    """As it was written for 0.1."""

    @dataclass(frozen=True)
    class Manual(Source):
        section: str

    assert Manual("1") == Manual("1")
    assert isinstance(Manual("1"), Source)
