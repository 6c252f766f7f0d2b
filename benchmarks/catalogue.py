"""Time the whole catalogue: python benchmarks/catalogue.py [--full].

Each run is plain ``vmlitmus check`` in a new process, on two cores. The last line is the median of
the wall times in seconds.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "check, one small test": ["check", "drop-destroy-flush-snp-dma"],
    "--help": ["--help"],
    "check": ["check"],
}


def two_cores() -> None:
    """Keep this process, and what it starts, to two of the cores it may use."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def timed(arguments: list[str]) -> tuple[float, float, str]:
    """Run the command line in a new process; return wall seconds, cpu seconds and the last line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "vmlitmus", *arguments], capture_output=True, text=True, check=True
    )
    seconds = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, done.stdout.splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="nine runs instead of three")
    runs = 9 if parser.parse_args().full else 3
    two_cores()
    for name, arguments in COMMANDS.items():
        found = [timed(arguments) for _ in range(runs)]
        wall, cpu = (statistics.median(run[k] for run in found) for k in (0, 1))
        spread = f"{min(run[0] for run in found):.2f} to {max(run[0] for run in found):.2f}"
        print(f"{name}: {wall:.2f} s ({spread}), {cpu:.2f} s of cpu", flush=True)
    cells = re.search(r"\d+ of (\d+) as expected", found[0][2])
    if cells:
        print(f"{cells[1]} cells, {1000 * cpu / int(cells[1]):.0f} ms of cpu each")
    print(f"{wall:.1f} s")


if __name__ == "__main__":
    main()
