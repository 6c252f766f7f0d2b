"""The pages of one cpu in a trace.dat file, a few at a time."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from vmlitmus.errors import RecordingError
from vmlitmus.trace.dat.container import Container, Stored, unpack


class Pages:
    """Gives the bytes of a cpu's pages one after the other; ``damaged`` says why it ended early."""

    def __init__(self, file: BinaryIO, container: Container, stored: Stored, place: str) -> None:
        self._file = file  # kept open
        self._fd = file.fileno()
        self._container = container
        self._place = f"{place}: cpu {stored.cpu}"
        length = os.fstat(self._fd).st_size
        self._at = min(stored.offset, length)
        self._end = min(stored.offset + stored.size, length)
        self.damaged: str | None = None
        if self._end < stored.offset + stored.size:
            self.damaged = (
                f"{self._place}: {stored.size} bytes at {stored.offset:#x} are said to be there, "
                f"the file ends at {self._end:#x}"
            )
        self._packed = container.compression != "none" and stored.size > 0
        if self._packed:  # the size does not count the word that says how many chunks there are
            self._end = min(self._end + 4, length)
        self._rest = memoryview(b"")
        self._chunks = self._count_chunks() if self._packed else 0

    def _count_chunks(self) -> int:
        """Read how many chunks there are: the first word of a cpu's data."""
        word = os.pread(self._fd, 4, self._at)
        self._at += 4
        return self._word(word) if len(word) == 4 else 0

    def _word(self, data: bytes) -> int:
        return int.from_bytes(data[::-1] if self._container.swapped else data, sys.byteorder)

    def read_into(self, room: memoryview) -> int:
        """Fill the room as far as there is data; return how many bytes were written."""
        if self._packed:
            return self._unpack_into(room)
        size = min(len(room), max(self._end - self._at, 0))
        done = 0
        while done < size:
            got = os.preadv(self._fd, [room[done:size]], self._at + done)
            if got == 0:
                break
            done += got
        self._at += done
        return done

    def _unpack_into(self, room: memoryview) -> int:
        done = 0
        while done < len(room):
            if not self._rest:
                self._rest = memoryview(self._chunk())
                if not self._rest:
                    break
            part = self._rest[: len(room) - done]
            room[done : done + len(part)] = part
            self._rest = self._rest[len(part) :]
            done += len(part)
        return done

    def _chunk(self) -> bytes:
        if self._chunks == 0:
            return b""
        self._chunks -= 1
        head = os.pread(self._fd, 8, self._at)
        packed, size = self._word(head[:4]), self._word(head[4:])
        if len(head) < 8 or packed > self._end - self._at - 8:
            return self._stop("a chunk goes beyond the end")
        self._at += 8
        data = os.pread(self._fd, packed, self._at)
        self._at += packed
        try:
            return unpack(data, size, self._container.compression, self._place)
        except RecordingError as error:
            return self._stop(str(error))

    def _stop(self, why: str) -> bytes:
        self.damaged = why
        self._chunks = 0
        return b""
