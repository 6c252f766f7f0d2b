"""What a Ray cluster costs: python benchmarks/cluster.py [TEST] [WORKERS].

All figures are CPU seconds of this process and of all that it started, in one run on one machine:
to start a cluster, to have one item worked on, for one round of a divided search in which nothing
is sent, and for a search, on one core, divided in this process, and divided among workers.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from vmlitmus.compiler import Machine
from vmlitmus.decide import Job
from vmlitmus.decide.cluster import shards_on, spread_on
from vmlitmus.engine.limits import Limits
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.sharded.search import ShardedSearch, Workers
from vmlitmus.litmus import Catalogue

TEST = "mask-covers-dirty-cpus-three"
FIRST, ITEMS, ROUNDS = 20, 300, 100
TICK = os.sysconf("SC_CLK_TCK")


def spent() -> float:
    """Return the CPU seconds of this process and of all below it, dead children included."""
    parents, times = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = place.joinpath("stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(place.name)
        parents[pid] = int(fields[1])
        times[pid] = sum(map(int, fields[11:15])) / TICK
    mine = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return sum(times.get(pid, 0.0) for pid in mine)


class Clock:
    """Prints what was spent since the last time."""

    def __init__(self) -> None:
        self.cpu, self.wall = spent(), time.monotonic()

    def lap(self, what: str, parts: int = 1) -> float:
        cpu, wall = spent(), time.monotonic()
        used = (cpu - self.cpu) / parts
        print(f"{what}: {used:.4f} s of CPU, {(wall - self.wall) / parts:.4f} s", flush=True)
        self.cpu, self.wall = spent(), time.monotonic()
        return used


def search(machine: Machine, watched: tuple[str, ...], workers: Workers) -> ShardedSearch:
    model = compile_machine(machine, watched)
    made = ShardedSearch(model, workers, limits=Limits())
    found = made.run()
    assert found.stopped is None, found.stopped
    sent = sum(report.sent for report in made.reports)
    print(f"  {found.states} states, {found.transitions} transitions, {sent} sent", flush=True)
    return made


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests/agreement/sharded"))
    from here import Here

    name, size = (*sys.argv[1:3], *(TEST, "3")[len(sys.argv) - 1 :])[:2]
    number = int(size)
    catalogue = Catalogue()
    ((test, (cell, *_)),) = catalogue.select([name], wide=True)
    machine = Job(catalogue).machine(test, cell)
    watched = cell.claim.conditions
    clock = Clock()
    with Search(compile_machine(machine, watched), effort=2, cores=1) as made:
        clock.lap("compiling")
        made.run()
        clock.lap("one core")
    ShardedSearch(compile_machine(machine, watched), Here(number), limits=Limits(seconds=0)).run()
    clock.lap("compiling for shards")
    search(machine, watched, Here(number))
    clock.lap(f"divided among {number} in this process")
    with ExitStack() as stack:
        workers = stack.enter_context(shards_on("local", number))
        clock.lap("starting a cluster")
        model = compile_machine(machine, watched)
        ShardedSearch(model, workers, limits=Limits(seconds=0)).run()
        clock.lap("starting the workers, which compile")
        made = search(machine, watched, workers)
        clock.lap(f"divided among {number} workers")
        for _ in range(ROUNDS):
            made._expand_level()
        clock.lap("a round in which nothing is sent", ROUNDS)
    clock = Clock()
    for count, _ in enumerate(spread_on("local", str, range(ITEMS + FIRST)), 1):
        if count == FIRST:
            clock.lap("a cluster that has done its first items")
        if count == FIRST + ITEMS:  # before the cluster ends, with what its processes have spent
            clock.lap("an item", ITEMS)


if __name__ == "__main__":
    main()
