"""Where facts are read from: this machine, a folder with a saved tree, or an archive of one.

Reading changes nothing, follows no symbolic link out of a saved tree, opens regular files only and
takes a bounded number of bytes. What cannot be read is a fact with a reason, never an exception.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from pathlib import Path
from typing import Protocol

from vmlitmus.errors import HostError
from vmlitmus.host.fact import Fact, lost

LIMIT = 1 << 20  # bytes of one file
ENTRIES = 1 << 18  # names of one folder
_NUMBER = re.compile(r"(\d+)")
_REASONS = {
    errno.ENOENT: "absent",
    errno.ENOTDIR: "absent",
    errno.ESRCH: "gone",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ELOOP: "a symbolic link, not followed",
}


class Tree(Protocol):
    """A tree of files; paths have no leading slash. ``live`` says that it is this machine's."""

    live: bool

    def read(self, path: str, limit: int = LIMIT) -> Fact[bytes]:
        """Return at most ``limit`` bytes of a regular file; more is a reason, not a value."""
        ...

    def names(self, path: str) -> tuple[str, ...]:
        """Return the names in a folder, numbers in their order; none where it cannot be read."""
        ...


class Folder:
    """A folder: "/" is this machine, every other one a saved tree."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise HostError("it is no folder", str(root))
        self.live = self.root.resolve() == Path("/")
        self._plain: dict[str, bool] = {}

    def read(self, path: str, limit: int = LIMIT) -> Fact[bytes]:
        where, now = f"/{path}", time.time()
        if not self.live and not self._inside(os.path.dirname(path)):
            return lost(where, "behind a symbolic link, not followed")
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        flags |= 0 if self.live else os.O_NOFOLLOW
        try:
            file = os.open(self.root / path, flags)
        except (OSError, ValueError) as error:
            return lost(where, reason(error))
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return lost(where, "not a regular file")
            data = _bounded(file, limit + 1)
        except OSError as error:
            return lost(where, reason(error))
        finally:
            os.close(file)
        if len(data) > limit:
            return lost(where, f"longer than {limit} bytes")
        return Fact(data, where, when=now)

    def names(self, path: str) -> tuple[str, ...]:
        if not self.live and not self._inside(path):
            return ()
        found = []
        try:
            with os.scandir(self.root / path) as entries:
                for entry in entries:
                    found.append(entry.name)
                    if len(found) >= ENTRIES:
                        break
        except (OSError, ValueError):
            return ()
        return in_order(found)

    def _inside(self, path: str) -> bool:
        """Say whether no part of the path is a symbolic link, nor leads up."""
        if path in ("", "."):
            return True
        if path not in self._plain:
            above, name = os.path.split(path)
            plain = name != ".." and self._inside(above)
            self._plain[path] = plain and not _is_link(self.root / path)
        return self._plain[path]


def _is_link(path: Path) -> bool:
    """Say whether a path is a symbolic link; one that cannot be looked at is not opened either."""
    try:
        return path.is_symlink()
    except OSError:
        return False


def _bounded(file: int, most: int) -> bytes:
    """Read to the end, or ``most`` bytes; files of /proc do not say how long they are."""
    parts: list[bytes] = []
    while most > 0 and (part := os.read(file, min(most, 1 << 16))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def reason(error: OSError | ValueError) -> str:
    """Say in a few words why a file could not be read."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _REASONS:
        return _REASONS[number]
    return os.strerror(number) if number is not None else "not a valid path"


def in_order(names: list[str]) -> tuple[str, ...]:
    """Return names sorted, with the numbers in them by value: cpu2 before cpu10."""
    return tuple(sorted(names, key=lambda n: [(len(p), p) for p in _NUMBER.split(n)]))


def text(tree: Tree, path: str, limit: int = LIMIT) -> Fact[str]:
    """Return a file as text, without line end and trailing NULs; other bytes are kept escaped.

    The kernel ends every line. A last line without an end is part of one, in a tree that was
    damaged: "0-1" may have been "0-15". It is left out, and a file of nothing else is not known.
    """
    found = tree.read(path, limit)
    if found.value is None:
        return lost(found.where, found.why)
    whole, end, rest = found.value.rstrip(b"\0").rpartition(b"\n")
    if not end:
        return lost(found.where, "cut short: its line has no end" if rest else "empty")
    value = whole.decode("utf-8", "backslashreplace").rstrip("\0\n")
    return Fact(value, found.where, when=found.when)


def head(tree: Tree, path: str, most: int) -> Fact[str]:
    """Return the beginning of a text file that may be long, such as /proc/cpuinfo."""
    whole = text(tree, path, 64 << 20)
    return Fact(whole.value[:most], whole.where, when=whole.when) if whole.value else whole
