"""A recording of many events, read and audited in constant memory.

    python benchmarks/long_recording.py FILE [--events 1e8] [--audit 1e7] [--folder DIR]

Repeats the ring-buffer pages of an uncompressed trace.dat of version 6, each time later by the
length of the recording, until there are that many events, and reads them. The file takes about 40
bytes an event in DIR, and is removed. Prints events a second of cpu time and how much more memory
was taken than for a hundredth of the events; the same for the audit, which follows every event.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CPUS = 4
PAGE = 4096


def repeated(data: bytes, times: int) -> Iterator[bytes]:
    """Yield a recording of version 6 whose cpus have all their pages ``times`` times."""
    mark = data.index(b"flyrecord\0") + 10
    table = [struct.unpack_from("<QQ", data, mark + 16 * cpu) for cpu in range(CPUS)]
    pages = [bytearray(data[offset : offset + size]) for offset, size in table]
    starts = [
        struct.unpack_from("<Q", cpu, at)[0] for cpu in pages for at in range(0, len(cpu), PAGE)
    ]
    period = max(starts) - min(starts) + 1_000_000_000  # ns; no page is that long
    header = data[:mark]
    at = -(-(mark + 16 * CPUS) // PAGE) * PAGE
    for cpu in pages:
        header += struct.pack("<QQ", at, len(cpu) * times)
        at += len(cpu) * times
    yield header.ljust(-(-len(header) // PAGE) * PAGE, b"\0")
    for cpu in pages:
        stamps = [(n, struct.unpack_from("<Q", cpu, n)[0]) for n in range(0, len(cpu), PAGE)]
        for turn in range(times):
            for n, stamp in stamps:
                struct.pack_into("<Q", cpu, n, stamp + turn * period)
            yield bytes(cpu)


def measured(path: str, what: str) -> tuple[int, float, int]:
    """Return events, cpu seconds and the most MiB of a process that reads or audits a file."""
    done = subprocess.run(
        [sys.executable, __file__, "--only", what, path], check=True, stdout=subprocess.PIPE
    )
    events, seconds, most = done.stdout.split()
    return int(events), float(seconds), int(most)


def only(what: str, path: str) -> None:
    """Read or audit a file, and print what it took."""
    from vmlitmus.audit.trace.core_sharing import CoreSharing
    from vmlitmus.audit.trace.roster import Roster
    from vmlitmus.trace import open_recording

    recording, before = open_recording(path), time.process_time()
    if what == "read":
        events = sum(batch.count for batch in recording.batches())
    else:
        cores = (frozenset({0, 1}), frozenset({2, 3}))
        CoreSharing(Roster(), cores).follow(recording)
        events = sum(recording.counts().values())
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    if any(known.damaged for known in recording.stretches().values()):
        raise SystemExit("pages cannot be repeated: their events have absolute times")
    print(events, time.process_time() - before, most)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    given.add_argument("recording")
    given.add_argument("--events", type=float, default=1e8)
    given.add_argument("--audit", type=float, default=1e7)
    given.add_argument("--folder")
    given.add_argument("--only", choices=["read", "audit"])
    args = given.parse_args()
    if args.only:
        only(args.only, args.recording)
        return
    data = Path(args.recording).read_bytes()
    data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder) / "long.dat"
        path.write_bytes(data)
        single = measured(str(path), "read")[0]
        for what, wanted in (("read", args.events), ("audit", args.audit)):
            memory = []
            for share in (0.01, 1):
                with path.open("wb") as file:
                    file.writelines(repeated(data, max(1, round(wanted * share / single))))
                events, seconds, most = measured(str(path), what)
                memory.append(most)
            print(f"{what}: {events} events, {events / seconds / 1e6:.2f} M events/s of cpu time,")
            print(f"    {most} MiB at most, {memory[1] - memory[0]} MiB more than for a hundredth")


if __name__ == "__main__":
    main()
