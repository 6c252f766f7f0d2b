"""Time our search against SPIN on the same models: python benchmarks/against_spin.py [--full].

Both explore exactly the same states, single-threaded; ours checks all its conditions, counts
coverage and keeps parent links. SPIN runs without partial-order reduction, depth-first, with the
settings that were fastest of those tried (-O2, -DNOCOMP, -DSPACE, -DCOLLAPSE and -DBFS were slower
or no faster). The last line is the smaller of the two ratios: SPIN's CPU time over ours, which
other work on the machine changes little.
"""

from __future__ import annotations

import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from ours import ours, run
from twins.promela import twin

# cpus, vcpus, pages, log2 of SPIN's table, SPIN's largest depth
TESTS = {
    "mask-covers-dirty-cpus": (2, 2, 2, 20, 100_000),
    "mask-covers-dirty-cpus-three": (4, 3, 1, 26, 3_000_000),
}
FLAGS = [
    *("-O3", "-march=native", "-DSAFETY", "-DNOREDUCE", "-DNOFAIR", "-DMEMLIM=16000"),
    *("-DNOBOUNDCHECK", "-DNIBIS", "-DSFH"),
]


def build(folder: Path, cpus: int, vcpus: int, pages: int) -> Path:
    """Generate and compile SPIN's verifier; return its path."""
    safety = re.sub(r"ltl covered .*\n", "", twin(cpus, vcpus, pages))
    never = " || ".join(f"(dirty[{c}] && !(mask & {1 << c}))" for c in range(cpus))
    (folder / "model.pml").write_text(
        safety.replace("end: do", f"end: do\n    :: atomic {{ ({never}) -> assert(false) }}")
    )
    subprocess.run(["spin", "-a", "model.pml"], cwd=folder, check=True, capture_output=True)
    subprocess.run(
        ["gcc", *FLAGS, "-o", "pan", "pan.c"], cwd=folder, check=True, capture_output=True
    )
    return folder / "pan"


def spin(pan: Path, table: int, depth: int) -> tuple[int, float]:
    """Run SPIN's verifier; return stored states and CPU seconds."""
    started = spent()
    command = [str(pan), f"-w{table}", f"-m{depth}", "-n"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=pan.parent, check=True)
    seconds = spent() - started
    found = re.search(r"([\d.e+]+) states, stored", done.stdout)
    if found is None or "errors: 0" not in done.stdout or "depth too small" in done.stdout:
        sys.exit(f"SPIN did not finish:\n{done.stdout}")
    return int(float(found[1])), seconds


def spent() -> float:
    """Return the CPU seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(name: str, runs: int) -> float:
    """Run both on one test; print figures and return SPIN's time over ours."""
    cpus, vcpus, pages, table, depth = TESTS[name]
    with tempfile.TemporaryDirectory() as folder:
        pan = build(Path(folder), cpus, vcpus, pages)
        pairs = [(spin(pan, table, depth), ours(name)) for _ in range(runs)]
    theirs = statistics.median(seconds for (_, seconds), _ in pairs)
    mine = statistics.median(found.cpu for _, found in pairs)
    (stored, _), found = pairs[0]
    print(f"{name}: {found.states} states, {found.transitions} transitions")
    print(f"  SPIN stored {stored}; {theirs:.3f} s")
    print(f"  vmlitmus {mine:.3f} s, {found.allocated / found.states:.1f} bytes a state")
    if abs(stored - found.states) > 1 and stored != float(f"{found.states:.7g}"):
        sys.exit("the two do not have the same states")
    print(f"  ratio {theirs / mine:.1f}", flush=True)
    return theirs / mine


if __name__ == "__main__":
    run("spin", TESTS, compare, __doc__)
