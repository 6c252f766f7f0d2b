"""A saved tree in one file: tar, plain or packed with gzip or zstd.

An archive comes from somebody else: only regular files are taken, of bounded number and size, and
nothing is unpacked to disk.
"""

from __future__ import annotations

import gzip
import io
import posixpath
import tarfile
from pathlib import Path
from typing import IO, Any, cast

from vmlitmus.errors import HostError
from vmlitmus.host.fact import Fact, lost
from vmlitmus.host.saved.saving import UNREAD, parse_unread
from vmlitmus.host.tree import LIMIT, Folder, Tree, in_order

MEMBERS = 1 << 20
TOTAL = 512 << 20  # bytes of all files together
FILE = 64 << 20  # bytes of one file
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def open_tree(root: str | Path) -> Tree:
    """Return the tree of a folder or of an archive; raises HostError where it is neither."""
    path = Path(root)
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        raise HostError("neither a folder nor an archive", str(root))
    return Archive(path)


class Archive:
    """The files of an archive, held in memory."""

    live = False

    def __init__(self, path: Path) -> None:
        self.files: dict[str, bytes] = {}
        self.skipped: dict[str, str] = {}
        self._folders: dict[str, set[str]] = {}
        try:
            with path.open("rb") as raw, _unpacked(raw) as stream:
                self._take(_Bounded(stream, TOTAL), str(path))
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            raise HostError(f"not a readable archive: {error}", str(path)) from None

    def _take(self, stream: _Bounded, path: str) -> None:
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
            for number, member in enumerate(archive):
                if number >= MEMBERS:
                    raise HostError(f"more than {MEMBERS} entries", path)
                name = posixpath.normpath(member.name).lstrip("/")
                if member.isdir():
                    continue
                if not member.isreg() or name.startswith(".."):
                    self.skipped[name] = "not a regular file of the tree, left out"
                    continue
                content = archive.extractfile(member)
                if member.size > FILE:
                    self.skipped[name] = f"longer than {FILE} bytes"
                    self._place(name)
                else:
                    self.add(name, content.read() if content else b"")
        for name, why in parse_unread(self.files.get(UNREAD, b"")).items():
            self.skipped[name] = why
            self._place(name)

    def add(self, name: str, content: bytes) -> None:
        self.files[name] = content
        self._place(name)

    def _place(self, name: str) -> None:
        """Show a file in its folder, and the folder in the one above."""
        while name:
            above, last = posixpath.split(name)
            known = self._folders.setdefault(above, set())
            if last in known:
                return
            known.add(last)
            name = above

    def read(self, path: str, limit: int = LIMIT) -> Fact[bytes]:
        where = f"/{path}"
        found = self.files.get(path)
        if found is None:
            return lost(where, self.skipped.get(path, "absent"))
        if len(found) > limit:
            return lost(where, f"longer than {limit} bytes")
        return Fact(found, where)

    def names(self, path: str) -> tuple[str, ...]:
        return in_order(list(self._folders.get(path, ())))


def _unpacked(raw: IO[bytes]) -> Any:
    """Return a stream of the plain tar; zstd needs a package that is imported only here."""
    magic = raw.read(4)
    raw.seek(0)
    if magic.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw)
    if magic == _ZSTD:
        import zstandard

        return zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw)
    return raw


class _Bounded:
    """A stream that ends with an error after a number of bytes: no bomb fills the memory."""

    def __init__(self, stream: Any, most: int) -> None:
        self.stream = stream
        self.left = most

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self.stream.read(size)
        except (OSError, EOFError):
            raise
        except Exception as error:  # zstandard and zlib have errors of their own
            raise OSError(f"{type(error).__name__}: {error}") from None
        self.left -= len(data)
        if self.left < 0:
            raise OSError(f"more than {TOTAL >> 20} MiB unpacked")
        return data


def archived(name: str, files: dict[str, bytes], when: int) -> bytes:
    """Return files as tar.zst, .tar.gz or .tar by the name's end; ``when`` is in seconds UTC."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file, content in files.items():
            entry = tarfile.TarInfo(file)
            entry.size, entry.mtime, entry.mode = len(content), when, 0o644
            archive.addfile(entry, io.BytesIO(content))
    data = plain.getvalue()
    if name.endswith((".zst", ".tzst")):
        import zstandard

        data = zstandard.ZstdCompressor(level=9).compress(data)
    elif name.endswith((".gz", ".tgz")):
        data = gzip.compress(data, mtime=when)
    return data
