"""Judge the engines on random graphs: python liveness_hunt.py [KIND-SEED ...].

KIND is "random" or "nested". Exits 1, with what it found, if an engine is wrong on one of them.
Run on copies of the package with a fault in them.
"""

from __future__ import annotations

import random
import sys

from fair_graphs import nested_graph, random_graph
from test_fair_graphs import differs

from vmlitmus.errors import EnginesDisagree

KINDS = {"random": random_graph, "nested": nested_graph}
MOST = 300  # seeds


def found(place: str) -> str | None:
    """Return what is wrong at a place, such as "nested-7", or None."""
    kind, _, seed = place.partition("-")
    source = random.Random(int(seed))
    graph = KINDS[kind](source.randrange)
    claim = ("eventually", "leads_to")[source.randrange(2)]
    try:
        return differs(graph, claim)
    except EnginesDisagree as error:
        return f"engines disagree: {error}"


def main(places: list[str]) -> int:
    places = places or [f"{kind}-{seed}" for seed in range(MOST) for kind in KINDS]
    for place in places:
        problem = found(place)
        if problem:
            print(f"{place}: {problem}")
            return 1
    print("no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
