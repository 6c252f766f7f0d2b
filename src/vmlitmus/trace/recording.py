"""A recorded run: what it says of itself, and its events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vmlitmus.errors import RecordingError, unknown
from vmlitmus.trace.dat.container import MAGIC, Buffer, Container, read_container
from vmlitmus.trace.dat.streams import DatStreams
from vmlitmus.trace.events import Batch, Kind, Stretch
from vmlitmus.trace.opened import open_unpacked, packing_errors, seekable

_SNIFFED = 1 << 16  # bytes


@dataclass
class Recording:
    """A recorded run.

    ``clock`` is "" where the file does not name it. ``stretches`` and ``cpus`` are complete only
    when all batches have been taken.
    """

    place: str
    format: str
    clock: str
    uname: str = ""
    silent: list[int] = field(default_factory=list)  # cpus with a buffer and nothing in it
    notes: list[str] = field(default_factory=list)
    guests: dict[str, dict[int, int]] = field(default_factory=dict)
    overruns: dict[int, int] = field(default_factory=dict)  # cpu -> events lost, by its counters
    _source: object = None
    _saved: dict[int, str] = field(default_factory=dict)

    def batches(self, kinds: Iterable[Kind] = tuple(Kind)) -> Iterator[Batch]:
        """Return the events of some kinds in order of time; may be taken once."""
        wanted = sum(1 << int(kind) for kind in set(kinds))
        yield from self._source.batches(wanted)  # type: ignore[attr-defined]

    def stretches(self) -> dict[int, Stretch]:
        """Return what is known of each cpu's events."""
        return self._source.stretches()  # type: ignore[attr-defined, no-any-return]

    def cpus(self) -> frozenset[int] | None:
        """Return all cpus that the recording is of; None where it does not say so."""
        return self._source.all_cpus()  # type: ignore[attr-defined, no-any-return]

    def counts(self) -> dict[str, int]:
        """Return how many events of each name there are."""
        return self._source.counts()  # type: ignore[attr-defined, no-any-return]

    @property
    def missing(self) -> int:
        """Events that had left the buffer when it was saved, where text says so."""
        return int(getattr(self._source, "missing", 0))

    def name(self, task: int) -> str | None:
        """Return the last name of a task that was seen."""
        entry = self._source.tables.entry(task)  # type: ignore[attr-defined]
        if entry is not None and entry[0]:
            return str(entry[0])
        return self._saved.get(task)

    def process(self, task: int) -> int | None:
        """Return the process of a task, where the file has a column for it."""
        entry = self._source.tables.entry(task)  # type: ignore[attr-defined]
        return entry[1] or None if entry is not None else None


def open_recording(path: str, buffer: str | None = None) -> Recording:
    """Open a recorded run of any known form; ``-`` is standard input.

    ``buffer`` names one of several buffers of a trace.dat file. Raises RecordingError.
    """
    stream = open_unpacked(path)
    try:
        start = stream.peek(_SNIFFED)  # type: ignore[attr-defined]
    except packing_errors() as error:
        raise RecordingError(f"its packing is damaged: {error}", path) from error
    place = "standard input" if path == "-" else path
    if start.startswith(MAGIC):
        return _open_dat(seekable(stream, place), place, buffer)
    if start.startswith((b"PERFILE2", b"2ELIFREP")):
        raise RecordingError(
            "this is perf.data; give the output of: perf script --ns --show-lost-events", place
        )
    from vmlitmus.trace.text import open_text

    source = open_text(stream, place)
    return Recording(place, source.format, "", notes=source.notes, _source=source)


def _open_dat(file: object, place: str, wanted: str | None) -> Recording:
    container = read_container(file, place)  # type: ignore[arg-type]
    buffer, notes = _choose(container, wanted, place)
    source = DatStreams(file, container, buffer, place)
    return Recording(
        place,
        f"trace.dat version {container.version}, {container.compression}",
        "tsc2nsec" if container.scale else buffer.clock or container.clock,
        container.uname,
        source.empty,
        container.damage + notes,
        container.guests,
        read_overruns("\n".join(container.stats)),
        source,
        container.names,
    )


def _choose(container: Container, wanted: str | None, place: str) -> tuple[Buffer, list[str]]:
    named = {buffer.name: buffer for buffer in container.buffers}
    if not named:
        raise RecordingError("it has no buffer of events", place)
    if wanted is not None and wanted not in named:
        raise RecordingError(unknown("buffer", wanted, filter(None, named)), place)
    full = [b for b in container.buffers if any(s.size for s in b.cpus)]
    if wanted is not None:
        return named[wanted], []
    chosen = named.get("", container.buffers[0])
    if chosen not in full and full:
        chosen = full[0]
    others = [repr(b.name) for b in full if b is not chosen]
    note = f"only buffer {chosen.name!r} is read; others: {', '.join(others)}"
    return chosen, [note] if others else []


def named_overruns(stats: str, path: str) -> dict[int, int]:
    """Return what ``read_overruns`` does, of a named file; raises RecordingError for another."""
    if not re.search(r"^\s*cpu\s*:?\s*\d{1,4}\s*$", stats, re.IGNORECASE | re.MULTILINE):
        raise RecordingError("no line cpuN above the counts of each cpu", path)
    return read_overruns(stats)


def read_overruns(stats: str) -> dict[int, int]:
    """Return events lost by cpu, of the text of per_cpu/cpuN/stats, each below its cpu's name."""
    lost: dict[int, int] = {}
    cpu = -1
    for line in stats.splitlines():
        key, _, value = line.partition(":")
        number = re.match(r"\s*(\d{1,18})\b", value)
        if re.fullmatch(r"\s*cpu\s*", key, re.IGNORECASE) and number:
            cpu = int(number[1])
        elif (named := re.fullmatch(r"\s*cpu\s*(\d{1,4})\s*", line, re.IGNORECASE)) is not None:
            cpu = int(named[1])
        elif key.strip() in ("overrun", "commit overrun", "dropped events") and number:
            lost[cpu] = lost.get(cpu, 0) + int(number[1])
    return {cpu: count for cpu, count in lost.items() if count}
