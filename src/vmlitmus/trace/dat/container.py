"""The container of a trace.dat file: what stands around the ring-buffer pages.

Versions 6 and 7 of trace-cmd, either byte order, sections plain or compressed.
Source: trace-cmd's Documentation/trace-cmd/trace-cmd.dat.v{6,7}.5.txt, version 3.1.6.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from vmlitmus.errors import RecordingError
from vmlitmus.trace.opened import packing_errors, zstd_decompressor
from vmlitmus.trace.tracepoints.formats import Field, Format, parse_fields, parse_format

MAGIC = b"\x17\x08\x44tracing"
LARGEST = 256 << 20  # bytes of a section or a chunk of data when unpacked
_CPUS = 1 << 16
_PAGES = range(1 << 10, (1 << 20) + 1)
# Sections and options of version 7, and options of version 6.
(_DONE, _CPUSTAT, _BUFFER, _CLOCK, _UNAME, _CPUCOUNT, _GUEST) = (0, 2, 3, 4, 5, 8, 13)
_TSC2NSEC, _HEADER, _FTRACE, _FORMATS, _CMDLINES = 14, 16, 17, 18, 21


@dataclass(frozen=True)
class Stored:
    """Where one cpu's pages stand: ``offset`` and ``size`` in bytes of the file."""

    cpu: int
    offset: int
    size: int


@dataclass
class Buffer:
    """A ring buffer (the top one has no name): its clock, page size in bytes and cpus."""

    name: str
    clock: str
    page_size: int
    cpus: list[Stored] = field(default_factory=list)


@dataclass
class Container:
    """All that the file says besides the events."""

    swapped: bool
    long_size: int
    version: int
    compression: str = "none"
    header: dict[str, Field] = field(default_factory=dict)
    formats: list[Format] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    buffers: list[Buffer] = field(default_factory=list)
    clock: str = ""
    uname: str = ""
    stats: list[str] = field(default_factory=list)
    guests: dict[str, dict[int, int]] = field(default_factory=dict)  # name -> vcpu -> tid
    scale: tuple[int, int] | None = None  # multiplier and shift: ticks of the clock to ns
    cpus: int = 0  # how many were recorded; 0 where it does not say
    damage: list[str] = field(default_factory=list)


class _Cursor:
    """Reads numbers and strings one after the other, from a file or from bytes."""

    def __init__(self, data: BinaryIO | bytes, order: str, place: str) -> None:
        self.data = data
        self.order = order
        self.place = place
        self.at = 0
        self.end = len(data) if isinstance(data, bytes) else os.fstat(data.fileno()).st_size

    def take(self, size: int) -> bytes:
        if size > self.end - self.at or size > LARGEST:
            there = max(self.end - self.at, 0)
            raise RecordingError(
                f"{size} bytes are said to follow, {there} do: damaged, or cut short", self.where()
            )
        if isinstance(self.data, bytes):
            taken = self.data[self.at : self.at + size]
        else:
            taken = os.pread(self.data.fileno(), size, self.at)
        self.at += size
        return taken

    def where(self) -> str:
        return f"{self.place}: offset {self.at:#x}"

    def skip(self, size: int) -> None:
        self.at = min(self.at + size, self.end)

    def number(self, code: str) -> int:
        (value,) = struct.unpack(self.order + code, self.take(struct.calcsize(code)))
        return int(value)

    def text(self) -> str:
        """Read a string that ends with a NUL, of at most 255 bytes."""
        taken = bytearray()
        while (byte := self.take(1)) != b"\0":
            taken += byte
            if len(taken) > 255:
                raise RecordingError("a name has no end", self.where())
        return taken.decode("utf-8", "replace")


def read_container(file: BinaryIO, place: str) -> Container:
    """Read everything but the pages. Raises RecordingError where nothing could be made of it."""
    cursor = _Cursor(file, "<", place)
    cursor.take(len(MAGIC))
    version = cursor.text()
    endian, long_size = cursor.take(1)[0], cursor.take(1)[0]
    if version not in ("6", "7"):
        raise RecordingError(f"trace.dat version {version!r}; known: 6, 7", place)
    if endian > 1 or long_size not in (4, 8):
        raise RecordingError(
            f"byte order {endian} or size of long {long_size} is not possible", cursor.where()
        )
    cursor.order = ">" if endian else "<"
    found = Container(bool(endian) != _native_big(), long_size, int(version))
    page_size = _page_size(cursor.number("I"), cursor)
    if version == "6":
        _read_6(found, cursor, page_size)
    else:
        _read_7(found, cursor, page_size)
    if not found.header:
        found.header = {"commit": Field(8, long_size, True, False)}
    return found


def _native_big() -> bool:
    return struct.pack("=H", 1) == b"\0\1"


def _page_size(size: int, cursor: _Cursor) -> int:
    if size not in _PAGES or size & (size - 1):
        raise RecordingError(f"a page size of {size} bytes is not possible", cursor.where())
    return size


def _read_6(found: Container, cursor: _Cursor, page_size: int) -> None:
    _header_info(found, cursor)
    _ftrace_events(found, cursor)
    _event_formats(found, cursor)
    cursor.skip(cursor.number("I"))  # kallsyms
    cursor.skip(cursor.number("I"))  # formats of trace_printk
    _cmdlines(found, cursor)
    found.cpus = cursor.number("I")
    instances = []
    word = cursor.take(10)
    if word.startswith(b"options"):
        for number, data in _options_6(cursor):
            if number == _BUFFER:
                instances.append((data.number("Q"), data.text()))
            else:
                _option(found, number, data)
        word = cursor.take(10)
    _pages_6(found, cursor, word, Buffer("", found.clock, page_size))
    for offset, name in instances:
        cursor.at = offset
        _pages_6(found, cursor, cursor.take(10), Buffer(name, found.clock, page_size))


def _pages_6(found: Container, cursor: _Cursor, word: bytes, buffer: Buffer) -> None:
    if not word.startswith(b"flyrecord"):
        shown = repr(word.decode("utf-8", "replace"))
        raise RecordingError(
            f"section {shown} where 'flyrecord' was expected (a latency trace has no pages)",
            cursor.where(),
        )
    if found.cpus > _CPUS:
        raise RecordingError(f"{found.cpus} cpus are not possible", cursor.where())
    for cpu in range(found.cpus):
        buffer.cpus.append(Stored(cpu, cursor.number("Q"), cursor.number("Q")))
    found.buffers.append(buffer)


def _options_6(cursor: _Cursor) -> Iterator[tuple[int, _Cursor]]:
    while number := cursor.number("H"):
        data = cursor.take(cursor.number("I"))
        yield number, _Cursor(data, cursor.order, cursor.place)


def _read_7(found: Container, cursor: _Cursor, page_size: int) -> None:
    found.compression = cursor.text()
    cursor.text()  # the compressor's version
    sections: dict[int, int] = {}
    offset, seen = cursor.number("Q"), set()
    while offset and offset not in seen:
        seen.add(offset)
        options = _section(found, cursor, offset, _DONE)
        offset = 0
        while options.at < options.end:
            number = options.number("H")
            data = _Cursor(options.take(options.number("I")), cursor.order, cursor.place)
            if number == _DONE:
                offset = data.number("Q") if data.end >= 8 else 0
                break
            if number == _BUFFER:
                found.buffers.append(_buffer_7(data, page_size))
            elif number >= _HEADER:
                sections[number] = data.number("Q")
            else:
                _option(found, number, data)
    for number, read in _SECTIONS.items():
        if number in sections:
            _optional(found, cursor, sections[number], number, read)


def _optional(found: Container, cursor: _Cursor, offset: int, number: int, read: object) -> None:
    """Read a section; where it is damaged, say so and go on with what there is."""
    try:
        read(found, _section(found, cursor, offset, number))  # type: ignore[operator]
    except RecordingError as error:
        found.damage.append(str(error))


def _section(found: Container, cursor: _Cursor, offset: int, expected: int) -> _Cursor:
    """Return a cursor on a section's contents."""
    cursor.at = offset
    number, flags = cursor.number("H"), cursor.number("H")
    cursor.number("I")  # its description, in the strings
    size = cursor.number("Q")
    if number != expected:
        raise RecordingError(f"section {number} where {expected} should be", cursor.where())
    if not flags & 1:
        return _Cursor(cursor.take(size), cursor.order, cursor.place)
    packed, whole = cursor.number("I"), cursor.number("I")
    data = unpack(cursor.take(packed), whole, found.compression, cursor.where())
    return _Cursor(data, cursor.order, cursor.place)


def unpack(packed: bytes, size: int, compression: str, place: str) -> bytes:
    """Unpack a section or a chunk that says it has ``size`` bytes."""
    if size > LARGEST:
        raise RecordingError(f"{size} bytes when unpacked; at most {LARGEST} are read", place)
    try:
        if compression == "zlib":
            data = zlib.decompressobj().decompress(packed, size)
        elif compression == "zstd":
            decompressor: object = zstd_decompressor(place)
            with decompressor.stream_reader(packed) as reader:  # type: ignore[attr-defined]
                data = reader.read(size)
        else:
            raise RecordingError(f"compression {compression!r}; known: none, zlib, zstd", place)
    except packing_errors() as error:
        raise RecordingError(f"its packing is damaged: {error}", place) from error
    if len(data) != size:
        raise RecordingError(f"{len(data)} bytes when unpacked, not {size}", place)
    return data


def _buffer_7(data: _Cursor, page_size: int) -> Buffer:
    data.number("Q")  # where its section stands; the cpus say where their pages are
    name, clock = data.text(), data.text()
    buffer = Buffer(name, clock, _page_size(data.number("I") or page_size, data))
    for _ in range(min(data.number("I"), _CPUS)):
        cpu, offset, size = data.number("I"), data.number("Q"), data.number("Q")
        buffer.cpus.append(Stored(cpu, offset, size))
    return buffer


def _header_info(found: Container, cursor: _Cursor) -> None:
    for name in ("header_page", "header_event"):
        word = cursor.text()
        if word != name:
            raise RecordingError(f"{word!r} where {name!r} should be", cursor.where())
        text = cursor.take(cursor.number("Q"))
        if name == "header_page":
            found.header = parse_fields(text)


def _ftrace_events(found: Container, cursor: _Cursor) -> None:
    for _ in range(cursor.number("I")):
        _keep_format(found, cursor.take(cursor.number("Q")))


def _event_formats(found: Container, cursor: _Cursor) -> None:
    for _ in range(cursor.number("I")):
        cursor.text()  # the system
        _ftrace_events(found, cursor)


def _keep_format(found: Container, text: bytes) -> None:
    parsed = parse_format(text)
    if parsed is not None:
        found.formats.append(parsed)


def _cmdlines(found: Container, cursor: _Cursor) -> None:
    for line in cursor.take(cursor.number("Q")).split(b"\n"):
        task, _, name = line.partition(b" ")
        if task.isdigit() and len(task) < 10:
            found.names[int(task)] = name.decode("utf-8", "replace")


def _option(found: Container, number: int, data: _Cursor) -> None:
    if number == _CLOCK:
        found.clock = clock_in_use(_string(data))
    elif number == _UNAME:
        found.uname = _string(data)
    elif number == _CPUCOUNT:
        found.cpus = data.number("I")
    elif number == _CPUSTAT:
        found.stats.append(_string(data))
    elif number == _GUEST:
        name, _, count = data.text(), data.number("Q"), data.number("I")
        pairs = ((data.number("I"), data.number("I")) for _ in range(min(count, _CPUS)))
        found.guests[name] = dict(pairs)
    elif number == _TSC2NSEC:
        multiplier, shift = data.number("I"), data.number("I")
        found.scale = (multiplier, shift) if multiplier and shift < 64 else None


def _string(data: _Cursor) -> str:
    return data.take(data.end).rstrip(b"\0").decode("utf-8", "replace")


def clock_in_use(text: str) -> str:
    """Return the clock that the text of ``trace_clock`` marks: "local [global] mono"."""
    marked = text.partition("[")[2].partition("]")[0]
    return marked or text.strip()


_SECTIONS = {
    _HEADER: _header_info,
    _FTRACE: _ftrace_events,
    _FORMATS: _event_formats,
    _CMDLINES: _cmdlines,
}
