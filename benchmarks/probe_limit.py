"""How near the search comes to what the machine's memory allows.

A search has to look up each transition's target at a random place of a table that fits no cache.
This measures that alone: random lines of a table as large as the search's, with pages as large,
fetched in batches and compared. Search and limit take turns for ROUNDS rounds. CPU time is
compared, and of each the median counts, because other work on the machine disturbs single rounds;
of several sizes of batches, that with the fastest median. The last line is the search's share.
"""

# ruff: noqa: F821 - the probes are in the kernel language

from __future__ import annotations

import statistics
import sys
import time

from ours import Ours, explore, model_of
from vmlitmus.engine.native.jit import Native
from vmlitmus.engine.native.kernels.keys import mix
from vmlitmus.engine.native.kernels.language import compile_kernel
from vmlitmus.engine.native.storage.memory import Region

TEST = "mask-covers-dirty-cpus-three"
BATCHES = (32, 64, 128)  # probes under way together
PROBES = 6_400_000  # in batches of each size
ROUNDS = 5


def probe(table, lines, keys, rounds):  # type: ignore[no-untyped-def]
    """Look up random keys, a batch at a time; return how many were there."""
    found = 0
    number = 1
    while rounds != 0:
        k = 0
        while k < BATCH:
            number += 0x9E3779B97F4A7C15
            key = mix(number)
            store(keys, k, key)
            prefetch(table, high(key, lines) * 8)
            k += 1
        k = 0
        while k < BATCH:
            key = load(keys, k)
            found += same_lanes(table + high(key, lines) * 64, key, key) != 0
            k += 1
        rounds -= 1
    return found


def probes_a_second(size: int) -> list[float]:
    """Return how many lines of a table of so many bytes can be looked at in a second of CPU.

    There is a figure for each size of batches.
    """
    table = Region(size)
    for place in range(0, size // 8, 256):
        table.set_word(place, 1)  # so that each page is there
    rates = [_rate(table, batch) for batch in BATCHES]
    table.close()
    return rates


def _rate(table: Region, batch: int) -> float:
    """Return how many probes a second batches of one size allow."""
    text = compile_kernel([mix, probe], {"BATCH": batch}, frozenset({"probe"}))
    run, keys = Native(text, 2).function("probe", 4), Region(8 * batch)
    began = time.process_time()
    run(table.address, table.size // 64, keys.address, PROBES // batch)
    return PROBES / (time.process_time() - began)


def main() -> None:
    test = sys.argv[1] if len(sys.argv) > 1 else TEST
    model = model_of(test)
    searches: list[Ours] = []
    limits: list[list[float]] = []
    for _ in range(ROUNDS):
        searches.append(explore(model))
        limits.append(probes_a_second(searches[-1].table))
    found, limit = searches[0], max(map(statistics.median, zip(*limits, strict=True)))
    rate = statistics.median(one.transitions / one.cpu for one in searches)
    print(f"{test}: {found.states:,} states, {found.allocated / found.states:.1f} bytes a state")
    print(f"search {rate / 1e6:.1f} M transitions a second, limit {limit / 1e6:.1f} M probes")
    print(f"share {100 * rate / limit:.0f} %")


if __name__ == "__main__":
    main()
