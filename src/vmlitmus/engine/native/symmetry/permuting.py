"""An exchange of entities as LLVM text: what it does to the words of a packed state.

The bits of what moves change places by delta swaps; a field that names one of the entities gets
another code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vmlitmus.compiler.symmetry import Action
from vmlitmus.engine.native.layout import Layout, Place

Bit = tuple[int, int]  # a word, and a bit of it


@dataclass(frozen=True)
class Swap:
    """Bits of one word that change places with bits of another, or of the same."""

    word: int
    other: int
    distance: int  # by which the bits of the other word stand higher
    mask: int  # of the bits in the first word


class Text:
    """Lines of LLVM text, with fresh names for values."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def op(self, text: str) -> str:
        """Write an operation and return the name of its result."""
        self.count += 1
        name = f"%q{self.count}"
        self.line(f"{name} = {text}")
        return name

    def shifted(self, value: str, left: int) -> str:
        """Return a word shifted to the left, or to the right by a negative distance."""
        if left == 0:
            return value
        return self.op(f"{'shl' if left > 0 else 'lshr'} i64 {value}, {abs(left)}")


def bit_places(layout: Layout, variable: int) -> list[Bit]:
    """Return where each bit of a variable's code stands, lowest first."""
    return [
        (place.word, place.shift + bit)
        for place in layout.places[variable]
        for bit in range(place.bits)
    ]


def swaps(layout: Layout, action: Action) -> list[Swap]:
    """Return the bits that change places."""
    found: dict[tuple[int, int, int], int] = {}
    for variable, target in enumerate(action.moves):
        here, there = bit_places(layout, variable), bit_places(layout, target)
        members = action.sets.get(variable, range(len(here)))
        for bit, place in enumerate(here):
            other = there[members[bit]] if bit < len(members) else there[bit]
            if place < other:
                key = place[0], other[0], other[1] - place[1]
                found[key] = found.get(key, 0) | 1 << place[1]
    return [Swap(*key, mask) for key, mask in found.items()]


def exchanged(text: Text, layout: Layout, action: Action, words: Sequence[str]) -> list[str]:
    """Write an exchange; return the names of the new words."""
    found = list(words)
    for swap in swaps(layout, action):
        _swap(text, swap, found)
    pieces: dict[int, list[str]] = {}
    for variable in action.refs:
        target = action.moves[variable]
        place, piece = _renamed(text, layout, action, target, found)
        pieces.setdefault(place.word, []).append(piece)
    for word, changed in pieces.items():
        for piece in changed:
            found[word] = text.op(f"xor i64 {found[word]}, {piece}")
    return found


def _swap(text: Text, swap: Swap, words: list[str]) -> None:
    mask = _signed(swap.mask)
    down = text.shifted(words[swap.other], -swap.distance)
    differ = text.op(f"xor i64 {down}, {words[swap.word]}")
    differ = text.op(f"and i64 {differ}, {mask}")
    words[swap.word] = text.op(f"xor i64 {words[swap.word]}, {differ}")
    up = text.shifted(differ, swap.distance)
    words[swap.other] = text.op(f"xor i64 {words[swap.other]}, {up}")


def _renamed(
    text: Text, layout: Layout, action: Action, variable: int, words: Sequence[str]
) -> tuple[Place, str]:
    """Write what has to be changed in a field that names an entity, at its place."""
    (place,) = layout.places[variable]
    code = _code(text, place, words)
    changes: dict[int, list[int]] = {}  # by what the code is to be combined with: the codes
    for old, new in enumerate(action.refs[action.moves[variable]]):
        if old != new:
            changes.setdefault(old ^ new, []).append(old)
    live = action.live.get(variable)
    lives = ""
    if live is not None:
        (at,) = layout.places[live.at]
        lives = among(text, _code(text, at, words), live.places)
    piece = ""
    for change, codes in changes.items():
        test = among(text, code, codes)
        if lives:
            test = text.op(f"and i1 {test}, {lives}")
        here = text.op(f"select i1 {test}, i64 {change << place.shift}, i64 0")
        piece = text.op(f"or i64 {piece}, {here}") if piece else here
    return place, piece


def _code(text: Text, place: Place, words: Sequence[str]) -> str:
    down = text.shifted(words[place.word], -place.shift)
    return text.op(f"and i64 {down}, {place.mask}")


def among(text: Text, code: str, codes: Iterable[int]) -> str:
    """Write whether a code is one of some."""
    found = ""
    for one in sorted(codes):
        test = text.op(f"icmp eq i64 {code}, {one}")
        found = text.op(f"or i1 {found}, {test}") if found else test
    return found or text.op("icmp ne i64 0, 0")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
