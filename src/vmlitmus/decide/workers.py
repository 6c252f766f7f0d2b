"""Do the same work on many items, on all cores.

What starts processes takes long to import, and one answer needs none.
"""

from __future__ import annotations

import gc
import itertools
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vmlitmus.errors import WorkerLost

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

A = TypeVar("A")
B = TypeVar("B")
_LOOK = 0.2  # seconds between two looks at what is under way
_WORK: list[Callable[[Any], Any]] = []  # what the processes inherit when they are forked
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def processes() -> int:
    """Return how many processes work at a time: one for each core that this one may use."""
    return len(os.sched_getaffinity(0))


def spread(
    work: Callable[[A], B],
    items: Iterable[A],
    busy: Callable[[A], None] | None = None,
    *,
    workers: int | None = None,
    kin: Callable[[A], object] | None = None,
    apart: Callable[[A], Sequence[A]] | None = None,
    lost: Callable[[A], B] | None = None,
    here: bool = True,
) -> Iterator[tuple[A, B]]:
    """Yield each item with what the work on it returns, as it is done.

    An item is taken only when a process is free for it, so an iterator may decide late what is
    still to be done. With ``kin`` all items are taken at once, and those with the same kin go to
    one process as far as possible: it keeps what it made for one, which serves the next.
    ``busy`` is called several times a second, while nothing is done, with the item that was taken
    first. When the caller stops, or is interrupted, so do the processes. ``workers`` is how many
    processes there are; by default one for each core.

    Where a process is killed, what it was at is done again, one item after the other, each cut
    by ``apart`` into smaller ones; one whose process is killed again yields ``lost``. Raises
    WorkerLost without it. With one worker the work is done in this process, unless ``here`` is
    false.
    """
    number = workers or processes()
    if number < 2 and here:
        yield from ((item, work(item)) for item in items)
        return
    _WORK[:] = [work]
    coming = Coming(items, kin)
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
            yield from _together(1, Coming([item]), busy, broken)
            if broken:
                if lost is None:
                    raise WorkerLost
                yield item, lost(item)


class Coming(Generic[A]):
    """What is still to be done: in order, or by kin, of which each process has its own."""

    def __init__(self, items: Iterable[A], kin: Callable[[A], object] | None = None) -> None:
        self.rest = iter(items)
        self.rows: dict[object, deque[A]] = {}
        self.row_of: dict[int, object] = {}  # by the number of a process
        if kin is not None:
            for item in self.rest:
                self.rows.setdefault(kin(item), deque()).append(item)

    def next(self, process: int) -> list[A]:
        """Return the next item for a process, alone in a list; an empty list at the end.

        A process goes on with its row; then with the longest that no process has, or helps with the
        longest.
        """
        if not self.rows.get(self.row_of.get(process)):
            self.rows = {kin: row for kin, row in self.rows.items() if row}
            if not self.rows:
                return list(itertools.islice(self.rest, 1))
            taken = set(self.row_of.values())
            free = [kin for kin in self.rows if kin not in taken] or list(self.rows)
            self.row_of[process] = max(free, key=lambda kin: len(self.rows[kin]))
        return [self.rows[self.row_of[process]].popleft()]


class _Worker:
    """A process forked from this one, which does one item after the other."""

    def __init__(self) -> None:
        import multiprocessing

        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(os.getpid(), theirs))
        self.process.start()  # with interrupts held back
        theirs.close()

    def give(self, item: object) -> None:
        """Send an item; where the process is gone, ``answer`` says so."""
        with suppress(OSError):
            self.pipe.send((item,))

    def answer(self) -> tuple[bool, Any] | None:
        """Return whether the work succeeded, with its result or error; None if the process died."""
        try:
            found: tuple[bool, Any] = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return found

    def has_ended(self) -> bool:
        """Say whether the process has died and left nothing to read."""
        return not self.process.is_alive() and not self.pipe.poll()

    def stop(self) -> None:
        """Let the process end once it has nothing to do, and wait for it."""
        with suppress(OSError):
            self.pipe.send(None)
        self.process.join()
        self.pipe.close()


@contextmanager
def _held_back() -> Iterator[None]:
    """Let interrupts come only afterwards: no process is left that nobody ends."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill(team: Iterable[_Worker]) -> None:
    """End processes, whatever they are at. A second interrupt waits until that is done."""
    with _held_back():
        for worker in team:
            worker.process.kill()
        for worker in team:
            worker.process.join()
            worker.pipe.close()


def _serve(parent: int, pipe: Connection) -> None:
    """Do what comes through a pipe."""
    _begin(parent)
    while (given := pipe.recv()) is not None:
        try:
            answer: tuple[bool, Any] = True, _WORK[0](*given)
        except BaseException as error:  # the parent raises it
            answer = False, error
        try:
            pipe.send(answer)
        except Exception as error:  # it cannot be pickled
            pipe.send((False, error))


def _together(
    workers: int, coming: Coming[A], busy: Callable[[A], None] | None, broken: list[A]
) -> Iterator[tuple[A, Any]]:
    """Yield what is done; stop where a process is killed, with the unfinished items in broken."""
    from multiprocessing import connection

    team: list[_Worker] = []
    waiting: dict[_Worker, A] = {}
    try:
        while True:
            for number in range(0 if broken else workers):
                if number < len(team) and team[number] in waiting:
                    continue
                for item in coming.next(number):
                    if number == len(team):
                        with _held_back():
                            team.append(_Worker())
                    waiting[team[number]] = item
                    team[number].give(item)
            if not waiting:
                break
            ready = connection.wait([worker.pipe for worker in waiting], _LOOK)
            for worker in [w for w in waiting if w.pipe in ready or (not ready and w.has_ended())]:
                answer, item = worker.answer(), waiting.pop(worker)
                if answer is None:
                    broken.append(item)
                elif answer[0]:
                    yield item, answer[1]
                else:
                    raise answer[1]
            if busy and waiting and not ready:
                busy(next(iter(waiting.values())))
        for worker in team:
            worker.stop()
    except BaseException:
        _kill(team)
        raise


def _begin(parent: int) -> None:
    """End with the parent, but leave interrupts to it; look for no cycles.

    A worker lives for one command. All cells of the catalogue leave less than 25 MB of cycles, and
    to look for them takes one twentieth of the time.
    """
    import ctypes

    for number in _INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(1)
    gc.disable()
