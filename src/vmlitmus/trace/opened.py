"""Opening a file whatever it is packed in: plain, gzip or zstd, a file or standard input.

Nothing is unpacked into memory as a whole. What has to be read by offset, and comes packed or from
a pipe, is unpacked into a nameless temporary file of at most ``SPILL`` bytes.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import tempfile
import zlib
from typing import BinaryIO, cast

from vmlitmus.errors import RecordingError

SPILL = 16 << 30  # bytes
_BLOCK = 1 << 20
_WINDOW = 1 << 27  # bytes of history that a zstd frame may ask for
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def open_unpacked(path: str) -> BinaryIO:
    """Return a stream of the file's contents, unpacked; ``-`` is standard input."""
    raw = sys.stdin.buffer if path == "-" else open(path, "rb")  # noqa: SIM115 - the reader's
    stream = (
        raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, raw))
    )
    start = stream.peek(4)[:4]
    if start.startswith(_GZIP):
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=stream))))
    if start == _ZSTD:
        return cast(BinaryIO, io.BufferedReader(_zstd_stream(stream, path)))
    return cast(BinaryIO, stream)


def zstd_decompressor(place: str) -> object:
    """Return a decompressor; raises RecordingError where the zstandard package is missing."""
    try:
        import zstandard
    except ImportError as missing:
        raise RecordingError(
            "this is packed with zstd: install the package zstandard, or unpack it with zstd -d",
            place,
        ) from missing
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW)


def _zstd_stream(stream: BinaryIO, place: str) -> io.RawIOBase:
    decompressor: object = zstd_decompressor(place)
    reader = decompressor.stream_reader(stream, read_across_frames=True)  # type: ignore[attr-defined]
    return cast(io.RawIOBase, reader)


def seekable(stream: BinaryIO, path: str) -> BinaryIO:
    """Return the stream itself if it can be read by offset, else a temporary copy of it."""
    plain = isinstance(stream, io.BufferedReader) and isinstance(stream.raw, io.FileIO)
    if plain and stream.seekable():
        return stream
    copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - lives as long as the reader
    total = 0
    while block := read_block(stream, path, _BLOCK):
        total += len(block)
        if total > SPILL:
            raise RecordingError(f"more than {SPILL >> 30} GiB when unpacked", path)
        copy.write(block)
    copy.flush()
    os.lseek(copy.fileno(), 0, os.SEEK_SET)
    copy.seek(0)
    return copy


def packing_errors() -> tuple[type[BaseException], ...]:
    """Return what the unpackers raise for damaged data."""
    known: list[type[BaseException]] = [EOFError, OSError, zlib.error]
    if "zstandard" in sys.modules:
        known.append(sys.modules["zstandard"].ZstdError)
    return tuple(known)


def read_block(stream: BinaryIO, path: str, size: int) -> bytes:
    """Read up to ``size`` bytes; damaged packing raises RecordingError."""
    try:
        return stream.read(size)
    except packing_errors() as error:
        raise RecordingError(f"its packing is damaged: {error}", path) from error
