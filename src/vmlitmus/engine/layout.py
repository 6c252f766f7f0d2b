"""Pack a state into few 64-bit words: which bits of which word hold each variable."""

from __future__ import annotations

from dataclasses import dataclass

from vmlitmus.errors import ModelError
from vmlitmus.lang import Machine, State

WORD = 63  # bits of a word that a state uses; the search needs the last one


@dataclass(frozen=True)
class Place:
    """The bits of one variable: ``bits`` bits of word ``word`` from bit ``shift`` on."""

    word: int
    shift: int
    bits: int

    @property
    def mask(self) -> int:
        return (1 << self.bits) - 1


class Layout:
    """The places of all variables of a machine; no variable straddles two words."""

    def __init__(self, machine: Machine) -> None:
        if reason := too_wide(machine):
            raise ModelError(reason)
        self.places: list[Place] = []
        word = used = 0
        for variable in machine.variables:
            if used + variable.bits > WORD:
                word, used = word + 1, 0
            self.places.append(Place(word, used, variable.bits))
            used += variable.bits
        self.words = word + 1
        self.bits = machine.bits

    def pack(self, state: State) -> tuple[int, ...]:
        """Return the words of a state."""
        words = [0] * self.words
        for place, code in zip(self.places, state, strict=True):
            words[place.word] |= code << place.shift
        return tuple(words)

    def unpack(self, words: tuple[int, ...]) -> State:
        """Return the state that some words hold."""
        return tuple(words[p.word] >> p.shift & p.mask for p in self.places)


def too_wide(machine: Machine) -> str | None:
    """Return why the compiled engine cannot hold a state of the machine, or None."""
    for variable in machine.variables:
        if variable.bits > WORD:
            return (
                f"{variable} needs {variable.bits} bits; the compiled engine holds {WORD} bits of a"
                " field, use the reference engine"
            )
    return None
