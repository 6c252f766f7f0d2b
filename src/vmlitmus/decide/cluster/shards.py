"""The workers of one search on a cluster: an actor of Ray for each shard."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from vmlitmus.decide.cluster.joining import installed, joined, other_version
from vmlitmus.engine.limits import Limits, Stopped
from vmlitmus.engine.native.sharded.search import WorkerGone
from vmlitmus.engine.native.sharded.shard import Shard
from vmlitmus.engine.native.storage.store import NativeModel
from vmlitmus.errors import UsageError, VmlitmusError

_LOOK = 0.5  # seconds between two looks at what is under way
_STARTING = 120.0  # seconds in which all actors have to be there


class OtherVersion(VmlitmusError):
    """A machine of the cluster has another vmlitmus than this one."""

    exit_code = 2


@contextmanager
def shards_on(address: str, size: int) -> Iterator[RayShards]:
    """Give ``size`` workers of a cluster; raises UsageError where it has fewer cores."""
    with joined(address, size) as ray:
        cores = int(ray.cluster_resources().get("CPU", 0))
        if cores < size:
            raise UsageError(f"--shards {size}: the cluster has {cores} cores")
        workers = RayShards(ray, size)
        try:
            yield workers
        finally:
            workers.end()


class RayShards:
    """Actors on a cluster, each with a shard (``engine.native.sharded.search.Workers``)."""

    def __init__(self, ray: Any, size: int) -> None:
        self.ray = ray
        self.size = size
        self.actors: list[Any] = []

    def open(self, model: NativeModel, stop_on: int, limits: Limits) -> None:
        """Make the shards of a new search; actors that are gone are replaced."""
        if not self.actors:
            kind = self.ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(_Actor)
            self.actors = [kind.remote() for _ in range(self.size)]
        given = installed(), model, stop_on, limits
        calls = [a.open.remote(*given, n, self.size) for n, a in enumerate(self.actors)]
        _, late = self.ray.wait(calls, num_returns=self.size, timeout=_STARTING)
        if late:
            self.end()
            raise Stopped(f"the cluster has not started {self.size} workers in {_STARTING:.0f} s")
        for stopped in self._got(calls):
            if stopped:
                raise stopped

    def call(self, shard: int, method: str, *given: Any, parts: int = 1) -> Any:
        """Call a method of a shard; return the reference to its result, or to each part of it."""
        return self.actors[shard].call.options(num_returns=parts).remote(method, *given)

    def wait(self, calls: Sequence[Any], look: Callable[[], None]) -> list[Any]:
        """Return the results of some calls; raises WorkerGone."""
        while self.ray.wait(list(calls), num_returns=len(calls), timeout=_LOOK)[1]:
            look()
        return self._got(calls)

    def _got(self, calls: Sequence[Any]) -> list[Any]:
        errors = self.ray.exceptions
        try:
            found: list[Any] = self.ray.get(list(calls))
        except errors.RayTaskError as error:
            if not isinstance(error.cause, errors.RayError):
                raise error.cause from None
            self.end()
            raise WorkerGone from None  # what the call was given is lost
        except errors.RayError:
            self.end()
            raise WorkerGone from None
        return found

    def end(self) -> None:
        """End all actors."""
        for actor in self.actors:
            self.ray.kill(actor)
        self.actors = []


class _Actor:
    """A process with a shard."""

    def __init__(self) -> None:
        self.shard: Shard | None = None

    def open(self, version: bytes, *given: Any) -> Exception | None:
        """Make a shard in place of the last one; return why there is none, if so."""
        if self.shard is not None:
            self.shard.close()
            self.shard = None
        if installed() != version:
            return OtherVersion(other_version())
        try:
            self.shard = Shard(*given)
        except Stopped as stop:
            return stop
        return None

    def call(self, method: str, *given: Any) -> Any:
        """Call a method of the shard; bytes go without being copied."""
        found = getattr(self.shard, method)(*given)
        if method == "send":
            return tuple(pickle.PickleBuffer(box) for box in found)
        return found
