"""Our side of the comparisons: the native search on a catalogue test, all conditions on."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterable

from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.search import Found, Search
from vmlitmus.litmus import Catalogue


def ours(name: str) -> Found:
    """Explore all states of a test, with coverage and parent links."""
    catalogue = Catalogue()
    test, cells = catalogue.select([name], wide=True)[0]
    machine = cells[0].machine(catalogue.model_of(test.topic))
    with Search(compile_machine(machine, machine.conditions), effort=2) as search:
        return search.run()


def run(peer: str, tests: Iterable[str], compare: Callable[[str, int], float], doc: str) -> None:
    """The command line of a comparison: each test with its runs, then the smaller ratio."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--full", action="store_true", help="seven runs instead of one")
    options = parser.parse_args()
    if not (shutil.which(peer) and shutil.which("gcc")):
        print(f"skipped: needs {peer} (Debian package {peer}) and gcc")
        return
    ratios = [
        compare(name, 7 if options.full else runs) for name, runs in zip(tests, (3, 1), strict=True)
    ]
    print(f"ratio {min(ratios):.1f}")
