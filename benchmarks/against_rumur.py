"""Time our search against Rumur on the same models: python benchmarks/against_rumur.py [--full].

Both explore exactly the same states and fire the same transitions, breadth-first, on one thread;
ours checks all its conditions, counts coverage and keeps parent links. Rumur checks the test's own
claim. The last line is the smaller of the two ratios: Rumur's wall time over ours.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ours import ours, run
from twins.murphi import twin

# cpus, vcpus, pages, slots of Rumur's table at the start
TESTS = {
    "mask-covers-dirty-cpus": (2, 2, 2, 1 << 17),
    "mask-covers-dirty-cpus-three": (4, 3, 1, 1 << 26),
}
OPTIONS = ["--deadlock-detection", "off", "--symmetry-reduction", "off"]
FLAGS = ["-O3", "-march=native", "-std=c11", "-mcx16"]


def build(folder: Path, cpus: int, vcpus: int, pages: int, slots: int, *, threads: int = 1) -> Path:
    """Generate and compile Rumur's checker; return its path."""
    (folder / "model.m").write_text(twin(cpus, vcpus, pages))
    capacity = ["--set-capacity", str(8 * slots)]
    made = [
        "rumur",
        "--threads",
        str(threads),
        *OPTIONS,
        *capacity,
        "--output",
        "model.c",
        "model.m",
    ]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    compiled = ["gcc", *FLAGS, "model.c", "-o", "model", "-lpthread"]
    subprocess.run(compiled, cwd=folder, check=True, capture_output=True)
    return folder / "model"


def rumur(checker: Path) -> tuple[int, int, float]:
    """Run Rumur's checker; return states, rules fired and wall seconds."""
    started = time.monotonic()
    done = subprocess.run([str(checker)], capture_output=True, text=True, check=True)
    seconds = time.monotonic() - started
    found = re.search(r"(\d+) states, (\d+) rules fired", done.stdout)
    if found is None or "No error found" not in done.stdout:
        sys.exit(f"Rumur did not finish:\n{done.stdout}")
    return int(found[1]), int(found[2]), seconds


def compare(name: str, runs: int) -> float:
    """Run both on one test; print figures and return Rumur's time over ours."""
    with tempfile.TemporaryDirectory() as folder:
        checker = build(Path(folder), *TESTS[name])
        pairs = [(rumur(checker), ours(name)) for _ in range(runs)]
    theirs = statistics.median(seconds for (_, _, seconds), _ in pairs)
    mine = statistics.median(found.seconds for _, found in pairs)
    (states, fired, _), found = pairs[0]
    print(f"{name}: {found.states} states, {found.transitions} transitions")
    print(f"  Rumur {states} states, {fired} rules fired; {theirs:.2f} s")
    print(f"  vmlitmus {mine:.2f} s, {found.allocated / found.states:.1f} bytes a state")
    if (states, fired) != (found.states, found.transitions):
        sys.exit("the two do not have the same states and transitions")
    print(f"  ratio {theirs / mine:.1f}", flush=True)
    return theirs / mine


if __name__ == "__main__":
    run("rumur", TESTS, compare, __doc__)
