"""Memory for the native search: zeroed, growable, with its address."""

from __future__ import annotations

import ctypes
import mmap
import os
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress

_HUGE = 1 << 22  # from this size on, ask for huge pages
_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Python names it from 3.13 on
_ALL = os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE  # bytes of this machine's memory


class Region:
    """Some bytes outside Python's heap, zero at first.

    ``growing`` takes addresses for as much memory as there is, so that the region need not move;
    where the system does not give them, it may move when it grows. Raises OSError.
    """

    def __init__(self, size: int, *, growing: bool = False) -> None:
        self.size = max(size, mmap.PAGESIZE)
        self._map = _mapped(self.size, _ALL if growing else 0)
        self._huge = False
        self._advise()

    @property
    def address(self) -> int:
        return ctypes.addressof(ctypes.c_char.from_buffer(self._map))

    def grow(self, size: int) -> None:
        """Make the region larger; what is in it stays, and new bytes are zero. Raises OSError."""
        if size > len(self._map):
            self._map.resize(size)
            self._huge = False
        if size > self.size:
            self.size = size
            self._advise()

    def words(self, first: int, count: int) -> tuple[int, ...]:
        """Return some of the region's 64-bit numbers."""
        return tuple(memoryview(self._map).cast("Q")[first : first + count])

    def words32(self, first: int, count: int) -> tuple[int, ...]:
        """Return some of the region's 32-bit numbers."""
        return tuple(memoryview(self._map).cast("I")[first : first + count])

    def word32(self, index: int) -> int:
        """Return one of the region's 32-bit numbers."""
        return int.from_bytes(self._map[4 * index : 4 * index + 4], "little")

    def set_words32(self, first: int, numbers: Sequence[int]) -> None:
        """Write some of the region's 32-bit numbers."""
        memoryview(self._map).cast("I")[first : first + len(numbers)] = array("I", numbers)

    def all_words(self) -> tuple[int, ...]:
        """Return all of the region's 64-bit numbers up to the last that is not 0."""
        found = self.words(0, self.size // 8)
        last = max((index for index, word in enumerate(found) if word), default=-1)
        return found[: last + 1]

    def read(self, first: int, count: int) -> bytes:
        """Return some bytes."""
        return self._map[first : first + count]

    def write(self, first: int, data: bytes | memoryview) -> None:
        """Write some bytes."""
        self._map[first : first + len(data)] = data

    def set_word(self, index: int, value: int) -> None:
        self._map[8 * index : 8 * index + 8] = value.to_bytes(8, "little")

    def fill(self, words: Iterable[int]) -> None:
        """Set the first of the region's 64-bit numbers."""
        numbers = array("Q", words)
        memoryview(self._map).cast("Q")[: len(numbers)] = memoryview(numbers)

    def view(self) -> memoryview:
        """Return the region's 64-bit numbers; to be released before the region is closed."""
        return memoryview(self._map).cast("Q")

    def clear(self) -> None:
        """Make every byte zero again."""
        self._map[: self.size] = bytes(self.size)

    def image(self) -> bytes:
        """Return all bytes as they are now, for ``restore``."""
        return self._map[: self.size]

    def restore(self, image: bytes) -> None:
        """Make all bytes again what they were."""
        self._map[: len(image)] = image

    def close(self) -> None:
        self._map.close()

    def _advise(self) -> None:
        """Ask for huge pages, for all that the region may become."""
        if self.size >= _HUGE and not self._huge and hasattr(mmap, "MADV_HUGEPAGE"):
            self._map.madvise(mmap.MADV_HUGEPAGE)
            self._huge = True


def _mapped(size: int, most: int) -> mmap.mmap:
    """Return ``size`` bytes, with addresses for ``most`` if they are to be had."""
    if most > size:
        with suppress(OSError):
            return mmap.mmap(-1, most, _PRIVATE | _NORESERVE)
    return mmap.mmap(-1, size, _PRIVATE)
