"""Mutated litmus files, models and command lines: python tests/fuzz/run.py --count 10000

Each call of the command line has a process of its own, 20 s and 1 GiB more than the program itself.
A fault is an exit code that is not documented, a control character on an output, a traceback, or a
call beyond its bounds. Exits 1 when there is a fault, and prints the seed that shows it again.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

from vmlitmus.cli.main import main
from vmlitmus.cli.output.streams import repaired
from vmlitmus.litmus.catalogue import ROOT
from vmlitmus.printable import control_in

CODES = {0, 1, 2, 3}
SECONDS, MEMORY = 20, 1 << 30
RACE = Path(__file__).parent.parent / "browser" / "race"
HOSTILE = ["\\u001b[2J", "\x1b", "\u202e", "\0", "9" * 5000, "[" * 200, "=", "é", "\r\n", '"', "'"]
WORDS = ["check", "explain", "table", "ablate", "list", "replay", "tests", "cells", "--json", "-q"]
WORDS += ["-x", "--steps", "--model", "--format", "ktap", "junit", "--time-limit", "1e9", "-j", "1"]
WORDS += ["--memory-limit", "1.5G", "--engine", "reference", "page-reused", "drop*[kind=sev]", "-v"]
WORDS += ["--without", "--reach", "@/dev/zero", "-", "", "--all", "a[b=c]", "*", "%s", "../x.toml"]


def mutated(text: str, chance: random.Random) -> bytes:
    """Return a text with a few bytes, words or lines changed."""
    data = bytearray(text.encode())
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + chance.randrange(1, 30)]
        elif kind == 2:
            data[at:at] = chance.choice(HOSTILE).encode()
        elif kind == 3:
            data[at:at] = data[chance.randrange(len(data) + 1) :][: chance.randrange(60)]
        else:
            lines = bytes(data).split(b"\n")
            chance.shuffle(lines)
            data = bytearray(b"\n".join(lines)) if chance.random() < 0.3 else data
    return bytes(data)


def command_line(chance: random.Random, folder: Path, tests: list[Path]) -> list[str]:
    """Return a command line; files that it names are written into the folder."""
    kind = chance.randrange(3)
    bounds = ["--time-limit", "2", "--memory-limit", "256M"]
    if kind == 0:
        source = chance.choice(tests)
        text = source.read_text(encoding="utf-8")
        if "\ntopic" not in text:
            text = f'topic = "{source.relative_to(ROOT).parts[0]}"\n{text}'
        (folder / "mine.toml").write_bytes(mutated(text, chance))
        return ["check", str(folder / "mine.toml"), "-j", "1", *bounds]
    if kind == 1:
        (folder / "mine.py").write_bytes(mutated((RACE / "flushing.py").read_text(), chance))
        command = chance.choice(["check", "explain"])
        return [command, str(RACE / "race.toml"), "--model", str(folder / "mine.py"), *bounds]
    words = chance.choices([*WORDS, *HOSTILE[1:4]], k=chance.randrange(1, 6))
    words = [w.replace("\0", "") for w in words]
    return [*words, "-h"] if "check" in words or "ablate" in words else words


def fault_of(seed: int, tests: list[Path]) -> tuple[str | None, int]:
    """Run one call in a process of its own; return what is wrong with it, and its exit code."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        args = command_line(chance, folder, tests)
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _call(args, folder)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        text = (folder / "output").read_bytes().decode("utf-8", "surrogateescape")
    taken = time.monotonic() - began
    found = control_in(text)
    if code not in CODES:
        return f"exit code {code}: {args}: {text[-300:]!r}", code
    if found or "Traceback" in text:
        return f"{found or 'Traceback'} on the output: {args}", code
    return (f"{taken:.0f} s: {args}" if taken > SECONDS else None), code


def _call(args: list[str], folder: Path) -> None:
    """Run the command line in this process, its output in a file, and end the process."""
    file = os.open(folder / "output", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    repaired()
    signal.alarm(SECONDS + 5)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    os.chdir(folder)
    code = 99
    try:
        code = main(args)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def run(count: int, first: int = 0) -> tuple[list[str], collections.Counter[int]]:
    """Run calls by seed; return the faults, and how often each exit code came."""
    tests = sorted(ROOT.rglob("*.toml"))
    tests = [path for path in tests if path.stat().st_size < 2000 and path.parent != ROOT]
    faults, codes = [], collections.Counter[int]()
    for seed in range(first, first + count):
        fault, code = fault_of(seed, tests)
        codes[code] += 1
        if fault:
            faults.append(f"seed {seed}: {fault}")
            print(faults[-1], flush=True)
    return faults, codes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    asked = parser.parse_args()
    wrong, seen = run(asked.count, asked.first)
    print(f"{asked.count} calls, {len(wrong)} faults, exit codes {dict(sorted(seen.items()))}")
    sys.exit(bool(wrong))
