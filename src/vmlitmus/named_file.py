"""A file that a user names, read whole: no device, up to a bound, and no pipe that nobody fills."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_named(path: str | Path, most: int, *, pipes: bool = False) -> bytes:
    """Return the bytes of a regular file; with ``pipes`` also what a shell's ``<(command)`` writes.

    Raises OSError, whose ``strerror`` is the reason: for what is neither, and for a file of more
    than ``most`` bytes. ValueError for a NUL in the name.
    """
    kind = os.stat(path).st_mode
    if not stat.S_ISREG(kind) and not (pipes and stat.S_ISFIFO(kind)):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(number, True)  # opening a pipe waits for nobody; its end is seen by reading
    with open(number, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"larger than {most} bytes", str(path))
    return data
