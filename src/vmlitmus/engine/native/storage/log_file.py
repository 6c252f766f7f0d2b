"""A log of states in a file: what a search has left behind takes no memory."""

from __future__ import annotations

import errno
import mmap
import os
import tempfile

from vmlitmus.engine.limits import Stopped
from vmlitmus.engine.native.storage.memory import Region

_CHUNK = 16 << 20  # bytes that are written to the file, or given back to it, at a time
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def unnamed(folder: str) -> int:
    """Return a new file of a folder without a name, which goes when it is closed.

    Raises OSError where the folder does not take one.
    """
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    handle, path = tempfile.mkstemp(prefix=".vmlitmus-", dir=folder)
    os.unlink(path)
    return handle


def why(error: OSError, folder: str) -> str:
    """Return what is wrong with a folder in words."""
    if error.errno in _FULL:
        return f"no room is left on the disk of {folder}"
    return f"{folder}: {(error.strerror or str(error)).lower()}"


class LogFile(Region):
    """Bytes in a file of a folder, mapped as they are; the file has no name.

    Room on the disk is taken before anything is written, so that a full disk ends the search with
    Stopped, never the process.
    """

    def __init__(self, folder: str, size: int) -> None:
        self.folder = folder
        self.left = self.passed = 0  # bytes that were given to the file, written and read
        self.size = max(size, mmap.PAGESIZE)
        try:
            self._file = unnamed(folder)
            os.posix_fallocate(self._file, 0, self.size)
            self._map = mmap.mmap(self._file, self.size)
        except OSError as error:
            raise Stopped(why(error, folder)) from None

    def grow(self, size: int) -> None:
        """Make the file larger; what is in it stays. Raises Stopped."""
        if size <= self.size:
            return
        try:
            os.posix_fallocate(self._file, self.size, size - self.size)
            self._map.resize(size)
        except OSError as error:
            raise Stopped(why(error, self.folder)) from None
        self.size = size

    def leave(self, head: int, tail: int) -> None:
        """Give to the file what is not to be used soon; raises Stopped.

        Bytes are read from ``head`` on, and written from ``tail`` on.
        """
        if tail - self.left >= 2 * _CHUNK:
            end = (tail - _CHUNK) // mmap.PAGESIZE * mmap.PAGESIZE
            try:
                self._map.flush(self.left, end - self.left)
            except OSError as error:
                raise Stopped(why(error, self.folder)) from None
            self._drop(self.left, end)
            self.left = end
        end = min(head // mmap.PAGESIZE * mmap.PAGESIZE, self.left)
        if end - self.passed >= _CHUNK:
            self._drop(self.passed, end)
            self.passed = end

    def _drop(self, first: int, end: int) -> None:
        """Keep no copy in memory of some bytes that are written."""
        self._map.madvise(mmap.MADV_DONTNEED, first, end - first)
        os.posix_fadvise(self._file, first, end - first, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """Let the file go."""
        super().close()
        os.close(self._file)
