"""All peers in one table: python benchmarks/table.py [--peers STATES] [--largest STATES].

The twins of mask-covers-dirty-cpus grow: more cpus, vcpus and pages. Each row is one size, run once
by each, one after the other: our search on one core and on two, our search by orbits; SPIN with its
best settings; Rumur on one core and on two, and with scalarsets in its faster way, the heuristic.
Seconds are of CPU, so that other work on the machine counts less; wall seconds stand where two
cores work. Compilation is left out everywhere. The last lines are the ratios of the largest size
that all have run, how near our search comes to the machine's limit of random probes, and how much
two cores help: one search on both, and two searches at once that share nothing, which says what the
machine's caches and memory allow. Two cores are compared with the largest search of the table, and
with the first states of one that lasts: other cores help from about 0.3 s on.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import against_rumur
import against_scalarsets
import against_spin
from ours import explore
from probe_limit import probes_a_second
from vmlitmus.compiler import Machine
from vmlitmus.compiler.symmetry import symmetry
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.storage.store import NativeModel
from vmlitmus.engine.native.symmetry.orbits import OrbitSearch, orbits
from vmlitmus.litmus import Catalogue

TEST = "mask-covers-dirty-cpus-three"
SIZES = {  # states, by cpus, vcpus and pages
    (2, 2, 2): 41_319,
    (4, 2, 1): 315_285,
    (3, 3, 1): 1_046_872,
    (4, 2, 2): 11_679_661,
    (4, 3, 1): 15_078_621,
}
LASTING = (4, 3, 2), 60_000_000  # a size with more than 10^8 states, and how many are searched
COLUMNS = "ours, 1 core|2, wall|orbits|SPIN|Rumur|2, wall|scalarsets"


def machine_of(cpus: int, vcpus: int, pages: int) -> Machine:
    """Return the machine of the test in another size."""
    catalogue = Catalogue()
    test, (cell, *_) = catalogue.select([TEST], wide=True)[0]
    lists = {"vm": ({"vcpus": vcpus, "pages": pages},)}
    cell = dataclasses.replace(cell, tables={"machine": {"cores": cpus}}, lists=lists)
    return cell.machine(catalogue.model_of(test.topic))


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what some work returns, and its seconds of CPU and of wall; children count."""
    wall, cpu = time.monotonic(), _cpu()
    found = work()
    return found, _cpu() - cpu, time.monotonic() - wall


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def ours(size: tuple[int, int, int]) -> list[float]:
    """Return our seconds: on one core, on two, by orbits."""
    machine = machine_of(*size)
    model = compile_machine(machine, machine.conditions)
    found = [explore(model, cores) for cores in (1, 2)]
    if any(one.states != SIZES[size] for one in found):
        sys.exit(f"{size}: {found[0].states} states")
    by = orbits(machine, symmetry(machine, ("dirty-outside-mask",)))
    assert by is not None
    with OrbitSearch(compile_machine(machine, ("dirty-outside-mask",), orbits=by), effort=2) as s:
        whole, cpu, _ = measured(s.run)
    if whole.states != SIZES[size]:
        sys.exit(f"{size}: {whole.states} states in the orbits")
    return [found[0].cpu, found[1].seconds, cpu]


def spin(size: tuple[int, int, int]) -> list[float]:
    """Return SPIN's seconds."""
    states = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        pan = against_spin.build(Path(folder), *size)
        depth = max(100_000, states // 2)
        (stored, _), cpu, _ = measured(lambda: against_spin.spin(pan, states.bit_length(), depth))
    if abs(stored - states) > 1 and stored != float(f"{states:.7g}"):
        sys.exit(f"{size}: SPIN has {stored} states")
    return [cpu]


def rumur(size: tuple[int, int, int]) -> list[float]:
    """Return Rumur's seconds: on one core, on two, with scalarsets."""
    found = []
    for threads in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            slots = 1 << (SIZES[size] * 3 // 2).bit_length()
            checker = against_rumur.build(Path(folder), *size, slots, threads=threads)
            (states, _, _), cpu, wall = measured(lambda: against_rumur.rumur(checker))  # noqa: B023
        if states != SIZES[size]:
            sys.exit(f"{size}: Rumur has {states} states")
        found.append(cpu if threads == 1 else wall)
    with tempfile.TemporaryDirectory() as folder:
        checker = against_scalarsets.build(Path(folder), "heuristic", size)
        _, cpu, _ = measured(lambda: against_scalarsets.rumur(checker))
    return [*found, cpu]


def two_cores(model: NativeModel, turns: int, most: int | None = None) -> tuple[float, float]:
    """Return how much faster two cores are: with one search, and with two that share nothing.

    Each search has all states of the model, or about ``most``.
    """
    fork = multiprocessing.get_context("fork")
    ratios = []
    for _ in range(turns):
        alone = explore(model, 1, most).seconds
        together = explore(model, 2, most).seconds
        seconds = fork.SimpleQueue()
        both = [
            fork.Process(target=lambda: seconds.put(explore(model, 1, most).seconds))  # noqa: B023
            for _ in range(2)
        ]
        for one in both:
            one.start()
        ratios.append((alone / together, 2 * alone / max(seconds.get() for _ in both)))
        for one in both:
            one.join()
    one_search, two_searches = zip(*ratios, strict=True)
    return statistics.median(one_search), statistics.median(two_searches)


def row(size: tuple[int, int, int], peers: bool) -> list[float]:
    """Measure one size; print its row."""
    seconds = ours(size)
    if peers:
        seconds += spin(size) if shutil.which("spin") else [float("nan")]
        seconds += rumur(size) if shutil.which("rumur") else [float("nan")] * 3
    cells = [f"{s:.3f}" if s < 1 else f"{s:.1f}" for s in seconds]
    print(f"{SIZES[size]:>12,}" + "".join(f"{c:>14}" for c in cells), flush=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=int, default=2_000_000, help="most states for the peers")
    parser.add_argument("--largest", type=int, default=20_000_000, help="most states for ours")
    options = parser.parse_args()
    print(f"{'states':>12}" + "".join(f"{head:>14}" for head in COLUMNS.split("|")))
    rows = {
        size: row(size, states <= options.peers)
        for size, states in SIZES.items()
        if states <= options.largest
    }
    compared = [size for size in rows if len(rows[size]) > 3]
    if compared:
        one, two, by_orbits, theirs, murphi, murphi_two, scalarsets = rows[compared[-1]]
        print(f"{SIZES[compared[-1]]:,} states: SPIN {theirs / one:.1f} times our time,", end=" ")
        print(f"Rumur {murphi / one:.1f}, on two cores {murphi_two / two:.1f},", end=" ")
        print(f"with scalarsets {scalarsets / by_orbits:.1f}")
    size = list(rows)[-1]
    machine = machine_of(*size)
    model = compile_machine(machine, machine.conditions)
    found = explore(model)
    rate, limit = found.transitions / found.cpu, max(probes_a_second(found.table))
    print(f"{found.states:,} states: {100 * rate / limit:.0f} % of the limit of", end=" ")
    print(
        f"{limit / 1e6:.0f} M probes a second, {found.allocated / found.states:.1f} bytes a state"
    )
    compare_cores(f"{found.states:,} states", model, None)
    machine = machine_of(*LASTING[0])
    model = compile_machine(machine, machine.conditions)
    compare_cores(f"the first {LASTING[1]:,} states of a larger one", model, LASTING[1])


def compare_cores(which: str, model: NativeModel, most: int | None) -> None:
    """Print how much faster two cores are."""
    shared, apart = two_cores(model, 5, most)
    print(f"two cores, {which}: {shared:.2f} times as fast as one, wall, median of 5;", end=" ")
    print(f"two searches at once that share nothing: {apart:.2f} times", flush=True)


if __name__ == "__main__":
    main()
