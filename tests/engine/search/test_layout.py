"""Where variables stand in the words of a packed state."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from vmlitmus.engine.native.layout import WORD, Layout


@dataclass(frozen=True)
class Variable:
    bits: int


class Bits:
    """As much of a machine as a layout looks at."""

    def __init__(self, widths: list[int]) -> None:
        self.variables = [Variable(bits) for bits in widths]
        self.bits = sum(widths)


def layout(widths: list[int]) -> Layout:
    return Layout(Bits(widths))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("widths", "words"),
    [
        ([], 1),
        ([63], 1),
        ([40, 40, 23, 23], 2),  # in order it would take three
        ([33, 33, 30, 30], 2),
        ([33, 33, 33], 3),
        ([100], 2),
        ([100, 26], 2),
        ([30, 100, 30], 3),
        ([1] * 126, 2),
    ],
)
def test_words(widths: list[int], words: int) -> None:
    assert layout(widths).words == words


def test_in_order_where_packing_gains_nothing() -> None:
    shifts = [[(p.word, p.shift) for p in places] for places in layout([3, 30, 5, 40]).places]
    assert shifts == [[(0, 0)], [(0, 3)], [(0, 33)], [(1, 0)]]


def test_every_state_comes_back() -> None:
    source = random.Random(1)
    for _ in range(300):
        widths = [source.choice((0, 1, 2, 7, 20, 33, 40, 63, 64, 130)) for _ in range(8)]
        made = layout(widths)
        bits = [
            (place.word, place.shift + bit)
            for places in made.places
            for place in places
            for bit in range(place.bits)
        ]
        assert len(bits) == len(set(bits)) == sum(widths)
        assert all(bit < WORD and word < made.words for word, bit in bits)
        state = tuple(source.getrandbits(width) if width else 0 for width in widths)
        assert made.unpack(made.pack(state)) == state
        assert all(len(p) == 1 for p, w in zip(made.places, widths, strict=True) if w <= WORD)
