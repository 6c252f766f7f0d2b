"""Workers that are no processes: shards in this one, called one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vmlitmus.engine.limits import Limits
from vmlitmus.engine.native.sharded.search import WorkerGone
from vmlitmus.engine.native.sharded.shard import Shard
from vmlitmus.engine.native.storage.store import NativeModel


class Here:
    """``size`` shards; ``ends`` are the calls, by number, at which a worker ends."""

    def __init__(self, size: int, ends: Sequence[int] = ()) -> None:
        self.size = size
        self.ends = set(ends)
        self.calls = self.opened = 0
        self.shards: list[Shard] = []

    def open(self, model: NativeModel, stop_on: int, limits: Limits) -> None:
        self.close()
        self.opened += 1
        for number in range(self.size):
            self.shards.append(Shard(model, stop_on, limits, number, self.size))

    def call(self, shard: int, method: str, *given: Any, parts: int = 1) -> Any:
        self.calls += 1
        if self.calls in self.ends:
            raise WorkerGone
        found = getattr(self.shards[shard], method)(*given)
        assert parts == 1 or parts == len(found)
        return found

    def wait(self, calls: Sequence[Any], look: Callable[[], None]) -> list[Any]:
        look()
        return list(calls)

    def close(self) -> None:
        for shard in self.shards:
            shard.close()
        self.shards = []
