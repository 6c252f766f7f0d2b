"""How fast recordings are read, with trace-cmd report as peer, in one run.

    python benchmarks/recordings.py trace.dat [trace.txt]

Prints events a second of cpu time of our reader, of the text that trace-cmd makes of it (or of
the given text), and of trace-cmd itself, which formats what it reads.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time

from vmlitmus.trace import open_recording


def read(path: str) -> tuple[int, float]:
    """Return the events of a recording, and the cpu seconds that reading took."""
    before = time.process_time()
    count = sum(batch.count for batch in open_recording(path).batches())
    return count, time.process_time() - before


def report(path: str, target: str) -> float:
    """Let trace-cmd write a file as text; return its cpu seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(target, "wb") as out:
        subprocess.run(["trace-cmd", "report", path], stdout=out, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    path = sys.argv[1]
    read(path)  # compile first
    count, seconds = read(path)
    print(f"trace.dat: {count} events, {count / seconds / 1e6:.1f} M events/s of cpu time")
    with tempfile.NamedTemporaryFile(suffix=".txt") as text:
        seconds = report(path, text.name)
        print(f"trace-cmd report: {count / seconds / 1e6:.2f} M events/s")
        given = sys.argv[2] if len(sys.argv) > 2 else text.name
        read(given)
        count, seconds = read(given)
    print(f"text: {count} lines, {count / seconds / 1e6:.2f} M lines/s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"memory at most {peak} MiB")


if __name__ == "__main__":
    main()
