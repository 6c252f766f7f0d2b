"""Do the same work on many items, on all cores."""

from __future__ import annotations

import ctypes
import gc
import itertools
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from vmlitmus.errors import WorkerLost

A = TypeVar("A")
B = TypeVar("B")
_LOOK = 0.2  # seconds between two looks at what is under way
_ENDING = 5.0  # seconds at most for the thread of a pool whose processes are killed
_WORK: list[Callable[[Any], Any]] = []  # what the processes inherit when they are forked
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def processes() -> int:
    """Return how many processes work at a time: one for each core that this one may use."""
    return len(os.sched_getaffinity(0))


def spread(
    work: Callable[[A], B],
    items: Iterable[A],
    busy: Callable[[A], None] | None = None,
    *,
    workers: int | None = None,
    apart: Callable[[A], Sequence[A]] | None = None,
    lost: Callable[[A], B] | None = None,
    here: bool = True,
) -> Iterator[tuple[A, B]]:
    """Yield each item with what the work on it returns, as it is done.

    An item is taken only when a process is free for it, so an iterator may decide late what is
    still to be done. ``busy`` is called several times a second, while nothing is done, with the
    item that was taken first. When the caller stops, or is interrupted, so do the processes.
    ``workers`` is how many processes there are; by default one for each core.

    Where a process is killed, what was under way is done again, one item after the other, each cut
    by ``apart`` into smaller ones; one whose process is killed again yields ``lost``. Raises
    WorkerLost without it. With one worker the work is done in this process, unless ``here`` is
    false.
    """
    number = workers or processes()
    if number < 2 and here:
        yield from ((item, work(item)) for item in items)
        return
    _WORK[:] = [work]
    coming = iter(items)
    again: deque[A] = deque()
    while True:
        broken: list[A] = []
        yield from _together(number, coming, busy, broken)
        if not broken:
            return
        again.extend(small for item in broken for small in (apart(item) if apart else [item]))
        while again:
            item = again.popleft()
            broken = []
            yield from _together(1, iter([item]), busy, broken)
            if broken:
                if lost is None:
                    raise WorkerLost
                yield item, lost(item)


def _together(
    workers: int, coming: Iterator[A], busy: Callable[[A], None] | None, broken: list[A]
) -> Iterator[tuple[A, Any]]:
    """Yield what is done; stop where a process is killed, with the unfinished items in broken."""
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(os.getpid(),)
    )
    waiting: dict[Future[Any], A] = {}
    try:
        while True:
            for item in itertools.islice(coming, workers + 1 - len(waiting)):
                try:
                    waiting[pool.submit(_do, item)] = item
                except BrokenProcessPool:
                    broken.append(item)
                    break
            if not waiting or broken:
                break
            done = wait(waiting, _LOOK if busy else None, FIRST_COMPLETED).done
            for future in done:
                item = waiting.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    broken.append(item)
                else:
                    yield item, future.result()
            if busy and not done:
                busy(next(iter(waiting.values())))
        for future, item in waiting.items():  # of a broken pool: all are done, or never will be
            if future.exception() is None:
                yield item, future.result()
            else:
                broken.append(item)
    except BaseException:
        processes = list(getattr(pool, "_processes", {}).values())
        manager = getattr(pool, "_executor_manager_thread", None)
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        if manager is not None:  # else it may close its pipe while the interpreter writes to it
            manager.join(_ENDING)
        raise
    pool.shutdown()


def _begin(parent: int) -> None:
    """End with the parent, but leave interrupts to it; look for no cycles.

    A worker lives for one command. All cells of the catalogue leave less than 25 MB of cycles, and
    to look for them takes one twentieth of the time.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(1)
    gc.disable()


def _do(item: Any) -> Any:
    return _WORK[0](item)
