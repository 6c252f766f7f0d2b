"""The same events, whatever file they stand in; and damaged files."""

from __future__ import annotations

import gzip
import random
import struct
from pathlib import Path

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st
from maker import (
    WORD,
    Shape,
    event,
    make_dat,
    make_text,
    mask_of_longs,
    page,
    payload,
    printed_mask,
    ring_event,
)

from vmlitmus.errors import RecordingError
from vmlitmus.trace import Event, Kind, Loss, Recording, open_recording
from vmlitmus.trace.dat.container import _Cursor
from vmlitmus.trace.tracepoints.tables import ROWS

HLT, INTERRUPT, SVM = 0x78, 0x60, 2
CPUS = 3
TO_MANY = "               a-5       [000] d..2. 0.000000009: ipi_send_cpumask: cpumask="


def some_events(count: int, seed: int = 1) -> list[Event]:
    """Return events of all kinds that every form can say, in order of time."""
    rng = random.Random(seed)
    time, made = 5 * 10**9, []
    for _ in range(count):
        time += rng.choice([1, 700, 90_000, 1 << 27, (1 << 28) + 5])
        cpu, task, other = rng.randrange(CPUS), rng.randrange(1, 4000), rng.randrange(4000)
        made.append(
            rng.choice(
                [
                    event(time, cpu, Kind.SWITCH, task, task, other, rng.randrange(3)),
                    event(time, cpu, Kind.ENTRY, task, rng.randrange(8)),
                    event(time, cpu, Kind.EXIT, task, 1, rng.choice([HLT, INTERRUPT]), SVM),
                    event(time, cpu, Kind.FORK, task, task, other),
                    event(time, cpu, Kind.MIGRATE, task, other, 1, 2),
                    event(time, cpu, Kind.CPU_IDLE, task, 1, cpu),
                    event(time, cpu, Kind.IPI_SEND, task, other),
                    event(time, cpu, Kind.IPI_MASK, task, 0, 1 << other % 63, -other),
                    event(time, cpu, Kind.SPLIT_LOCK, task, other),
                ]
            )
        )
    return made


def read(path: Path) -> tuple[Recording, list[Event]]:
    recording = open_recording(str(path))
    return recording, [e for batch in recording.batches() for e in batch]


def same(got: list[Event], wanted: list[Event]) -> None:
    assert [e._replace(type=0) for e in got] == wanted


@pytest.mark.parametrize("version", [6, 7])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("long_size", [4, 8])
def test_trace_dat(tmp_path: Path, version: int, big: bool, long_size: int) -> None:
    events = some_events(900)
    path = tmp_path / "a.dat"
    path.write_bytes(make_dat(events, CPUS, Shape(version, big, long_size)))
    recording, got = read(path)
    same(got, events)
    assert recording.clock == "mono"
    assert recording.name(7) in ("seven", "CPU 0/KVM")
    assert sum(recording.counts().values()) == 900


@pytest.mark.parametrize("compression", ["none", "zlib", "zstd"])
@pytest.mark.parametrize("page", [4096, 16384])
@pytest.mark.parametrize("chunk_pages", [1, 4])
def test_compressed_sections(tmp_path: Path, compression: str, page: int, chunk_pages: int) -> None:
    events = some_events(2000)
    shape = Shape(7, compression=compression, page=page, chunk_pages=chunk_pages)
    path = tmp_path / "a.dat"
    path.write_bytes(make_dat(events, CPUS, shape))
    same(read(path)[1], events)


@pytest.mark.parametrize("perf", [False, True])
@pytest.mark.parametrize(
    "comm", ["a", "CPU 0/KVM", "tmux: server", "evil -9 [003]", "-1 [0] 1.0: a:", " ==> next_comm="]
)
def test_text(tmp_path: Path, perf: bool, comm: str) -> None:
    events = some_events(300)
    path = tmp_path / "a.txt"
    path.write_bytes(make_text(events, perf=perf, comm=comm))
    recording, got = read(path)
    same(got, events)
    assert recording.format == ("perf script" if perf else "ftrace text")


@pytest.mark.parametrize("packing", ["gz", "zst"])
@pytest.mark.parametrize("kind", ["dat", "txt"])
def test_packed_files(tmp_path: Path, packing: str, kind: str) -> None:
    events = some_events(500)
    data = make_dat(events, CPUS, Shape(7)) if kind == "dat" else make_text(events)
    pack = gzip.compress if packing == "gz" else zstandard.ZstdCompressor().compress
    path = tmp_path / f"a.{kind}.{packing}"
    path.write_bytes(pack(data))
    same(read(path)[1], events)


@given(st.lists(st.integers(0, 5 * (1 << 29)), min_size=1, max_size=120), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_any_distances(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int], seed: int
) -> None:
    """Time extends, absolute stamps and equal times; cpus merge in order, the lower cpu first."""
    rng = random.Random(seed)
    time, events = 10**9, []
    for gap in gaps:
        time += gap
        events.append(event(time, rng.randrange(CPUS), Kind.ENTRY, rng.randrange(1, 99), 0))
    path = tmp_path_factory.mktemp("any") / "a.dat"
    path.write_bytes(make_dat(events, CPUS, Shape(7, events_on_a_page=rng.randrange(1, 60))))
    got = read(path)[1]
    assert sorted(e._replace(type=0) for e in got) == sorted(events)
    assert [e.time for e in got] == [e.time for e in events]


@pytest.mark.parametrize("version", [6, 7])
def test_ticks_of_the_tsc_are_ns_where_the_file_says_how_long_one_is(
    tmp_path: Path, version: int
) -> None:
    """2.5 GHz; trace-cmd report ignores the offset, too."""
    events = some_events(300)
    path = tmp_path / "a.dat"
    shape = Shape(version, clock="x86-tsc", scale=(1717986918, 32, 77), lost={(1, 1): 3})
    path.write_bytes(make_dat(events, CPUS, shape))
    recording, got = read(path)
    assert recording.clock == "tsc2nsec"
    times = [e.time * 1717986918 >> 32 for e in events]
    assert [e.time for e in got if e.kind != Kind.LOST] == times
    (lost,) = (e for e in got if e.kind == Kind.LOST)
    assert lost.time in times and lost.b in times and lost.time < lost.b
    known = recording.stretches().values()
    assert (min(s.first or 0 for s in known), max(s.last or 0 for s in known)) == (
        times[0],
        times[-1],
    )
    path.write_bytes(make_dat(events, CPUS, Shape(version, clock="x86-tsc")))
    assert read(path)[0].clock == "x86-tsc"


def test_each_kind_of_event_is_read_from_some_tracepoint() -> None:
    made_by_the_readers = {Kind.OTHER, Kind.LOST, Kind.UNPARSED}
    assert {row.kind for row in ROWS.values()} == set(Kind) - made_by_the_readers


def ipi_to(mask: int, size: int, shape: Shape) -> bytes:
    """Return a trace.dat of one IPI to the cpus of a mask of ``size`` bytes."""
    one = event(9, 0, Kind.IPI_MASK, 5, 0, 0, 0)
    data = bytearray(payload(shape, one, b""))[:12] + mask_of_longs(shape, mask, size)
    data[8:12] = struct.pack(f"{shape.order}I", size << 16 | 12)
    whole = page(shape, 9, ring_event(shape, bytes(data), 0))
    return make_dat([one], 1, shape).replace(make_dat([one], 1, shape)[-shape.page :], whole)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("long_size", [4, 8])
@pytest.mark.parametrize("size", [8, 16, 24, 64])
def test_an_ipi_to_many_cpus(tmp_path: Path, big: bool, long_size: int, size: int) -> None:
    """The mask has as many longs as the kernel has cpus; a record is of 128 cpus."""
    mask = random.Random(size).getrandbits(8 * size)
    path, text = tmp_path / "a.dat", tmp_path / "a.txt"
    path.write_bytes(ipi_to(mask, size, Shape(6, big, long_size)))
    text.write_text(f"# tracer: nop\n{TO_MANY}{printed_mask(mask, size // 4)} callsite=0x1\n")
    for file in (path, text):
        got = read(file)[1]
        assert [(e.kind, e.cpu, e.task) for e in got] == [(Kind.IPI_MASK, 0, 5)] * len(got)
        assert sum((e.b & WORD | (e.c & WORD) << 64) << e.a for e in got) == mask
        assert len(got) == -(-size // 16)


def masks_of(path: Path, words: str) -> list[tuple[int, int]]:
    """Return first cpu and mask of each record of an IPI, as a program prints its mask."""
    path.write_text(f"# tracer: nop\n{TO_MANY}{words} callsite=0x1\n")
    return [(e.a, e.b & WORD | (e.c & WORD) << 64) for e in read(path)[1]]


@pytest.mark.parametrize(
    ("words", "masks"),
    [
        ("0-3,8", [(0, 0x10F)]),
        ("10,12,14", [(0, 0x5400)]),
        ("5", [(0, 0x20)]),
        ("63-64,127-129,4095", [(0, 1 << 63 | 1 << 64 | 1 << 127), (128, 3), (3968, 1 << 127)]),
        ("", [(0, 0)]),
        ("3,2,1", [(0, 8)]),
        ("1,4096", [(0, 2)]),
        ("1,x", [(0, 2)]),
        ("x", [(0, 0)]),
        ("7-", [(0, 0)]),
        ("2-x", [(0, 0)]),
        ("0000000f,000000f", [(-1, 0)]),
        ("0000000f," * 200 + "0000000f", [(-1, 0)]),
    ],
)
def test_a_list_of_cpus(tmp_path: Path, words: str, masks: list[tuple[int, int]]) -> None:
    """trace-cmd and perf print a mask as a list; one that cannot be names no cpu."""
    assert masks_of(tmp_path / "a.txt", words) == masks


def test_lost_events_are_said_where_they_are(tmp_path: Path) -> None:
    events = some_events(600)
    shape = Shape(6, lost={(1, 2): 17, (2, 1): None}, events_on_a_page=20)
    path = tmp_path / "a.dat"
    path.write_bytes(make_dat(events, CPUS, shape))
    recording, got = read(path)
    lost = [e for e in got if e.kind == Kind.LOST]
    of_1, of_2 = ([e for e in events if e.cpu == cpu] for cpu in (1, 2))
    assert [(e.cpu, e.time, e.a, e.b, e.c) for e in sorted(lost, key=lambda e: e.cpu)] == [
        (1, of_1[39].time, 17, of_1[40].time, Loss.OVERWRITTEN),
        (2, of_2[19].time, -1, of_2[20].time, Loss.OVERWRITTEN),
    ]
    assert recording.stretches()[1].lost == 17
    assert recording.stretches()[2].unknown_losses == 1
    same([e for e in got if e.kind != Kind.LOST], events)


@pytest.mark.parametrize("damage", ["used", "stamp", "future", "length"])
def test_a_damaged_page_costs_no_other(tmp_path: Path, damage: str) -> None:
    events = [e for e in some_events(900) if e.cpu == 0]
    shape = Shape(6, events_on_a_page=20)
    data = bytearray(make_dat(events, 1, shape))
    page = len(data) - shape.page * 5  # the fifth from the end
    stamp = struct.unpack_from("<Q", data, page)[0]
    lost = {e.time for e in events if stamp <= e.time}
    following = struct.unpack_from("<Q", data, page + shape.page)[0]
    lost = {t for t in lost if t < following}
    if damage == "used":
        struct.pack_into("<Q", data, page + 8, 5000)
    elif damage == "stamp":
        struct.pack_into("<Q", data, page, 5)
    elif damage == "future":
        struct.pack_into("<Q", data, page, 1 << 62)
    else:
        struct.pack_into("<I", data, page + 16, 0)  # an event without a length
        struct.pack_into("<I", data, page + 20, 0xFFFFFFFF)
    path = tmp_path / "a.dat"
    path.write_bytes(data)
    recording, got = read(path)
    assert recording.stretches()[0].damaged == 1
    assert [e.c for e in got if e.kind == Kind.LOST] == [Loss.DAMAGED]
    same([e for e in got if e.kind != Kind.LOST], [e for e in events if e.time not in lost])


@pytest.mark.parametrize("version", [6, 7])
def test_a_file_that_is_cut_off(tmp_path: Path, version: int) -> None:
    """Cut anywhere: the head is refused in one sentence, of the pages what is there is read."""
    events = some_events(900)
    data = make_dat(events, CPUS, Shape(version, compression="zlib" if version == 7 else "none"))
    whole = {tuple(e._replace(type=0)) for e in events}
    read_some, refused = 0, []
    for cut in range(1, len(data), 997):
        path = tmp_path / "a.dat"
        path.write_bytes(data[:cut])
        try:
            recording, got = read(path)
        except RecordingError as error:
            refused.append(str(error))
            continue
        found = {tuple(e._replace(type=0)) for e in got if e.kind != Kind.LOST}
        assert found <= whole
        if len(found) < len(whole):
            assert sum(s.damaged for s in recording.stretches().values()) or len(found) == 0
        read_some += bool(found)
    assert read_some > 3
    assert refused and all(str(path) in text for text in refused)


def test_a_place_beyond_the_end_of_a_file_has_no_bytes() -> None:
    cursor = _Cursor(b"four", "<", "a.dat")
    cursor.at = 9
    with pytest.raises(RecordingError, match="0x9: 2 bytes are said to follow, 0 do"):
        cursor.take(2)


@given(st.integers(0, 10**6), st.integers(0, 255), st.booleans())
@example(at=130, byte=128, version_7=True)  # a place in the file beyond 2^63
@settings(max_examples=60, deadline=None)
def test_any_byte_may_be_wrong(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int, version_7: bool
) -> None:
    shape = Shape(7, compression="zstd") if version_7 else Shape(6)
    data = bytearray(make_dat(some_events(200), CPUS, shape))
    data[at % len(data)] = byte
    path = tmp_path_factory.mktemp("byte") / "a.dat"
    path.write_bytes(data)
    try:
        _, got = read(path)
    except RecordingError:
        return
    assert len(got) <= 400


def test_lines_that_say_what_is_lost(tmp_path: Path) -> None:
    events = some_events(60)
    lines = make_text(events).splitlines()
    lines.insert(20, b"CPU:1 [LOST 27 EVENTS]")
    lines.insert(30, b"CPU:2 [EVENTS DROPPED]")
    lines.insert(40, b"##### CPU 2 buffer started ####")
    lines.insert(50, b"what is this")
    path = tmp_path / "a.txt"
    path.write_bytes(b"\n".join(lines))
    recording, got = read(path)
    lost = [(e.cpu, e.a, e.c) for e in got if e.kind == Kind.LOST]
    assert lost == [
        (1, 27, Loss.OVERWRITTEN),
        (2, -1, Loss.OVERWRITTEN),
        (0xFFFFFFFF, -1, Loss.DAMAGED),
    ]
    assert recording.stretches()[1].lost == 27
    assert len([e for e in got if e.kind != Kind.LOST]) == 60
    assert any("what is this" in note for note in recording.notes)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"hello\nworld\n", "neither"),
        (b"PERFILE2" + b"\0" * 99, "perf script"),
        (b"\x17\x08\x44tracing9\0\0\x08\0\x10\0\0", "version '9'"),
        (b"\x17\x08\x44tracing6\0\7\x08\0\x10\0\0", "byte order 7"),
        (b"\x17\x08\x44tracing6\0\0\x08\1\x10\0\0", "page size"),
        (b"\x17\x08\x44tracing7\0\0\x08\0\x10\0\0lzma\0" + b"1\0" + b"\xff" * 8, "offset"),
        (b"\x1f\x8bxxxxxxxxx", "packing"),
        (b"\x28\xb5\x2f\xfdxxxxxxxxx", "packing"),
    ],
)
def test_what_is_no_recording(tmp_path: Path, data: bytes, word: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=word):
        read(path)


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    data = bytearray(make_dat(some_events(100), CPUS, Shape(7, compression="zlib")))
    at = data.index(b"\x78\x9c")  # the first zlib stream: its size stands before it
    struct.pack_into("<I", data, at - 4, 1 << 31)
    path = tmp_path / "a.dat"
    path.write_bytes(data)
    recording, _ = read(path)
    assert any("at most" in note for note in recording.notes)


def test_only_the_kinds_asked_for(tmp_path: Path) -> None:
    events = some_events(400)
    for name, data in (("a.dat", make_dat(events, CPUS, Shape(7))), ("a.txt", make_text(events))):
        path = tmp_path / name
        path.write_bytes(data)
        recording = open_recording(str(path))
        got = [e for batch in recording.batches([Kind.ENTRY, Kind.EXIT]) for e in batch]
        same(got, [e for e in events if e.kind in (Kind.ENTRY, Kind.EXIT)])
        assert sum(recording.counts().values()) == 400


def cpus_of(path: Path) -> frozenset[int] | None:
    recording = open_recording(str(path))
    for _ in recording.batches():
        pass
    return recording.cpus()


@pytest.mark.parametrize("version", [6, 7])
def test_a_recording_says_of_which_cpus_it_is(tmp_path: Path, version: int) -> None:
    """One without an event is one of them; that trace-cmd says how many there are decides."""
    path = tmp_path / "trace.dat"
    path.write_bytes(make_dat(some_events(50), CPUS + 1, Shape(version)))
    assert cpus_of(path) == frozenset(range(CPUS + 1))


def test_text_says_so_only_if_all_that_were_online_have_events(tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    text = make_text(some_events(50))
    for head, cpus in (
        (b"", None),
        (b"cpus=5\n", frozenset(range(5))),
        (b"# entries-in-buffer/entries-written: 50/50   #P:3\n", frozenset(range(CPUS))),
        (b"# entries-in-buffer/entries-written: 50/50   #P:4\n", None),
    ):
        path.write_bytes(head + text)
        assert cpus_of(path) == cpus
