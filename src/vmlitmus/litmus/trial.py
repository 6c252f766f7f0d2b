"""A first import of a user's model, in a process of its own that it may end instead of this one."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from vmlitmus.errors import ModelError

_FINE, _FORKED = b"1", b"f"


def tried(path: str, seconds: float, work: Callable[[], object]) -> None:
    """Do work in a process of its own; raises ModelError if that ends the process, or forks.

    What the work raises is ignored: it is raised again where the work is done for good. Its output
    is dropped. The process, and those that it has started, are killed after ``seconds``.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _child(work, writing)
    os.close(writing)
    try:
        told, late = _told(reading, seconds + 1)
    finally:
        os.close(reading)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if _FORKED in told:
        raise ModelError("importing it forks this process; a model may not", path)
    if _FINE in told:
        return
    if late:
        raise ModelError(f"importing it took longer than the time limit, {seconds:g} s", path)
    code = os.waitstatus_to_exitcode(status)
    how = f"with os._exit({code})" if code >= 0 else f"by {signal.Signals(-code).name}"
    raise ModelError(f"importing it ends the program, {how}", path)


def _child(work: Callable[[], object], writing: int) -> None:
    """Do the work and tell that it came to an end; whoever comes here is not to go on."""
    me = os.getpid()
    try:
        os.setpgid(0, 0)
        silent = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(silent, number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        with suppress(BaseException):
            work()
        os.write(writing, _FINE if os.getpid() == me else _FORKED)
    finally:
        os.kill(os.getpid(), signal.SIGKILL)  # os._exit may be another by now


def _told(reading: int, seconds: float) -> tuple[bytes, bool]:
    """Return what was told until all have closed the pipe, and whether that took too long."""
    ends = time.monotonic() + seconds
    told = b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(ends - time.monotonic(), 0))
        if not ready:
            return told, True
        found = os.read(reading, 64)
        if not found:
            return told, False
        told += found
