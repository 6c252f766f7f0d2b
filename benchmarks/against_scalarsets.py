"""Time our search by orbits against Rumur with scalarsets: python benchmarks/against_scalarsets.py.

The Murphi twin declares vcpus, cpus and pages as scalarsets; the undefined value is "nowhere".
Rumur finds as many states as we find orbits when it tries all permutations; its heuristic, which is
faster, finds some orbits several times. Our time is that of the search; what the proof of symmetry
and the compilation take is printed beside it. The last line is the smaller of the two ratios:
Rumur's wall time, in the faster of its ways, over ours.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ours import run
from twins.murphi import symmetric_twin
from vmlitmus.compiler.symmetry import symmetry
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.search import Found
from vmlitmus.engine.native.symmetry.orbits import OrbitSearch, orbits
from vmlitmus.litmus import Catalogue

TESTS = {"mask-covers-dirty-cpus": (2, 2, 2), "mask-covers-dirty-cpus-three": (4, 3, 1)}
OPTIONS = ["--threads", "1", "--deadlock-detection", "off", "--symmetry-reduction"]
FLAGS = ["-O3", "-march=native", "-std=c11", "-mcx16"]


def build(folder: Path, how: str, size: tuple[int, int, int]) -> Path:
    """Generate and compile Rumur's checker; return its path."""
    (folder / "model.m").write_text(symmetric_twin(*size))
    made = ["rumur", *OPTIONS, how, "--output", "model.c", "model.m"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    compiled = ["gcc", *FLAGS, "model.c", "-o", "model", "-lpthread"]
    subprocess.run(compiled, cwd=folder, check=True, capture_output=True)
    return folder / "model"


def rumur(checker: Path) -> tuple[int, float]:
    """Run Rumur's checker; return states and wall seconds."""
    started = time.monotonic()
    done = subprocess.run([str(checker)], capture_output=True, text=True, check=True)
    seconds = time.monotonic() - started
    found = re.search(r"(\d+) states, \d+ rules fired", done.stdout.rpartition("No error")[2])
    if found is None or "No error found" not in done.stdout:
        sys.exit(f"Rumur did not finish:\n{done.stdout}")
    return int(found[1]), seconds


def ours(name: str, runs: int) -> tuple[Found, float]:
    """Search a test by orbits; return the quickest of some runs, and what came before it."""
    catalogue = Catalogue()
    test, cells = catalogue.select([name], wide=True)[0]
    machine = cells[0].machine(catalogue.model_of(test.topic))
    started = time.monotonic()
    by = orbits(machine, symmetry(machine, cells[0].claim.conditions))
    assert by is not None
    model = compile_machine(machine, cells[0].claim.conditions, orbits=by)
    found, before = [], 0.0
    for _ in range(runs):
        with OrbitSearch(model, effort=2) as search:
            before = before or time.monotonic() - started
            found.append(search.run())
    return min(found, key=lambda f: f.seconds), before


def compare(name: str, runs: int) -> float:
    """Run both on one test; print figures and return Rumur's time over ours."""
    found, before = ours(name, max(runs, 3))
    print(f"{name}: {found.states} states in {found.orbits} orbits")
    times = []
    for how in ("heuristic", "exhaustive"):
        with tempfile.TemporaryDirectory() as folder:
            checker = build(Path(folder), how, TESTS[name])
            states, seconds = min((rumur(checker) for _ in range(runs)), key=lambda r: r[1])
        times.append(seconds)
        print(f"  Rumur, {how}: {states} states, {seconds:.2f} s")
    if states != found.orbits:
        sys.exit("the two do not have the same orbits")
    print(f"  vmlitmus {found.seconds:.3f} s, after {before:.2f} s of proof and compilation")
    print(f"  ratio {min(times) / found.seconds:.1f}", flush=True)
    return min(times) / found.seconds


if __name__ == "__main__":
    run("rumur", TESTS, compare, __doc__)
