"""Arrays of 64-bit numbers, one behind the other in memory.

Each in memory of its own would begin at the same place of a page, so that all of them would compete
for the same few lines of the processor's cache.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping

from vmlitmus.engine.native.storage.memory import Region


class Arrays:
    """Some arrays by name, zero at first, in the order and with the numbers of words given."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.first: dict[str, int] = {}
        at = 0
        for name, size in sizes.items():
            self.first[name] = at
            at += max(size, 1)
        self.region = Region(8 * at)
        self.all = self.region.view()

    def address(self, name: str) -> int:
        """Return the address of an array."""
        return self.region.address + 8 * self.first[name]

    def words(self, name: str, first: int, count: int) -> list[int]:
        """Return some numbers of an array."""
        at = self.first[name] + first
        return self.all[at : at + count].tolist()

    def word(self, name: str, index: int) -> int:
        """Return one number of an array."""
        found: int = self.all[self.first[name] + index]
        return found

    def set_word(self, name: str, index: int, value: int) -> None:
        """Write one number of an array."""
        self.all[self.first[name] + index] = value

    def fill(self, name: str, words: Iterable[int]) -> None:
        """Write the first numbers of an array."""
        at, numbers = self.first[name], array("Q", words)
        self.all[at : at + len(numbers)] = memoryview(numbers)

    def image(self, before: str) -> memoryview:
        """Return all arrays before one of them as they are now, for ``restore``."""
        return memoryview(array("Q", self.all[: self.first[before]]))

    def restore(self, image: memoryview) -> None:
        """Make the arrays of an image again what they were."""
        self.all[: len(image)] = image

    def close(self) -> None:
        """Give the memory back."""
        self.all.release()
        self.region.close()
