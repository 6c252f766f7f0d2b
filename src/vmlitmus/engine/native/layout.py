"""Pack a state into few 64-bit words: which bits of which word hold each variable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmlitmus.compiler import Machine, State

WORD = 63  # bits of a word that a state uses; the search needs the last one


@dataclass(frozen=True)
class Place:
    """Some bits of a variable's code, from bit ``start`` on.

    They are the ``bits`` bits of word ``word`` from bit ``shift`` on.
    """

    word: int
    shift: int
    bits: int
    start: int = 0

    @property
    def mask(self) -> int:
        return (1 << self.bits) - 1


class Layout:
    """The places of all variables of a machine.

    A variable has one place, in one word; one that is wider than a word has several, lowest first.
    Variables stand in their order, unless fewer words do where the widest ones come first and each
    goes to the first word that has room for it.
    """

    def __init__(self, machine: Machine) -> None:
        widths = [variable.bits for variable in machine.variables]
        in_order, packed = _in_order(widths), _packed(widths)
        self.places = min(in_order, packed, key=_words)
        self.words = _words(self.places)
        self.bits = machine.bits

    def pack(self, state: State) -> tuple[int, ...]:
        """Return the words of a state."""
        words = [0] * self.words
        for places, code in zip(self.places, state, strict=True):
            for place in places:
                words[place.word] |= (code >> place.start & place.mask) << place.shift
        return tuple(words)

    def unpack(self, words: tuple[int, ...]) -> State:
        """Return the state that some words hold."""
        return tuple(
            sum((words[p.word] >> p.shift & p.mask) << p.start for p in places)
            for places in self.places
        )


Places = list[tuple[Place, ...]]


def _words(places: Places) -> int:
    """Return how many words some places take."""
    return 1 + max((place.word for several in places for place in several), default=0)


def _in_order(widths: list[int]) -> Places:
    """Return places one behind the other; a word is left when the next one does not fit."""
    used = [0]
    return [tuple(_pieces(bits, used, len(used) - 1)) for bits in widths]


def _packed(widths: list[int]) -> Places:
    """Return places by first fit, the widest first."""
    used: list[int] = []
    found: Places = [()] * len(widths)
    for index in sorted(range(len(widths)), key=lambda index: -widths[index]):
        word = next((w for w, bits in enumerate(used) if bits + widths[index] <= WORD), len(used))
        found[index] = tuple(_pieces(widths[index], used, word))
    return found


def _pieces(bits: int, used: list[int], word: int) -> Iterator[Place]:
    """Yield where the bits of a variable are, from a word on; note what is used of each word."""
    start = 0
    while start < bits or start == 0:
        piece = min(bits - start, WORD)
        if word == len(used) or used[word] + piece > WORD:
            word = len(used)
            used.append(0)
        yield Place(word, used[word], piece, start)
        used[word] += piece
        start += WORD
