"""Mutated litmus files, models and command lines: python tests/fuzz/run.py --count 10000

With ``--of recordings``: mutated recordings, for audit trace and validate.

Each call of the command line has a process of its own. A fault is an exit code that is not
documented, a control character on an output, a traceback, more than 20 s, or 1 GiB more than the
program itself. Exits 1 when there is a fault, and prints the seed that shows it again.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import os
import pkgutil
import random
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "trace"))

import command_lines
import recorded_runs

import vmlitmus
from vmlitmus.cli.main import main
from vmlitmus.cli.output.streams import repaired
from vmlitmus.litmus import Catalogue
from vmlitmus.printable import control_in

CODES = {0, 1, 2, 3}
SECONDS, MEMORY = 20, 1 << 30
MAKERS = {"files": lambda *a: command_lines.call(*a), "recordings": recorded_runs.call}
_ENOUGH = 4 * MEMORY  # a call that takes this much gets no more


def warm() -> None:
    """Import once what the calls import, so that a call, a copy of this process, has it already."""
    for _, name, _ in pkgutil.walk_packages(vmlitmus.__path__, "vmlitmus."):
        if not name.startswith(("vmlitmus.__main__", "vmlitmus.pytest_plugin")):
            importlib.import_module(name)
    catalogue = Catalogue()
    for topic in catalogue.topics():
        catalogue.model_of(topic)


def fault_of(seed: int, of: str = "files") -> tuple[str | None, int]:
    """Run one call in a process of its own; return what is wrong with it, and its exit code."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        call = MAKERS[of](chance, folder)
        began, own = time.monotonic(), _resident()
        child = os.fork()
        if child == 0:
            _call(call, folder)
        _, status, used = os.wait4(child, 0)
        taken = time.monotonic() - began
        code = os.waitstatus_to_exitcode(status)
        written = [folder / f for f in (".output", *call.outputs) if (folder / f).exists()]
        text = b"".join(f.read_bytes() for f in written).decode("utf-8", "surrogateescape")
    found = control_in(text)
    if taken > SECONDS:
        busy = used.ru_utime + used.ru_stime
        return f"{taken:.0f} s, {busy:.0f} s of them at work: {call.args}", code
    if code not in CODES:
        return f"exit code {code}: {call.args}: {text[-300:]!r}", code
    if found or "Traceback" in text:
        return f"{found or 'Traceback'} on the output: {call.args}: {text[-300:]!r}", code
    more = (used.ru_maxrss << 10) - own
    return (f"{more >> 20} MiB: {call.args}" if more > MEMORY else None), code


def _resident() -> int:
    """Return the bytes of memory that this process has; a child begins with as many."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _call(call: command_lines.Call, folder: Path) -> None:
    """Run the command line in this process, its output in a file, and end the process."""
    code = 99
    try:
        os.setsid()
        _streams(call, folder)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _end_after(SECONDS + 5)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + _ENOUGH
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        os.chdir(folder)
        _spare(folder)
        code = main(call.args)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _end_after(seconds: int) -> None:
    """Kill this process after some time: by another one, as a model may use the alarm itself."""
    parent = os.getpid()
    if os.fork() == 0:
        for number in (0, 1, 2):
            os.close(number)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and os.getppid() == parent:
            time.sleep(0.05)
        if os.getppid() == parent:
            os.kill(parent, signal.SIGKILL)
        os._exit(0)


def _streams(call: command_lines.Call, folder: Path) -> None:
    (folder / ".input").write_bytes(call.stdin)
    file = os.open(folder / ".output", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    os.dup2(os.open(folder / ".input", os.O_RDONLY), 0)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    repaired()


def _spare(folder: Path) -> None:
    """Keep calls from serving pages for ever, and from changing the catalogue."""
    import vmlitmus.cli.decide.bless as bless
    import vmlitmus.cli.runs.explore as explore

    explore._serve = lambda *_: None
    bless.counts_path = lambda topic: folder / f"{topic}.json"


def run(
    count: int, first: int = 0, of: str = "files"
) -> tuple[list[str], collections.Counter[int]]:
    """Run calls by seed; return the faults, and how often each exit code came."""
    faults, codes = [], collections.Counter[int]()
    for seed in range(first, first + count):
        fault, code = fault_of(seed, of)
        codes[code] += 1
        if fault:
            faults.append(f"seed {seed}: {fault}")
            print(faults[-1], flush=True)
    return faults, codes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--of", choices=list(MAKERS), default="files", help="what is mutated")
    parser.add_argument("--show", action="store_true", help="print the command lines only")
    asked = parser.parse_args()
    if asked.show:
        with tempfile.TemporaryDirectory() as name:
            for seed in range(asked.first, asked.first + asked.count):
                print(seed, MAKERS[asked.of](random.Random(seed), Path(name)).args)
        sys.exit()
    warm()
    if asked.of == "recordings":
        recorded_runs.warm()
    wrong, seen = run(asked.count, asked.first, asked.of)
    print(f"{asked.count} calls, {len(wrong)} faults, exit codes {dict(sorted(seen.items()))}")
    sys.exit(bool(wrong))
