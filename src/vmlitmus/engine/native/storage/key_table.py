"""The table of the keys of states: how large it is, and how it grows (see ``kernels.table``)."""

from __future__ import annotations

from typing import Any, Protocol

from vmlitmus.engine.native.storage.memory import Region

SHORT = (32, 37, 42)  # widths of states that short slots serve, of 31 bits and one
FAR = 120  # lines, its own and those behind it, in which a key may be where slots are short
LOW = 1 << 12  # slots whose keys are put aside while a table grows
_FEWEST = 1024  # slots
_SMALL = 1 << 12  # slots up to which a table doubles
_GROWTH = 1.5  # beyond: each key is moved about twice
_FULL = 0.8  # share of the slots that may be in use


class Owner(Protocol):
    """What a table asks of the search that it belongs to: its kernel, and the kernel's context."""

    kernel: dict[str, Any]
    ctx: Region
    regions: dict[str, Region]

    def region(self, name: str, size: int) -> Region:
        """Make or grow a region, and tell the kernel where it is."""

    def get(self, name: str) -> int:
        """Return a field of the context."""

    def put(self, name: str, value: int) -> None:
        """Write a field of the context."""

    def spread(self, slots: int, used: Region) -> bool:
        """Spread the keys of the table over more slots; say whether that was possible."""


class KeyTable:
    """Slots for the keys of states of so many words, or, where slots are short, for 31 bits each.

    ``width`` is that of states that short slots may serve, or 0.
    """

    def __init__(self, store: Owner, words: int, width: int) -> None:
        self.store = store
        self.words = words
        self.width = width
        self.short = False
        self.slots = 0

    @property
    def line(self) -> int:
        """How many slots a line has."""
        return 64 // self.slot

    @property
    def slot(self) -> int:
        """Bytes of a slot."""
        return 4 if self.short else 8 * min(self.words, 2)

    def constants(self) -> dict[str, int]:
        """Return the kernel's constants."""
        return {
            "SHORT": int(self.short),
            "SLOT": self.slot,
            "LINE": self.line,
            "LINE_BITS": self.line.bit_length() - 1,
            "BITS": self.width if self.short else 0,
            "FAR": FAR if self.short else 1 << 40,
            "LOW": LOW,
            "NO_ROOM": (1 << 64) - 1,
        }

    def enough(self, keys: int) -> int:
        """Return how many slots so many keys need."""
        slots = self.slots
        while slots * _FULL < keys:
            growth = 2 if slots < _SMALL else _GROWTH
            slots = max(self.fewest(), int(slots * growth) + self.line - 1 & -self.line)
        return slots

    def fewest(self) -> int:
        """Return how many slots a table has at least.

        Where they are short, so many that 31 bits tell the keys of FAR lines, and of some more,
        apart: the table divides all numbers of ``width`` bits among its lines.
        """
        if not self.short:
            return _FEWEST
        return max(_FEWEST, self.line * (FAR + 8) << self.width >> 31)

    def capacity(self, slots: int) -> int:
        """Return how many keys so many slots may have."""
        return int(slots * _FULL)

    def size(self, slots: int) -> int:
        """Return the bytes of a table of so many slots, and of one behind them."""
        return self.slot * (slots + 1)

    def grow(self, slots: int) -> None:
        """Make room for more keys; raises OSError."""
        if slots == self.slots:
            return
        if self.short and self.slots and self.store.regions["TABLE"].word32(self.slots):
            raise crowded()
        self.store.region("TABLE", self.size(slots))
        used = Region(slots // self.line)
        if not self.store.spread(slots, used):
            raise crowded()
        used.close()
        self.slots = slots
        self.store.put("SLOTS", slots)


def crowded() -> RuntimeError:
    """Return the error for a key without room in its lines: far more than chance allows."""
    return RuntimeError("too many states belong to the same lines of the table")
