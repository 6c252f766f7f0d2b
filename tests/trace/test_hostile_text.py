"""Recorded text with anything in it, cut and packed: read or refused, and no loss goes unsaid."""

from __future__ import annotations

import gzip
import random
import time
from pathlib import Path

import pytest
import zstandard
from maker import make_text
from test_recording_readers import read, some_events

from vmlitmus.errors import RecordingError
from vmlitmus.trace import Kind, Loss, Recording
from vmlitmus.trace.recording import read_overruns
from vmlitmus.trace.tracepoints.formats import parse_format

DIGITS = b"9" * 5000  # Python refuses to read more than 4,300 as one number
ODD = [
    b"\x1b[2J",
    DIGITS,
    b"[" + b"0" * 24 + b"1]",
    b"\nCPU:1 [LOST " + DIGITS[:40] + b" EVENTS]\n",
    b"\nCPU:" + DIGITS[:30] + b" [EVENTS DROPPED]\n",
    b"\n# entries-in-buffer/entries-written: 1/" + DIGITS + b" #P:4\n",
    b"\0" * 50,
    b"\xff" * 9,
    b"[-1]",
    b" 18446744073709551616.000001: ",
    b"\n" * 99,
]


def mutated(text: bytes, rng: random.Random) -> bytes:
    made = bytearray(text)
    for _ in range(rng.choice((1, 2, 8, 40))):
        at, other = rng.randrange(len(made)), rng.randrange(len(made))
        match rng.randrange(4):
            case 0:
                made[at] = rng.randrange(256)
            case 1:
                made[at:at] = rng.choice(ODD)
            case 2:
                del made[at : at + rng.randrange(1, 200)]
            case 3:
                made[at:at] = made[other : other + rng.randrange(300)]
    data = bytes(made)
    cut = rng.choice((None, -9, -200))
    match rng.randrange(3):
        case 1:
            return gzip.compress(data, 1)[:cut]
        case 2:
            return zstandard.ZstdCompressor().compress(data)[:cut]
    return data


@pytest.mark.parametrize("perf", [False, True])
def test_any_text_is_read_or_refused(tmp_path: Path, perf: bool) -> None:
    text, rng = make_text(some_events(200), perf=perf), random.Random(5)
    path, outcomes = tmp_path / "a.txt", set()
    for _ in range(150):
        path.write_bytes(mutated(text, rng))
        try:
            _, got = read(path)
        except RecordingError:
            outcomes.add("refused")
        else:
            outcomes.add("read")
            assert all(e.time >= 0 for e in got)
    assert outcomes == {"refused", "read"}


@pytest.mark.parametrize("odd", [ODD[3].strip(), ODD[4].strip()])
def test_a_loss_of_an_absurd_number_is_a_loss_somewhere(tmp_path: Path, odd: bytes) -> None:
    lines = make_text(some_events(40)).splitlines()
    lines.insert(20, odd)
    path = tmp_path / "a.txt"
    path.write_bytes(b"\n".join(lines))
    found: Recording
    found, got = read(path)
    (lost,) = [e for e in got if e.kind == Kind.LOST]
    assert (lost.cpu, lost.c) == (0xFFFFFFFF, Loss.DAMAGED)
    assert any("cannot be read" in note for note in found.notes)


@pytest.mark.parametrize("line", [b"\n", b"#\n", b"x\n"])
def test_a_small_file_with_very_many_lines_costs_little(tmp_path: Path, line: bytes) -> None:
    """32 MiB of lines that say nothing, in some kB: read in a second, or no further."""
    text, path = make_text(some_events(40)), tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(text + line * ((32 << 20) // len(line)) + text, 1))
    before = time.process_time()
    found, got = read(path)
    assert time.process_time() - before < 8
    events = len([e for e in got if e.kind != Kind.LOST])
    if line == b"x\n":
        assert events == 40 and "what follows them is not read" in found.notes[-1]
    else:
        assert events == 80


def test_absurd_numbers_elsewhere() -> None:
    digits = DIGITS.decode()
    assert read_overruns(f"cpu0\noverrun: {digits}\ncpu{digits}\noverrun: 4\n") in ({0: 4}, {})
    assert read_overruns("cpu0\noverrun: 7\n") == {0: 7}
    field = b"\tfield:int x;\toffset:%b;\tsize:4;\tsigned:1;\n"
    head, tail = b"name: a\nID: 7\nformat:\n", b'print fmt: "{ 010, "S" }", 1\n'
    assert parse_format(head + field % b"8" + tail) is not None
    assert parse_format(head + field % DIGITS + tail) is not None
    assert parse_format(b"name: a\nID: " + DIGITS + b"\n" + tail) is None
