"""Time the whole catalogue: python benchmarks/catalogue.py [--full | --parts].

Each run is ``vmlitmus`` in a new process, on two cores, with a store of results of its own. The
last line is the median of the wall times, in seconds, of a check that decides everything. With
--parts all cells are decided in this process instead, and the lines say where its CPU time goes.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

COMMANDS = {
    "check, one small test": ["check", "drop-destroy-flush-snp-dma", "--no-cache"],
    "--help": ["--help"],
    "check, printed before": ["check"],
    "check": ["check", "--no-cache"],
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


class Parts:
    """How much CPU time functions take, without that of the others that they call."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.within = [0.0]  # seconds of the functions called so far, for each one under way

    def time(self, name: str, owner: Any, function: str) -> None:
        """Count the CPU time of a function from now on."""
        called: Callable[..., Any] = getattr(owner, function)

        def counted(*args: Any, **named: Any) -> Any:
            self.within.append(0.0)
            before = time.process_time()
            try:
                return called(*args, **named)
            finally:
                taken = time.process_time() - before
                own = taken - self.within.pop()
                self.within[-1] += taken
                self.seconds[name] = self.seconds.get(name, 0.0) + own

        setattr(owner, function, counted)


def parts() -> None:
    """Decide every cell in this process; say where the CPU time goes."""
    from vmlitmus.decide import Job, cells, decide
    from vmlitmus.engine.native import decide as native
    from vmlitmus.engine.native.jit import Native
    from vmlitmus.litmus import Catalogue

    engine = importlib.import_module("vmlitmus.engine.run")  # the package has a function "run"
    gc.disable()
    found = Parts()
    catalogue = Catalogue()
    job = Job(catalogue)
    found.time("machines", Job, "machine")
    found.time("LLVM's text", native, "compile_machine")
    found.time("LLVM", Native, "__init__")
    found.time("reference engine", engine._Job, "reference")
    found.time("search, replay, report", cells, "_answer")
    before = time.process_time()
    number = 0
    for test, chosen in catalogue.select((), wide=False):
        for cell in chosen:
            number += 1
            assert decide(job, test, cell).code == 0, cell.name
    whole = time.process_time() - before
    found.seconds["the rest"] = whole - sum(found.seconds.values())
    for name, seconds in found.seconds.items():
        print(f"{name:24}{seconds:6.1f} s  {100 * seconds / whole:3.0f} %")
    rest = whole - found.seconds["machines"]
    print(f"{number} cells: {whole:.1f} s of cpu, without machines {rest:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="nine runs instead of three")
    parser.add_argument("--parts", action="store_true", help="where the CPU time goes")
    options = parser.parse_args()
    two_cores()
    if options.parts:
        return parts()
    runs = 9 if options.full else 3
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        os.environ.pop("VMLITMUS_NO_CACHE", None)
        timed(["check"])
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
