"""A first import of a user's model, in a process of its own that it may end instead of this one."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from vmlitmus.errors import ModelError

_FINE, _FORKED = b".", b"f"
_TOLD = {
    _FORKED: "forks this process; a model may not",
    b"k": "raises KeyboardInterrupt",
    b"m": "took more memory than there is",
    b"t": "took longer than the time limit for that, {seconds:g} s",
}
_COPIES = 1.0  # seconds that copies of the process have to end after it


class TooLong(BaseException):
    """Code of a model ran longer than the time limit. No ``except Exception`` there stops it."""


def tried(path: str, seconds: float, work: Callable[[Callable[[], None]], object]) -> None:
    """Do work in a process of its own; raises ModelError if that ends the process, or forks.

    The work gets what it has to call in a copy of the process that was forked.
    What else the work raises is ignored: it is raised again where the work is done for good. Its
    output is dropped. The process, and those that it has started, are killed after ``seconds``.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _child(work, writing)
    os.close(writing)
    try:
        told = _told(reading, seconds + 1)
    finally:
        os.close(reading)
        for kill in (os.killpg, os.kill):  # the group is there once the process has come to it
            with suppress(ProcessLookupError, PermissionError):
                kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    for word, text in _TOLD.items():
        if word in told:
            raise ModelError(f"importing it {text.format(seconds=seconds)}", path)
    if _FINE not in told:
        code = os.waitstatus_to_exitcode(status)
        how = f"with os._exit({code})" if code >= 0 else f"by {signal.Signals(-code).name}"
        raise ModelError(f"importing it ends the program, {how}", path)


def _child(work: Callable[[Callable[[], None]], object], writing: int) -> None:
    """Do the work and tell how it ended; whoever comes here is not to go on."""
    me, told = os.getpid(), _FINE

    def copied() -> None:
        os.write(writing, _FORKED)

    try:
        os.setpgid(0, 0)
        silent = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(silent, number)
        sys.stdout = sys.stderr = open(silent, "w", encoding="utf-8")  # noqa: SIM115
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        try:
            work(copied)
        except KeyboardInterrupt:
            told = b"k"
        except TooLong:
            told = b"t"
        except MemoryError:
            told = b"m"
        except BaseException:  # raised again where the import is done for good
            told = _FINE
        os.write(writing, told if os.getpid() == me else _FORKED)
    finally:
        os.kill(os.getpid(), signal.SIGKILL)  # os._exit may be another by now


def _told(reading: int, seconds: float) -> bytes:
    """Return what was told until all have closed the pipe, and whether that took too long."""
    ends = time.monotonic() + seconds
    told = b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(ends - time.monotonic(), 0))
        if not ready:
            return told + (_FORKED if told else b"t")
        found = os.read(reading, 64)
        if not found:
            return told
        told += found
        ends = min(ends, time.monotonic() + _COPIES)
