"""Calls of ``audit trace`` and ``validate`` on recordings with anything in them.

Bytes and numbers of trace.dat, ftrace text and text of perf script are changed, cut, packed and cut
again; tasks have names that a terminal, JSON, a page or a timeline might obey.
"""

from __future__ import annotations

import gzip
import random
import struct
import tempfile
import zlib
from functools import cache
from pathlib import Path

import zstandard
from command_lines import Call
from maker import Shape, make_dat, make_text
from test_recording_readers import some_events

from vmlitmus.audit.trace.core_sharing import CoreSharing
from vmlitmus.audit.trace.roster import Roster
from vmlitmus.trace import open_recording

DATA = Path(__file__).parent.parent / "data" / "traces"
NAMES = [
    b"\x1b[2J\x9b31m",
    b"</script><b>",
    b'","\\',
    b"\xe2\x80\xae\xff",
    b"CPU 0/KVM",
    b"a b [3] :",
]
NUMBERS = [0, 1, 0x7FFFFFFF, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1]
TABLE = "1\tone\t0\t5\n2\ttwo\t1\t7\n60\tvm\t0\t-\n61\tvm\t1\t-\n99\tvm\t2\t0x1f\n"
CORES = (frozenset({0, 1}), frozenset({2, 3}))
HEAD = 6000  # bytes in which a trace.dat says what follows
TOPICS = ["smt-protection", "vcpu-wakeup", "ap-creation"]


@cache
def _recordings() -> list[bytes]:
    events = some_events(300)
    shapes = [Shape(6), Shape(7), Shape(7, compression="zstd"), Shape(7, compression="zlib")]
    made = [make_dat(events, 4, shape, name) for shape in shapes for name in NAMES]
    for perf in (False, True):
        made += [make_text(events, perf=perf).replace(b"CPU 0/KVM", name) for name in NAMES]
    for path in sorted(DATA.glob("*.txt.gz")):
        made.append(gzip.decompress(path.read_bytes())[:60_000])
    return made


def warm() -> None:
    """Compile once what reads recordings: a call, a copy of this process, has it already."""
    with tempfile.TemporaryDirectory() as name:
        for data in (_recordings()[0], _recordings()[-1]):
            path = Path(name) / "run"
            path.write_bytes(data)
            CoreSharing(Roster(), CORES).follow(open_recording(str(path)))


def changed(data: bytes, chance: random.Random) -> bytes:
    """Return a recording with some of its bytes, numbers and pieces changed."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 30))):
        most = min(len(made), HEAD) if chance.random() < 0.15 else len(made)
        at = chance.randrange(most)
        match chance.randrange(6):
            case 0:
                made[at] = chance.randrange(256)
            case 1:
                code, size = chance.choice((("<I", 4), ("<Q", 8), (">I", 4)))
                number = chance.choice(NUMBERS) & ((1 << 8 * size) - 1)
                made[at : at + size] = struct.pack(code, number)
            case 2:
                del made[at : at + chance.randrange(1, 200)]
            case 3:
                other = chance.randrange(len(made))
                made[at:at] = made[other : other + chance.randrange(300)]
            case 4:
                made[at:at] = chance.choice((*NAMES, b"9" * 5000, b"\0" * 50, b"\n" * 9))
            case 5:
                del made[max(at, 200) :]
        made = made or bytearray(b"\n")
    return bytes(made)


def packed(data: bytes, chance: random.Random) -> bytes:
    """Return a file as it is, or packed; some of these end too early, or unpack to very much."""
    kind = chance.randrange(40)
    cut = chance.choice((None, None, -9, -200))
    if kind == 0:
        return gzip.compress(data, 1)[:cut]
    if kind == 1:
        return zstandard.ZstdCompressor().compress(data)[:cut]
    if kind == 2:
        bomb = data + b"\n" * (64 << 20)
        squeeze = zlib.compressobj(9, wbits=31)
        return squeeze.compress(bomb) + squeeze.flush()
    return data


def call(chance: random.Random, folder: Path) -> Call:
    """Return a call; the recording and the table of vcpus are written into the folder."""
    data = packed(changed(chance.choice(_recordings()), chance), chance)
    (folder / "run").write_bytes(data)
    (folder / "vcpus.tsv").write_text(TABLE)
    standard = chance.random() < 0.1
    where = "-" if standard else "run"
    given = ["--core", "0-1", "--core", "2-3", "--vcpus", "vcpus.tsv"]
    if chance.random() < 0.03:  # each builds a machine
        args = ["validate", where, "--topic", chance.choice(TOPICS), *given]
        args += ["--json"] if chance.random() < 0.5 else []
    else:
        output = ([], ["--json"], ["--html", "out.html"], ["--perfetto", "out.json"])
        args = ["audit", "trace", where, *given, *chance.choice(output)]
        args += ["--clock", "mono"] if chance.random() < 0.8 else []
    return Call(args, data if standard else b"", outputs=["out.html", "out.json"])
