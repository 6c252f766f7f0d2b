"""Random numbers by counting: Philox4x32-10 (Salmon and others, SC'11).

A number depends only on what it is for: the seed, the replication, the stream (one for each thing
that can happen, by its name) and how many were drawn there before. So the same seed gives the same
run in both simulators, and two designs see the same noise where they do the same thing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

_MASK = 0xFFFFFFFF
_MULTIPLY = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
UNIT = 2.0**-52
TIES = "ties"  # the stream that decides between what happens at one instant
PHASES = "phases"  # the stream of the phases of lattices


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return four 32-bit numbers for a counter of four and a key of two."""
    a, b, c, d = counter
    k, m = key
    for _ in range(_ROUNDS):
        x, y = _MULTIPLY[0] * a, _MULTIPLY[1] * c
        a, b, c, d = (y >> 32) ^ b ^ k, y & _MASK, (x >> 32) ^ d ^ m, x & _MASK
        k, m = (k + _WEYL[0]) & _MASK, (m + _WEYL[1]) & _MASK
    return a, b, c, d


def stream_of(name: str) -> int:
    """Return the 64-bit number of a stream."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


class Uniforms:
    """The numbers of one draw from a stream, each strictly between 0 and 1.

    ``replication`` and ``draw`` count from 0; the first is below 2^16, the second below 2^32.
    """

    def __init__(self, seed: int, replication: int, stream: int, draw: int) -> None:
        self.key = seed & _MASK, seed >> 32 & _MASK
        self.counter = draw & _MASK, replication << 16, stream & _MASK, stream >> 32
        self.taken = 0
        self.block: tuple[int, int, int, int] = (0, 0, 0, 0)

    def __call__(self) -> float:
        """Return the next number."""
        half = self.taken & 1
        if not half:
            draw, replication, low, high = self.counter
            self.block = philox((draw, replication | self.taken >> 1, low, high), self.key)
        self.taken += 1
        word = self.block[2 * half] << 32 | self.block[2 * half + 1]
        return ((word >> 12) + 0.5) * UNIT


Draw = Callable[[], float]
