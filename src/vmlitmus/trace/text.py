"""Recordings as text: ftrace's own, trace-cmd report, perf script."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from typing import BinaryIO

from vmlitmus.errors import RecordingError
from vmlitmus.trace.dat.streams import Tables
from vmlitmus.trace.decoders.compiled import (
    LINE_ROW,
    LINE_SLOTS,
    MOST_CPUS,
    TYPE_SLOTS,
    WORD_SLOTS,
    line_decoder,
)
from vmlitmus.trace.events import NONE, RECORD, SIZE, WORDS, Batch, Kind, Loss, Stretch
from vmlitmus.trace.opened import packing_errors
from vmlitmus.trace.tracepoints.tables import (
    PRINTED,
    ROWS,
    SVM,
    SVM_REASONS,
    TRACE_CMD_REASONS,
    VMX,
    VMX_REASONS,
    Row,
)

_AT = {name: n for n, name in enumerate(LINE_SLOTS)}
_BLOCK = 1 << 20  # bytes read at a time, and the longest line
_ROOM = 1 << 14  # records of a batch
_OF_A_LINE = MOST_CPUS // 128  # records that one line may give
_MOST_DAMAGED = 100_000  # lines that cannot be read, after which a file is read no further
_ALL = (1 << 64) - 1
EVERY_CPU = 0xFFFFFFFF  # the cpu of an event LOST that may be of any

_FTRACE = re.compile(rb"^.{16,}-\d+\s+(?:\([\d\s-]{7,}\)\s+)?\[\d+\]\s+(?:\S+\s+)?[\d.]+: ", re.M)
_PERF = re.compile(rb"^.{16,}\s-?\d+(?:/-?\d+)?\s+\[\d+\]\s+[\d.]+:\s+\S+: ", re.M)
_ENTRIES = re.compile(rb"entries-in-buffer/entries-written: (\d{1,18})/(\d{1,18})\b")
_ONLINE = re.compile(rb"^#.*#P:(\d{1,4})\)?\s*$", re.M)  # cpus online when ftrace printed it
_BUFFERS = re.compile(rb"^cpus=(\d{1,4})$", re.M)  # cpus that trace-cmd has recorded
_LOST_LINE = re.compile(
    rb"CPU:\s*(\d{1,4}) \[(?:LOST (\d{1,18}) EVENTS|(?:(\d{1,18}) )?EVENTS DROPPED)\]"
)  # a longer number is no count: the line cannot be read
_NO_EVENT = re.compile(
    rb"\s*$|\s*#|cpus=\d+$|version = \d|\s+=> |.*<stack trace>$|.*: *\[EVENTS DROPPED\]$"
    rb"|\s+[0-9a-f]+ "
)

SPECIAL: dict[str, Row] = {
    "sys_prctl(": Row(Kind.PRCTL_ENTRY, (), ("+#option: ", "+#arg2: ", "+#arg3: ")),
    "sys_prctl": Row(Kind.PRCTL_EXIT, (), ("+-> ",)),
    "PERF_RECORD_LOST": Row(Kind.LOST, (), ("+lost ",)),
}


def open_text(stream: BinaryIO, place: str) -> TextStream:
    """Say what kind of text this is, of its beginning. Raises RecordingError."""
    start = stream.peek(1 << 16)  # type: ignore[attr-defined]
    if not start:
        raise RecordingError("it is empty", place)
    ftrace, perf = (len(p.findall(start)) for p in (_FTRACE, _PERF))
    if ftrace == perf == 0:
        line = next((x for x in start.splitlines() if x.strip() and x[:1] != b"#"), b"")
        if not line and start.startswith(b"# tracer:"):
            return TextStream(stream, place, start, perf=False)
        raise RecordingError(
            "neither trace.dat nor a line of ftrace, trace-cmd report or perf script in its "
            "beginning" + (f": {line[:60].decode()!r}" if line.isascii() else ""),
            place,
        )
    return TextStream(stream, place, start, perf=perf > ftrace)


class TextStream:
    """Events of text, as batches in the order of the file."""

    def __init__(self, stream: BinaryIO, place: str, start: bytes, *, perf: bool) -> None:
        self.format = "perf script" if perf else "ftrace text"
        self.online, self.buffers = (_count(said, start) for said in (_ONLINE, _BUFFERS))
        self.notes: list[str] = []
        self.tables = Tables()
        self.lost: dict[int, tuple[int, int]] = {}  # cpu -> events lost, times it is not said
        self.damaged = 0
        self.missing = 0  # events that were written and are no longer in the buffer
        self._stream = stream
        self._place = place
        self._names: list[str] = ["other"]
        self._last = 0
        self._keys: list[ctypes.Array[ctypes.c_char]] = []
        self._bytes = (ctypes.c_char * (2 * _BLOCK))()
        self._view = memoryview(self._bytes).cast("B")
        self._out = (ctypes.c_uint64 * (WORDS * (_ROOM + _OF_A_LINE)))()
        self._stretches = (ctypes.c_uint64 * (4 * MOST_CPUS))()
        self._types = (ctypes.c_uint64 * (2 * TYPE_SLOTS))()
        self._words = self._word_table()
        self._fresh = (ctypes.c_uint64 * 128)()
        self._context = (ctypes.c_uint64 * len(LINE_SLOTS))()
        self._set(
            OUT=ctypes.addressof(self._out),
            ROOM=_ROOM,
            TYPES=ctypes.addressof(self.tables.types),
            COUNTS=ctypes.addressof(self.tables.counts),
            NAMES=ctypes.addressof(self.tables.names),
            STRETCHES=ctypes.addressof(self._stretches),
            TYPE_TABLE=ctypes.addressof(self._types),
            WORDS_TABLE=ctypes.addressof(self._words),
            FRESH=ctypes.addressof(self._fresh),
            PERF=int(perf),
        )
        for name, row in (ROWS | SPECIAL).items():
            _insert(self._types, TYPE_SLOTS, name.encode(), len(self._names))
            self.tables.types[len(self._names)] = self._row(name, row)
            self._names.append(name)
        self._set(NEXT_TYPE=len(self._names))

    def _set(self, **slots: int) -> None:
        for name, value in slots.items():
            self._context[_AT[name]] = value & _ALL

    def _key(self, text: bytes) -> int:
        kept = ctypes.create_string_buffer(text)
        self._keys.append(kept)
        return ctypes.addressof(kept)

    def _row(self, name: str, row: Row) -> int:
        """Make the decoder's row for an event; return its address."""
        words = dict.fromkeys(LINE_ROW, 0)
        words["KIND"] = int(row.kind)
        for part, key in zip("ABC", row.keys, strict=False):
            from_left, text = key.startswith("+"), key.lstrip("+")
            hexadecimal, text = text.startswith("#"), text.lstrip("#")
            words[part] = self._key(text.encode())
            words[f"{part}_HOW"] = len(text) | int(from_left) << 8 | int(hexadecimal) << 9
        if row.kind in (Kind.WAKEUP, Kind.WAKEUP_NEW, Kind.WAKING):
            words["SHORT"] = self._key(b"CPU:")
        for part, text in _SWITCH_KEYS.items():
            words[part] = self._key(text.encode())
        return self.tables.add_row([words[part] for part in LINE_ROW])

    def _word_table(self) -> ctypes.Array[ctypes.c_uint64]:
        table = (ctypes.c_uint64 * (2 * WORD_SLOTS))()
        for isa, names in ((SVM, SVM_REASONS | TRACE_CMD_REASONS), (VMX, VMX_REASONS)):
            for name, number in names.items():
                _insert(table, WORD_SLOTS, name.encode(), isa << 32 | number)
        for name, number in PRINTED.items():
            _insert(table, WORD_SLOTS, name.encode(), number)
        return table

    def batches(self, wanted: int) -> Iterator[Batch]:
        """Return all events of the wanted kinds (a bit each) in the order of the file."""
        self._set(WANTED=wanted)
        take = line_decoder()
        start = ctypes.addressof(self._bytes)
        held = 0
        ended = False
        while not ended:
            got = self._read(held)
            ended = got == 0
            held += got
            if ended and held:
                self._view[held] = 10
                held += 1
            whole = bytes(self._view[:held]).rfind(b"\n") + 1
            at, end = start, start + whole
            while at < end:
                at = take(ctypes.addressof(self._context), at, end)
                yield from self._taken()
                if self.damaged > _MOST_DAMAGED:
                    told = f"{self.damaged} lines cannot be read: what follows them is not read"
                    self.notes.append(f"{self._place}: {told}")
                    return
            if whole == 0 and held >= _BLOCK:
                self._damage("a line of more than a MiB")
                held = 0
                continue
            rest = held - whole
            self._view[:rest] = bytes(self._view[whole:held])
            held = rest

    def _read(self, held: int) -> int:
        room = self._view[held : held + _BLOCK - 1]
        try:
            return int(self._stream.readinto(room) or 0)  # type: ignore[attr-defined]
        except packing_errors() as error:
            self._damage(f"its packing is damaged from here on: {error}")
            return 0

    def _damage(self, why: str) -> None:
        self.damaged += 1
        if len(self.notes) < 20:
            self.notes.append(f"{self._place}: {why}")

    def _taken(self) -> Iterator[Batch]:
        """Give out what was decoded; lines that were not read are looked at here."""
        self._name_types()
        count = int(self._context[_AT["COUNT"]])
        self._set(COUNT=0)
        view = memoryview(self._out).cast("B")
        if count:
            if int(Kind.UNPARSED) in {r[1] for r in RECORD.iter_unpack(view[: SIZE * count])}:
                count = self._look_again(view, count)
            yield Batch(view, count)

    def _look_again(self, view: memoryview, count: int) -> int:
        """Replace records of lines that were not read by events LOST, or drop them."""
        kept = 0
        for record in list(RECORD.iter_unpack(view[: SIZE * count])):
            following: tuple[int, ...] | None = record
            if record[1] == Kind.UNPARSED:
                following = self._loss(ctypes.string_at(record[5], record[6]))
            else:
                self._last = record[0]
            if following is not None:
                RECORD.pack_into(view, SIZE * kept, *following)
                kept += 1
        return kept

    def _loss(self, line: bytes) -> tuple[int, ...] | None:
        found = _LOST_LINE.search(line)
        if found is not None:
            cpu, count = int(found[1]), int(found[2] or found[3] or NONE)
            lost, unsaid = self.lost.get(cpu, (0, 0))
            self.lost[cpu] = (lost, unsaid + 1) if count == NONE else (lost + count, unsaid)
            why = Loss.OVERWRITTEN
        elif (entries := _ENTRIES.search(line)) is not None:
            self.missing = max(int(entries[2]) - int(entries[1]), 0)
            return None
        elif _NO_EVENT.match(line):
            return None
        else:
            cpu, count, why = EVERY_CPU, NONE, Loss.DAMAGED
            self._damage(f"a line cannot be read: {line[:80].decode('utf-8', 'replace')!r}")
        return (self._last, int(Kind.LOST), 0, cpu, NONE, count, self._last, int(why))

    def _name_types(self) -> None:
        """Learn the names of events that no table has and that were met for the first time."""
        fresh = int(self._context[_AT["FRESH_COUNT"]])
        for n in range(fresh):
            name = ctypes.string_at(self._fresh[2 * n], self._fresh[2 * n + 1]).decode(
                "utf-8", "backslashreplace"
            )
            self._names.append(name)
        self._set(FRESH_COUNT=0)

    def stretches(self) -> dict[int, Stretch]:
        """Return what is known of each cpu that has events."""
        found = {}
        for cpu in range(MOST_CPUS):
            first, last, events, backwards = self._stretches[4 * cpu : 4 * cpu + 4]
            lost, unsaid = self.lost.get(cpu, (0, 0))
            if events or lost or unsaid:
                seen = (first, last) if events else (None, None)
                found[cpu] = Stretch(seen[0], seen[1], events, lost, unsaid, 0, backwards)
        return found

    def all_cpus(self) -> frozenset[int] | None:
        """Return all cpus that the recording is of, as far as was read; None if it is not known."""
        if self.buffers:
            return frozenset(range(self.buffers))
        seen = frozenset(self.stretches())
        return seen if self.online and len(seen) >= self.online else None

    def counts(self) -> dict[str, int]:
        """Return how many events of each name there are."""
        found: dict[str, int] = {}
        for number, name in enumerate(self._names):
            if self.tables.counts[number]:
                found[name] = found.get(name, 0) + int(self.tables.counts[number])
        return found


def _count(said: re.Pattern[bytes], start: bytes) -> int:
    found = said.search(start)
    return int(found[1]) if found else 0


_SWITCH_KEYS = {
    "NEXT": " ==> next_comm=",
    "PREV": " prev_pid=",
    "STATE": " prev_state=",
    "PID": " next_pid=",
    "ARROW": " ==> ",
}


def _insert(table: ctypes.Array[ctypes.c_uint64], slots: int, word: bytes, value: int) -> None:
    mixed = 0xCBF29CE484222325
    for byte in word:
        mixed = (mixed ^ byte) * 0x100000001B3 & _ALL
    mixed |= 1
    slot = mixed % slots
    while table[2 * slot]:
        slot = (slot + 1) % slots
    table[2 * slot], table[2 * slot + 1] = mixed, value
