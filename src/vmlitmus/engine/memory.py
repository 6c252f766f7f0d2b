"""Memory for the native search: zeroed, growable, with its address."""

from __future__ import annotations

import ctypes
import mmap

_HUGE = 1 << 22  # from this size on, ask for huge pages


class Region:
    """Some bytes outside Python's heap; they may move when the region grows."""

    def __init__(self, size: int) -> None:
        self._map = mmap.mmap(-1, max(size, mmap.PAGESIZE), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._advise()

    @property
    def size(self) -> int:
        return len(self._map)

    @property
    def address(self) -> int:
        return ctypes.addressof(ctypes.c_char.from_buffer(self._map))

    def grow(self, size: int) -> None:
        """Make the region larger; what is in it stays, and new bytes are zero."""
        if size > self.size:
            self._map.resize(size)
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

    def set_word(self, index: int, value: int) -> None:
        self._map[8 * index : 8 * index + 8] = value.to_bytes(8, "little")

    def close(self) -> None:
        self._map.close()

    def _advise(self) -> None:
        if self.size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
            self._map.madvise(mmap.MADV_HUGEPAGE)
