"""Cpus of a trace.dat file: decoded a few pages at a time, and merged in order of time."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from vmlitmus.trace.dat.container import Buffer, Container
from vmlitmus.trace.dat.pages import Pages
from vmlitmus.trace.decoders.compiled import NAME_SIZE, NAME_SLOTS, SLOTS, merger, ring_decoder
from vmlitmus.trace.events import NONE, SIZE, WORDS, Batch, Kind, Loss, Stretch
from vmlitmus.trace.tracepoints.formats import row_words
from vmlitmus.trace.tracepoints.tables import ROWS

_AT = {name: n for n, name in enumerate(SLOTS)}
_ROOM = 1 << 14  # records of a batch
_MEMORY = 48 << 20  # bytes for the pages and records of all cpus
_LEAST = 4  # bytes of the smallest event on a page
_TYPES = 1 << 16


class Tables:
    """Memory that the decoder uses for all cpus: how to read each type, counts, names of tasks."""

    def __init__(self) -> None:
        self.types = (ctypes.c_uint64 * _TYPES)()
        self.counts = (ctypes.c_uint64 * _TYPES)()
        self.names = (ctypes.c_uint8 * (NAME_SLOTS * NAME_SIZE))()
        self._rows: list[Any] = []

    def add_row(self, words: list[int]) -> int:
        """Keep a row; return its address."""
        row = (ctypes.c_uint64 * len(words))(*words)
        self._rows.append(row)
        return ctypes.addressof(row)

    def entry(self, task: int) -> tuple[str, int] | None:
        """Return the last name of a task that was seen, and its tgid (0: not seen)."""
        start = (((task + 1) * 0x9E3779B97F4A7C15) & (1 << 64) - 1) >> 49
        for tries in range(64):
            at = NAME_SIZE * ((start + tries) % NAME_SLOTS)
            there = int.from_bytes(self.names[at : at + 8], "little")
            if there == task + 1:
                name = bytes(self.names[at + 8 : at + 24]).split(b"\0")[0]
                tgid = int.from_bytes(self.names[at + 24 : at + 32], "little")
                return name.decode("utf-8", "backslashreplace"), tgid
            if there == 0:
                break
        return None


class CpuStream:
    """One cpu: its context, its pages and the records decoded of them."""

    def __init__(
        self, container: Container, pages: Pages, cpu: int, page_size: int, held: int
    ) -> None:
        self.pages = pages
        self.cpu = cpu
        self._page_size = page_size
        self._held = held
        self._bytes = (ctypes.c_uint8 * (held * page_size))()
        self._view = memoryview(self._bytes).cast("B")
        commit = container.header.get("commit")
        header = 8 + (commit.size if commit is not None else container.long_size)
        most = held * ((page_size - header) // _LEAST + 2)
        self.records = (ctypes.c_uint64 * (WORDS * most))()
        self.context = (ctypes.c_uint64 * len(SLOTS))()
        self._decode = ring_decoder(swapped=container.swapped, long_size=header - 8, header=header)
        self._known = 0  # pages in the buffer
        self._ended = False
        self._fill(container, header)

    def _fill(self, container: Container, header: int) -> None:
        first = next((f.fields for f in container.formats if "common_pid" in f.fields), {})
        kind, pid = first.get("common_type"), first.get("common_pid")
        self._set(AT=ctypes.addressof(self._bytes), PAGE=self._page_size)
        self._set(OUT=ctypes.addressof(self.records), CPU=self.cpu, FIRST=NONE)
        self._set(TYPE_AT=kind.offset if kind else 0, PID_AT=pid.offset if pid else 4)
        self._set(HEAD_SIZE=(pid.offset + pid.size) if pid else 8)

    def attach(self, tables: Tables, wanted: int) -> None:
        """Give the stream the tables that all cpus share; ``wanted`` has a bit for each kind."""
        self._set(
            TYPES=ctypes.addressof(tables.types),
            COUNTS=ctypes.addressof(tables.counts),
            NAMES=ctypes.addressof(tables.names),
            WANTED=wanted,
        )

    def _set(self, **slots: int) -> None:
        for name, value in slots.items():
            self.context[_AT[name]] = value & (1 << 64) - 1

    def _get(self, name: str) -> int:
        return int(self.context[_AT[name]])

    def refill(self) -> bool:
        """Decode more pages; return whether there are records. The last page waits for the next."""
        self._set(COUNT=0, TAKEN=0)
        while self._get("COUNT") == 0 and not (self._ended and self._known == 0):
            start = self._known * self._page_size
            if not self._ended:
                got = self.pages.read_into(self._view[start:])
                self._ended = got < len(self._view) - start
                self._known += got // self._page_size
                if got % self._page_size:
                    self._cut_off()
            ready = self._known if self._ended else self._known - 1
            self._decode(ctypes.addressof(self.context), ready, self._known)
            if not self._ended:
                last = ready * self._page_size
                self._view[: self._page_size] = self._view[last : last + self._page_size]
            self._known -= ready
        if self._ended and self._known == 0 and self.pages.damaged:
            self._cut_off()
            self.pages.damaged = None
        return self._get("COUNT") > 0

    def _cut_off(self) -> None:
        """Add an event LOST at the end: the data stops before its end."""
        self._set(BROKEN=self._get("BROKEN") + 1)
        count = self._get("COUNT")
        time = self._get("TIME")
        head = int(Kind.LOST) | self.cpu << 32
        missing = NONE & (1 << 64) - 1
        words = [time, head, missing, missing, missing, int(Loss.DAMAGED)]
        if WORDS * (count + 1) <= len(self.records):
            for n, word in enumerate(words):
                self.records[WORDS * count + n] = word
            self._set(COUNT=count + 1)

    def stretch(self) -> Stretch:
        """Return what is known of the cpu's events so far."""
        first = self._get("FIRST")
        seen = first != NONE & (1 << 64) - 1
        return Stretch(
            first=first if seen else None,
            last=self._get("TIME") if seen else None,
            events=self._get("EVENTS"),
            lost=self._get("LOST"),
            unknown_losses=self._get("UNKNOWN"),
            damaged=self._get("BROKEN"),
        )


class DatStreams:
    """The cpus of one buffer, as batches in order of time."""

    def __init__(self, file: Any, container: Container, buffer: Buffer, place: str) -> None:
        self.tables = Tables()
        self.type_names = {f.number: f.name for f in container.formats}
        for known in container.formats:
            if known.name in ROWS:
                address = self.tables.add_row(row_words(known, ROWS[known.name]))
                self.tables.types[known.number] = address
        with_data = [s for s in buffer.cpus if s.size > 0]
        each = buffer.page_size * (1 + SIZE // _LEAST)
        held = max(2, min(64, _MEMORY // (each * max(len(with_data), 1))))
        self.cpus = {
            s.cpu: CpuStream(
                container, Pages(file, container, s, place), s.cpu, buffer.page_size, held
            )
            for s in with_data
        }
        self._count = container.cpus
        self.empty = [s.cpu for s in buffer.cpus if s.size == 0]
        self._scale = container.scale

    def batches(self, wanted: int) -> Iterator[Batch]:
        """Return all events of the wanted kinds (a bit each) in order of time."""
        for batch in self._merged(wanted):
            if self._scale is not None:
                self._scale_times(batch)
            yield batch

    def _scale_times(self, batch: Batch) -> None:
        words = batch.data.cast("Q")
        for at in range(0, WORDS * batch.count, WORDS):
            words[at] = self._in_ns(words[at])
            if words[at + 1] & 0xFFFF == Kind.LOST and words[at + 4] != NONE & (1 << 64) - 1:
                words[at + 4] = self._in_ns(words[at + 4])

    def _in_ns(self, ticks: int) -> int:
        """Return a time of the file's clock in ns: the file may say how long a tick is."""
        if self._scale is None:
            return ticks
        multiplier, shift = self._scale
        return (ticks * multiplier >> shift) & (1 << 63) - 1

    def _merged(self, wanted: int) -> Iterator[Batch]:
        for stream in self.cpus.values():
            stream.attach(self.tables, wanted)
        order, merge = merger()
        live = [s for s in self.cpus.values() if s.refill()]
        out = (ctypes.c_uint64 * (WORDS * _ROOM))()
        view = memoryview(out).cast("B")
        while live:
            size = len(live)
            streams = (ctypes.c_uint64 * size)(*[ctypes.addressof(s.context) for s in live])
            heap = (ctypes.c_uint64 * size)(*range(size))
            order(ctypes.addressof(streams), ctypes.addressof(heap), size)
            used_up = False
            filled = 0
            while not used_up:
                filled += merge(
                    ctypes.addressof(streams),
                    ctypes.addressof(heap),
                    size,
                    ctypes.addressof(out) + SIZE * filled,
                    _ROOM - filled,
                )
                if filled == _ROOM:
                    yield Batch(view, filled)
                    filled = 0
                first = live[heap[0]]
                if first._get("TAKEN") == first._get("COUNT"):
                    if first.refill():
                        order(ctypes.addressof(streams), ctypes.addressof(heap), size)
                    else:
                        live.remove(first)
                        used_up = True
            if filled:
                yield Batch(view, filled)

    def stretches(self) -> dict[int, Stretch]:
        """Return what is known of each cpu's events."""
        silent = {cpu: Stretch() for cpu in self.empty}
        found = silent | {c: s.stretch() for c, s in self.cpus.items()}
        for known in found.values():
            if known.first is not None and known.last is not None:
                known.first, known.last = self._in_ns(known.first), self._in_ns(known.last)
        return dict(sorted(found.items()))

    def all_cpus(self) -> frozenset[int] | None:
        """Return all cpus that were recorded; None where the file does not say how many."""
        return frozenset(range(self._count)) if self._count else None

    def counts(self) -> dict[str, int]:
        """Return how many events of each name there are."""
        found = {}
        for number in range(_TYPES):
            if self.tables.counts[number]:
                found[self.type_names.get(number, f"type {number}")] = self.tables.counts[number]
        return found
