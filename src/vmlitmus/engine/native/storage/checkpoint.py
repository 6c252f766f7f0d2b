"""Checkpoints: what a search has found up to its last whole level, in files, to go on from there.

Each search has a folder. What only grows (states, families) is appended to a file each, as
it is found. At the end of a level ``manifest.json`` says how far each file counts, with a hash of
it, and holds the counters; it is put in place in one step. So a process may be killed at any
moment, and what stands in the files beyond what the manifest says is ignored.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from vmlitmus.engine import native
from vmlitmus.engine.limits import Checkpoints, Stopped
from vmlitmus.engine.native.storage.log_file import why
from vmlitmus.engine.native.storage.memory import Region
from vmlitmus.errors import VmlitmusError

_FORMAT = 1
_CHUNK = 1 << 22  # bytes that are read or written at a time
_SYNC = 2.0  # seconds between two times when the disk is waited for
_MANIFEST = "manifest.json"
_COUNTERS = (
    *("HEAD", "TAIL", "LEVEL_END", "DEPTH", "TRANSITIONS", "OBSERVED", "COUNTED", "NOTED"),
)
_ARRAYS = ("COVERAGE", "HITS", "MORE")  # regions of 64-bit numbers that are kept whole
_STREAMS = {  # regions that only grow: bytes of an entry (0: a state), and what counts them
    "LOG": (0, "TAIL"),
    "CHILDREN": (4, "NOTED"),
}


class CheckpointError(VmlitmusError):
    """A checkpoint cannot be used; the message says which one, and why."""

    exit_code = 2


class Kept(Protocol):
    """What a checkpoint asks of a search."""

    regions: dict[str, Region]
    words: int

    def get(self, name: str) -> int:
        """Return a counter."""

    def put(self, name: str, value: int) -> None:
        """Set a counter."""


class Checkpoint:
    """The files of one search; ``content`` stands for the model and all that the search goes by.

    Raises CheckpointError where the folder has something else, or is in use.
    """

    def __init__(self, asked: Checkpoints, content: bytes) -> None:
        self.name = ", ".join(asked.name) or "a search"
        self.folder = Path(asked.folder) / _slug(self.name)
        self.key = hashlib.sha256(b"%d\n" % _FORMAT + engine() + content).hexdigest()
        self.written: dict[str, int] = {}
        self.hashes: dict[str, Any] = {}
        self.depth: int | None = None
        self.synced = time.monotonic()
        there = (self.folder / _MANIFEST).exists()
        if there and not asked.resume:
            raise CheckpointError(
                f"--checkpoint {asked.folder}: has a checkpoint of {self.name}; go on from it with"
                f" --resume, or remove {self.folder}"
            )
        self._lock()
        try:
            self.manifest = self._read() if there else None
        except CheckpointError:
            os.close(self._locked)
            raise

    def _lock(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._locked = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._locked)
            raise CheckpointError(f"{self.folder}: another process searches with it") from None
        except OSError as error:
            raise CheckpointError(why(error, str(self.folder))) from None

    def _read(self) -> dict[str, Any]:
        """Return what the manifest says, checked."""
        try:
            text = (self.folder / _MANIFEST).read_bytes()
        except OSError as error:
            raise CheckpointError(why(error, str(self.folder))) from None
        seal, _, body = text.partition(b"\n")
        if seal.decode("ascii", "replace") != hashlib.sha256(body).hexdigest():
            raise self.damaged(_MANIFEST)
        found: dict[str, Any] = json.loads(body)
        if found["key"] != self.key:
            other = "" if found["version"] == _version() else f", {found['version']}"
            raise CheckpointError(
                f"{self.folder}: is a checkpoint of another model or test, or of another version of"
                f" vmlitmus{other}; only what made it can go on from it"
            )
        return found

    def damaged(self, name: str) -> CheckpointError:
        """Return the error that a file is not what was written."""
        return CheckpointError(
            f"{self.folder / name}: is damaged; remove {self.folder} to begin anew"
        )

    def restore(self, search: Kept, grow: Callable[[int], None]) -> None:
        """Bring a search that has only begun to where the checkpoint is.

        ``grow`` makes room for so many states, and is called before they are read. Raises
        CheckpointError for files that are not what was written.
        """
        assert self.manifest is not None
        for name, said in self.manifest["counters"].items():
            if name != "TAIL":
                search.put(name, said)
        for name, stream in self.manifest["streams"].items():
            self._load(search, name, stream, grow)
        for name, numbers in self.manifest["arrays"].items():
            for index, number in enumerate(numbers):
                search.regions[name].set_word(index, number)
        search.regions["LEVELS"].set_words32(0, self.manifest["levels"])
        self.depth = search.get("DEPTH")

    def _load(
        self, search: Kept, name: str, stream: Mapping[str, Any], grow: Callable[[int], None]
    ) -> None:
        """Read one file into its region, and cut off what is beyond the last whole level."""
        size, hashed = stream["size"], hashlib.sha256()
        try:
            with (self.folder / name.lower()).open("r+b") as file:
                at = 0
                while at < size:
                    data = file.read(min(_CHUNK, size - at))
                    if not data:
                        raise self.damaged(name.lower())
                    hashed.update(data)
                    if name == "LOG":
                        grow((at + len(data)) // (8 * search.words))
                    search.regions[name].write(at, data)
                    at += len(data)
                    if name == "LOG":
                        search.put("TAIL", at // (8 * search.words))
                file.truncate(size)
        except OSError as error:
            raise CheckpointError(why(error, str(self.folder / name.lower()))) from None
        if hashed.hexdigest() != stream["hash"]:
            raise self.damaged(name.lower())
        self.written[name], self.hashes[name] = size, hashed

    def note(self, search: Kept) -> None:
        """Write what is new, and at the end of a level note that it is whole.

        Raises Stopped where the disk is full; then the last level noted is kept.
        """
        try:
            for name, (entry, counter) in _STREAMS.items():
                size = (entry or 8 * search.words) * search.get(counter)
                self._append(name, search.regions[name], size)
            depth = search.get("DEPTH")
            ends = search.regions["LEVELS"].word32(depth - 1) if depth else -1
            if depth != self.depth and search.get("HEAD") == ends:
                self._seal(search)
        except OSError as error:
            raise Stopped(self._told(error)) from None

    def _told(self, error: OSError) -> str:
        kept = "nothing is kept" if self.depth is None else f"kept is all up to depth {self.depth}"
        return f"{why(error, str(self.folder.parent))}; {kept}"

    def _append(self, name: str, region: Region, size: int) -> None:
        """Append to a file what a region has beyond what was written."""
        at = self.written.get(name, 0)
        hashed = self.hashes.setdefault(name, hashlib.sha256())
        if name not in self.written:
            (self.folder / name.lower()).write_bytes(b"")
            self.written[name] = 0
        if at >= size:
            return
        with (self.folder / name.lower()).open("ab", buffering=0) as file:
            while at < size:
                data = region.read(at, min(_CHUNK, size - at))
                done = file.write(data)
                hashed.update(data[:done])
                at += done
                self.written[name] = at

    def _seal(self, search: Kept) -> None:
        """Note that all up to here is whole."""
        depth = search.get("DEPTH")
        body = json.dumps(
            {
                "key": self.key,
                "name": self.name,
                "version": _version(),
                "counters": {name: search.get(name) for name in _COUNTERS},
                "arrays": {name: search.regions[name].all_words() for name in _ARRAYS},
                "levels": search.regions["LEVELS"].words32(0, depth),
                "streams": {
                    name: {"size": self.written[name], "hash": hashed.copy().hexdigest()}
                    for name, hashed in self.hashes.items()
                },
            },
            separators=(",", ":"),
        ).encode()
        new = self.folder / (_MANIFEST + ".new")
        waits = time.monotonic() - self.synced > _SYNC
        if waits:
            for name in self.written:
                _sync(self.folder / name.lower())
        new.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        if waits:
            _sync(new)
            self.synced = time.monotonic()
        new.replace(self.folder / _MANIFEST)
        self.depth = depth

    def close(self) -> None:
        """Let the files go; those that nothing can go on from are removed."""
        if not (self.folder / _MANIFEST).exists():
            self.remove()
        with suppress(OSError):
            os.close(self._locked)

    def remove(self) -> None:
        """Remove the files: the search has its answer."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _slug(name: str) -> str:
    """Return a name for a folder, another one for each name."""
    plain = re.sub(r"[^\w.=,+-]+", "_", name)[:120].strip("_")
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _version() -> str:
    from importlib.metadata import version  # takes longer than all else that is imported here

    return version("vmlitmus")


@cache
def engine() -> bytes:
    """Return what stands for the code that makes a checkpoint."""
    found = hashlib.sha256()
    for path in sorted(Path(native.__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.digest()
