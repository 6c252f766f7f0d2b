"""Ask SPIN and Rumur about the catalogue: python tests/export/second_opinion.py [--cells N].

For each ordinary cell that asks "never" or "possible", both checkers decide the exported text. The
verdict has to be ours, and where the whole space is searched, so has the number of states. Exits 1
where one differs. Cells are taken from all topics in turn, in an order that --seed chooses.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from other_checkers import NEEDS, is_reached, opinion

from vmlitmus.decide import Job
from vmlitmus.engine.limits import Limits
from vmlitmus.engine.run import run
from vmlitmus.export import exported
from vmlitmus.litmus.catalogue import Catalogue
from vmlitmus.scenario import Cell, Test


def cells(catalogue: Catalogue, seed: int) -> Iterator[tuple[Test, Cell]]:
    """Yield the ordinary cells that can be exported, a topic at a time in turn."""
    topics: dict[str, list[tuple[Test, Cell]]] = {}
    for test, chosen in catalogue.select([], wide=False):
        asked = [(test, c) for c in chosen if c.claim.kind in ("never", "possible")]
        topics.setdefault(test.topic, []).extend(asked)
    for pairs in topics.values():
        random.Random(seed).shuffle(pairs)
    while any(topics.values()):
        for pairs in topics.values():
            if pairs:
                yield pairs.pop()


def differences(job: Job, test: Test, cell: Cell, largest: int) -> tuple[bool, bool, list[str]]:
    """Return whether it was asked, whether states were compared, and what differs."""
    machine = job.machine(test, cell)
    ours = run(machine, cell.claim)
    if ours.states > largest:
        return False, False, []
    reached = is_reached(cell.claim, ours.verdict)
    found = []
    for language in NEEDS:
        text = exported(machine, cell.claim, [cell.name], language)
        with tempfile.TemporaryDirectory() as folder:
            theirs = opinion(text, language, Path(folder))
        if theirs.reached != reached:
            found.append(f"{cell.name}: {language}: reached {theirs.reached}, ours {reached}")
        elif not reached and theirs.states != ours.states:
            found.append(f"{cell.name}: {language}: {theirs.states} states, ours {ours.states}")
    return True, not reached, found


def main() -> int:
    """Compare; print each difference, and at the end how much was compared."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=300, help="how many cells (default 300)")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many first (default 0)")
    parser.add_argument("--largest", type=int, default=50_000, help="states of ours, at most")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    missing = {tool for tools in NEEDS.values() for tool in tools if not shutil.which(tool)}
    if missing:
        sys.exit(f"NOT RUN: {', '.join(sorted(missing))} cannot be found")
    catalogue = Catalogue()
    job = Job(catalogue, limits=Limits())
    done = counted = 0
    topics: set[str] = set()
    differ: list[str] = []
    for test, cell in itertools.islice(cells(catalogue, asked.seed), asked.skip, None):
        if done >= asked.cells:
            break
        ran, states, found = differences(job, test, cell, asked.largest)
        done, counted = done + ran, counted + states
        topics.add(test.topic)
        differ += found
        for line in found:
            print(line, flush=True)
        if sys.stderr.isatty():
            print(f"\r{done} cells", end="", file=sys.stderr, flush=True)
    print(
        f"{done} cells of {len(topics)} topics: {len(differ)} differences with SPIN and Rumur; "
        f"the number of states was compared in {counted}"
    )
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
