"""Our side of the comparisons: the native search on a catalogue test, all conditions on."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage.store import NativeModel
from vmlitmus.litmus import Catalogue


@dataclass(frozen=True)
class Ours:
    """What one search found, the bytes it took, and the wall and cpu seconds."""

    states: int
    transitions: int
    allocated: int
    table: int
    seconds: float
    cpu: float


def model_of(name: str) -> NativeModel:
    """Return the first cell of a test, compiled, with all conditions of its topic."""
    catalogue = Catalogue()
    test, cells = catalogue.select([name], wide=True)[0]
    machine = cells[0].machine(catalogue.model_of(test.topic))
    return compile_machine(machine, machine.conditions)


def ours(name: str, cores: int = 1) -> Ours:
    """Explore all states of a test, with coverage and parent links."""
    return explore(model_of(name), cores)


def explore(model: NativeModel, cores: int = 1, most: int | None = None) -> Ours:
    """Search all states of a compiled machine, or about ``most``; compilation does not count."""
    with Search(model, effort=2, cores=cores) as search:
        began = time.process_time()
        found = search.run(most)
        cpu = time.process_time() - began
        table = search.regions["TABLE"].size
    return Ours(found.states, found.transitions, found.allocated, table, found.seconds, cpu)


def run(peer: str, tests: Iterable[str], compare: Callable[[str, int], float], doc: str) -> None:
    """The command line of a comparison: each test with its runs, then the smaller ratio."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--full", action="store_true", help="seven runs of the larger one")
    options = parser.parse_args()
    if not (shutil.which(peer) and shutil.which("gcc")):
        print(f"skipped: needs {peer} (Debian package {peer}) and gcc")
        return
    ratios = [
        compare(name, max(runs, 7) if options.full else runs)
        for name, runs in zip(tests, (9, 1), strict=True)
    ]
    print(f"ratio {min(ratios):.1f}")
