"""How near the search comes to what the machine's memory allows.

A search has to look up each transition's target at a random place of a table that fits no cache.
This measures that alone: random lines of a table as large as the search's, fetched in batches and
compared. Then it measures the search, in the same run; the last line is the search's share of the
limit. CPU time is compared, so other work on the machine disturbs both alike.
"""

# ruff: noqa: F821 - the probes are in the kernel language

from __future__ import annotations

import sys
import time

from ours import ours
from vmlitmus.engine.native.jit import Native
from vmlitmus.engine.native.kernels.keys import mix
from vmlitmus.engine.native.kernels.language import compile_kernel
from vmlitmus.engine.native.storage.memory import Region

TEST = "mask-covers-dirty-cpus-three"
BATCH = 64  # probes under way together
ROUNDS = 200_000


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


def probes_a_second(size: int) -> float:
    """Return how many lines of a table of so many bytes can be looked at in a second of CPU."""
    text = compile_kernel([mix, probe], {"BATCH": BATCH}, frozenset({"probe"}))
    run = Native(text, 2).function("probe", 4)
    table, keys = Region(size), Region(8 * BATCH)
    for place in range(0, size // 8, 256):
        table.set_word(place, 1)  # so that each page is there
    began = time.process_time()
    run(table.address, size // 64, keys.address, ROUNDS)
    return BATCH * ROUNDS / (time.process_time() - began)


def main() -> None:
    test = sys.argv[1] if len(sys.argv) > 1 else TEST
    found = ours(test)
    rate = found.transitions / found.cpu
    limit = probes_a_second(8 * found.states * 10 // 8 & -64)
    print(f"{test}: {found.states:,} states, {found.allocated / found.states:.1f} bytes a state")
    print(f"search {rate / 1e6:.1f} M transitions a second, limit {limit / 1e6:.1f} M probes")
    print(f"share {100 * rate / limit:.0f} %")


if __name__ == "__main__":
    main()
