"""The table of a search whose states are in a file: of each key what its place does not say."""

from __future__ import annotations

from dataclasses import dataclass

from vmlitmus.engine.native.storage.key_table import KeyTable, Owner
from vmlitmus.engine.native.storage.memory import Region

_LINE = 64  # bytes of a line
_FIRST_LINES = 1024
_FEW_LINES = 1 << 16  # lines up to which a table of remainders doubles
_LINE_GROWTH = 1.25  # beyond: it costs little to move keys in order, and memory is what is scarce
_LINES_FULL = 0.88  # share of its numbers that may be in use: then 5 % of the keys overflow
_HELD = {0: 16, 1: 12, 2: 10, 4: 8}  # by further bytes of a number: how many a line has
LINE_KEYS = max(_HELD.values())


@dataclass(frozen=True)
class Plan:
    """How large a table is to be: it takes ``room`` states and so many bytes."""

    room: int
    size: int
    slots: int
    lines: int = 0


class RemainderTable:
    """What the place of a key of so many bits does not say of it (``kernels.remainders``).

    It takes 4 to 8 bytes a state. A key whose line is full is in the table of whole keys, ``keys``.
    """

    def __init__(self, store: Owner, keys: KeyTable, bits: int) -> None:
        self.store = store
        self.keys = keys
        self.bits = bits
        self.aside = Region(8 * LINE_KEYS)
        self.lines = 0

    def further(self, lines: int) -> tuple[int, int]:
        """Return for so many lines: the bits that tell the keys of one apart, and their bytes.

        Those are the bytes beyond the first 31 bits.
        """
        bits = (-(-(1 << self.bits) // lines) - 1).bit_length()
        return bits, next(more for more in _HELD if 31 + 8 * more >= bits)

    def plan(self, states: int) -> Plan:
        """Return how large the table is to be for so many states."""
        lines = self.lines
        while self.room(lines) < states:
            few = lines < _FEW_LINES
            lines = max(_FIRST_LINES, 2 * lines) if few else int(lines * _LINE_GROWTH) + 1
        there, overflown = self.store.get("TAIL"), self.store.get("OVERFLOWN")
        slots = self.keys.enough(overflown + max(states - there, states // 64))
        room = min(self.room(lines), there + self.keys.capacity(slots) - overflown)
        return Plan(room, _LINE * lines + 8 * slots, slots, lines)

    def room(self, lines: int) -> int:
        """Return how many states so many lines may have."""
        if lines == 0:
            return 0
        return int(lines * _HELD[self.further(lines)[1]] * _LINES_FULL)

    def grow(self, plan: Plan) -> None:
        """Make it as large as planned; raises OSError."""
        store = self.store
        self.keys.grow(plan.slots)
        if plan.lines == self.lines:
            return
        store.region("LINES_AT", _LINE * plan.lines)
        kernel, ctx = store.kernel, store.ctx.address
        saved = Region(8 * store.get("OVERFLOWN") + 8)
        count = kernel["gather"](ctx, self.keys.slots, saved.address)
        before = self.lines
        held, more, mask = store.get("HELD"), store.get("MORE_BYTES"), store.get("REST_MASK")
        self.lines = plan.lines
        bits, further = self.further(plan.lines)
        store.put("LINES", plan.lines)
        store.put("HELD", _HELD[further])
        store.put("MORE_BYTES", further)
        store.put("REST_MASK", (1 << bits) - 1)
        if kernel["spread_lines"](ctx, self.aside.address, before, held, more, mask):
            raise RuntimeError("the table of states cannot grow")
        kernel["enter_all"](ctx, saved.address, count)
        saved.close()
