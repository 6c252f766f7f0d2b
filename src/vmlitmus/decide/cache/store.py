"""A folder of results, one file each, that only its owner may read or write.

Two processes may use it at once: a file is written beside its place and then renamed. What cannot
be read, or is not what was written, is decided again. Where the folder cannot be made or is open to
others, nothing is kept.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vmlitmus.decide.cache.record import Damaged, read, sealed, unsealed, written
from vmlitmus.outcome import Outcome

_MOST = 64 << 20  # bytes of all results together
_LARGEST = 4 << 20  # bytes of one result
_DAY = 86_400.0  # seconds after which a result that is used counts as used again


def folder() -> Path | None:
    """Return where this user's results are kept; None where there is no such place.

    A home that is not there is not made: services have /nonexistent, and it shall not exist.
    """
    given = os.environ.get("XDG_CACHE_HOME", "")
    if given and Path(given).is_absolute():
        return Path(given) / "vmlitmus" / "results"
    if os.environ.get("HOME") == "":  # which would be taken for the root
        return None
    try:
        home = Path.home()
    except RuntimeError:
        return None
    there = home.is_absolute() and home.is_dir()
    return home / ".cache" / "vmlitmus" / "results" if there else None


class Store:
    """The results in a folder; of more than ``most`` bytes those used last stay."""

    def __init__(self, place: Path | None, most: int = _MOST) -> None:
        self.place = place
        self.most = most
        self.wrote = False

    def open(self) -> Store | None:
        """Return the store if it can be used: its folder is there, and its owner's alone."""
        if self.place is None:
            return None
        try:
            self.place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                self.place.mkdir(mode=0o700)
            about = self.place.lstat()
        except OSError:
            return None
        own = stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()
        return self if own and not about.st_mode & 0o077 else None

    def _file(self, key: str, kind: str = "json") -> Path:
        assert self.place is not None
        return self.place / key[:2] / f"{key[2:]}.{kind}"

    def find(self, key: str, outcome: Outcome) -> Outcome | None:
        """Return an outcome with the result that is kept for a key; None where there is none."""
        file = self._file(key)
        record = _content(file)
        if record is None:
            return None
        try:
            result, decided = read(key, record)
        except Damaged:
            with suppress(OSError):
                file.unlink()
            return None
        return replace(outcome, result=result, kept=True, **decided)

    def keep(self, key: str, outcome: Outcome) -> None:
        """Keep the result of an outcome, if it is a verdict for good; do nothing on a full disk."""
        if outcome.conclusive:
            self._write(self._file(key), written(key, outcome))

    def note(self, key: str) -> str | None:
        """Return the text that is kept for a key; None where there is none."""
        found = _content(self._file(key, "note"))
        try:
            return unsealed(key, found).decode() if found is not None else None
        except Damaged:
            return None

    def keep_note(self, key: str, text: str) -> None:
        """Keep a text on one line for later checks; do nothing on a full disk."""
        self._write(self._file(key, "note"), sealed(key, text))

    def _write(self, file: Path, record: bytes) -> None:
        if len(record) > _LARGEST:
            return
        try:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            import tempfile

            handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".")
            try:
                with os.fdopen(handle, "wb") as opened:
                    opened.write(record)
                os.replace(temporary, file)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            self.wrote = True
        except OSError:
            return

    def close(self) -> None:
        """Remove the results used longest ago, and what others left unfinished, if it is much."""
        if not self.wrote:
            return
        found = sorted(self._files(), reverse=True)
        total = 0
        for at, size, path in found:
            total += size
            unfinished = path.name.startswith(".") and at < time.time() - _DAY
            if total > self.most or unfinished:
                with suppress(OSError):
                    path.unlink()

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each file was used last, its size and its path."""
        assert self.place is not None
        for path in self.place.glob("??/*"):
            with suppress(OSError):
                about = path.lstat()
                yield about.st_mtime, max(about.st_size, 4096), path


def _content(path: Path) -> bytes | None:
    """Return what is in a regular file of this user; None for anything else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        about = os.fstat(handle)
        mine = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid()
        if not mine or about.st_size > _LARGEST:
            return None
        if time.time() - about.st_mtime > _DAY:
            os.utime(handle)
        return os.read(handle, _LARGEST)
    except OSError:
        return None
    finally:
        os.close(handle)
