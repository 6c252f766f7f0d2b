"""One worker's share of a search: the states of some values of the hash.

All that goes to another worker and comes from it is plain data: states as bytes, 8 for each word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vmlitmus.engine.limits import Limits, Stopped
from vmlitmus.engine.native.kernels import breadth_first, sharded, table
from vmlitmus.engine.native.storage.memory import Region
from vmlitmus.engine.native.storage.store import NativeModel, StateStore

ROOM = 1 << 16  # successors that are sent to one shard at a time, at most
_SOME = 500  # successors that are made before they are put into boxes
EFFORT = 2  # how well the code is compiled
_PIECE = 1 << 16  # states that are inserted before there is a look at whether there is room


@dataclass(frozen=True)
class Report:
    """How far a shard is.

    ``states`` are those that it keeps, ``counted`` those that they stand for; ``waiting`` are still
    to be expanded in the level at hand. ``fault`` is a state and the instance that fails there.
    ``sent`` and ``received`` count successors, those of the shard to itself included. ``stopped``
    says why it cannot go on.
    """

    states: int
    counted: int
    transitions: int
    waiting: int
    hit: bool
    observed: int
    fault: tuple[tuple[int, ...], int] | None
    sent: int
    received: int
    allocated: int
    stopped: str | None


class Shard(StateStore):
    """Shard ``number`` of ``shards``; the limit of memory is its own."""

    PASSES = (
        (*sharded.PASSES, breadth_first.begin, table.spread),
        tuple(sharded.INTERNAL),
    )

    def __init__(
        self, model: NativeModel, stop_on: int, limits: Limits, number: int, shards: int
    ) -> None:
        self.number, self.shards = number, shards
        self.sent = self.received = 0
        self.stopped: str | None = None
        super().__init__(model, stop_on, (), replace(limits, checkpoints=None), EFFORT, False)
        self.ends = [0]  # of the log, behind each level that is being expanded or was
        self.some = min(_SOME, ROOM // 2)
        self.most = max(ROOM, self.some + model.fanout)
        self.boxes = Region(8 * model.words * self.most * shards)
        self.counts = Region(8 * shards)
        self.inbox = Region(8 * model.words * _PIECE)

    def close(self) -> None:
        """Give the memory back."""
        for region in (self.boxes, self.counts, self.inbox):
            region.close()
        super().close()

    def _begin(self, starts: Sequence[tuple[int, ...]]) -> None:
        """Insert the initial state, if it belongs here."""
        [start] = starts
        for index, word in enumerate(start):
            self.regions["BATCH"].set_word(index, word)
        belongs = self.kernel["belongs"]
        if belongs(self.ctx.address, self.regions["BATCH"].address, self.shards) == self.number:
            super()._begin(starts)

    def send(self, level: int) -> tuple[bytes, ...]:
        """Expand states of a level; return the successors that belong to each shard."""
        if level == len(self.ends) - 1:
            self.ends.append(self.get("TAIL"))
            self.put("LEVEL_END", self.get("TAIL"))
        self.counts.clear()
        if self.stopped is None and not self.get("FAULT"):
            boxes = self.boxes.address, self.counts.address, self.most, self.shards
            sizes = self.some, self.some + self.model.fanout
            self.sent += self.kernel["send"](self.ctx.address, *boxes, *sizes)
        size = 8 * self.model.words
        return tuple(
            self.boxes.read(number * self.most * size, count * size)
            for number, count in enumerate(self.counts.words(0, self.shards))
        )

    def receive(self, *boxes: bytes | memoryview) -> Report:
        """Insert what the shards have sent here, in their order."""
        try:
            for box in boxes:
                self._insert(memoryview(box))
            self.leave()
        except Stopped as stop:
            self.stopped = stop.reason
        return self.report()

    def _insert(self, box: memoryview) -> None:
        size = 8 * self.model.words
        for first in range(0, len(box), _PIECE * size):
            piece = box[first : first + _PIECE * size]
            count = len(piece) // size
            self.make_room(count)
            self.inbox.write(0, piece)
            self.kernel["receive"](self.ctx.address, self.inbox.address, count)
            self.received += count

    def report(self) -> Report:
        """Return how far this shard is."""
        fault = self.get("FAULT")
        return Report(
            states=self.get("TAIL"),
            counted=self.get("COUNTED" if self.model.symmetric else "TAIL"),
            transitions=self.get("TRANSITIONS"),
            waiting=self.get("LEVEL_END") - self.get("HEAD"),
            hit=self.regions["HITS"].words(0, 1)[0] != 0,
            observed=self.get("OBSERVED"),
            fault=(self.state(self.get("HEAD")), fault - 1) if fault else None,
            sent=self.sent,
            received=self.received,
            allocated=self.allocated,
            stopped=self.stopped,
        )

    def seen(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return what the machine's counters say, and the words of conditions that were seen."""
        further = self.regions["MORE"].words(0, self.model.further // 64 + 1)
        counters = self.regions["COVERAGE"].words(0, self.model.counters)
        return counters, (self.get("OBSERVED"), *further)

    def first_with(self, conditions: int) -> tuple[int, ...] | None:
        """Return the first state of the last level that has one of some conditions."""
        last = self.ends[-1], self.get("TAIL")
        return self._found(self.kernel["first_with"](self.ctx.address, *last, conditions))

    def leads_to(self, level: int, wanted: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return the first state of a level from which one step leads to another state."""
        for index, word in enumerate(wanted):
            self.inbox.set_word(index, word)
        uncounted = Region(self.model.counting)
        some = self.ends[level], self.ends[level + 1], self.inbox.address, uncounted.address
        found = self.kernel["leads_to"](self.ctx.address, *some)
        uncounted.close()
        return self._found(found)

    def _found(self, number: int) -> tuple[int, ...] | None:
        return self.state(number - 1) if number else None
