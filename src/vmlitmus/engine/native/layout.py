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
    """

    def __init__(self, machine: Machine) -> None:
        self.places: list[tuple[Place, ...]] = []
        self.word = self.used = 0
        for variable in machine.variables:
            self.places.append(tuple(self._pieces(variable.bits)))
        self.words = self.word + 1
        self.bits = machine.bits

    def _pieces(self, bits: int) -> Iterator[Place]:
        """Yield where the bits of the next variable are."""
        start = 0
        while start < bits or start == 0:
            piece = min(bits - start, WORD)
            if self.used + piece > WORD:
                self.word, self.used = self.word + 1, 0
            yield Place(self.word, self.used, piece, start)
            self.used += piece
            start += WORD

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
