"""Do the same work on many items, on all cores."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")
_LOOK = 0.2  # seconds between two looks at what is under way
_WORK: list[Callable[[Any], Any]] = []  # what the processes inherit when they are forked


def spread(
    work: Callable[[A], B], items: Iterable[A], busy: Callable[[A], None] | None = None
) -> Iterator[tuple[A, B]]:
    """Yield each item with what the work on it returns, as it is done.

    An item is taken only when a process is free for it, so an iterator may decide late what is
    still to be done. ``busy`` is called several times a second, while nothing is done, with the
    item that was taken first. When the caller stops, or is interrupted, so do the processes.
    """
    workers = len(os.sched_getaffinity(0))
    if workers < 2:
        yield from ((item, work(item)) for item in items)
        return
    _WORK[:] = [work]
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    waiting: dict[Future[B], A] = {}
    coming = iter(items)
    try:
        while True:
            for item in itertools.islice(coming, workers + 1 - len(waiting)):
                waiting[pool.submit(_do, item)] = item
            if not waiting:
                break
            done = wait(waiting, _LOOK if busy else None, FIRST_COMPLETED).done
            for future in done:
                yield waiting.pop(future), future.result()
            if busy and not done:
                busy(next(iter(waiting.values())))
    except BaseException:
        processes = list(getattr(pool, "_processes", {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        raise
    pool.shutdown()


def _begin() -> None:
    """Leave interrupts to the caller; look for garbage seldom, as lowered code lives long."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


def _do(item: Any) -> Any:
    return _WORK[0](item)
