"""Do the same work on many items, on all cores of a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from vmlitmus.decide.cluster.joining import installed, joined, other_version
from vmlitmus.decide.own_code import Refused
from vmlitmus.errors import VmlitmusError, WorkerLost

A = TypeVar("A")
B = TypeVar("B")
_LOOK = 0.5  # seconds between two looks at what is under way
_AGAIN = 3  # times that an item whose worker is lost is worked on again
_AHEAD = 2  # items that are under way or wait for a core, for each core
_KEPT: dict[Any, Any] = {}  # the work that a worker has last been given, by its reference


def spread_on(
    address: str,
    work: Callable[[A], B],
    items: Iterable[A],
    busy: Callable[[A], None] | None = None,
    *,
    lost: Callable[[A], B] | None = None,
) -> Iterator[tuple[A, B]]:
    """Yield each item with what the work on it returns, as ``workers.spread`` does.

    ``work`` and the items are sent as they are. An item whose worker is killed is worked on again
    by another, up to three times; then it yields ``lost``. Raises WorkerLost without it, what the
    work raises, and UsageError where there is no cluster at ``address``.
    """
    with joined(address) as ray:
        remote = ray.remote(num_cpus=1, max_retries=_AGAIN)(_work)
        given = [ray.put(work)]  # in a list: a worker takes it from there once
        most = max(int(ray.cluster_resources().get("CPU", 1)), 1) * _AHEAD
        coming = iter(items)
        waiting: dict[Any, A] = {}
        while True:
            for item in itertools.islice(coming, most - len(waiting)):
                waiting[remote.remote(installed(), given, item)] = item
            if not waiting:
                return
            done, _ = ray.wait(list(waiting), num_returns=1, timeout=_LOOK)
            if busy and not done:
                busy(next(iter(waiting.values())))
            for reference in done:
                item = waiting.pop(reference)
                yield item, _result(ray, reference, item, lost)


def _result(ray: Any, reference: Any, item: A, lost: Callable[[A], B] | None) -> B:
    crashes = ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError
    try:
        found = ray.get(reference)
    except (*crashes, ray.exceptions.OutOfMemoryError):
        if lost is None:
            raise WorkerLost from None
        return lost(item)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    if isinstance(found, _Error):
        raise found.refused.error()
    result: B = found
    return result


class _Error:
    """What the work has raised: an error of ours, by its message."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused


def _work(version: bytes, given: list[Any], item: Any) -> Any:
    """Work on an item, on a worker."""
    import ray

    from vmlitmus.engine.native import parallel

    if installed() != version:
        return _Error(Refused(other_version(), 2))
    parallel.MOST_CORES = 1  # each core has a worker
    if given[0] not in _KEPT:
        _KEPT.clear()
        _KEPT[given[0]] = ray.get(given[0])
    try:
        return _KEPT[given[0]](item)
    except VmlitmusError as error:
        return _Error(Refused(str(error), error.exit_code))
