"""Run the judge until it finds a difference: python hunt.py SEED|CELL ...

Exits 1, with what it found, if there is a difference. Run on copies of the package with a fault in
them; seeds of random models and cells of the catalogue are those of the ordinary tests. After a
single place, it goes on with random models from seed 0.
"""

from __future__ import annotations

import sys

from judge import by_seed, disagreement

from vmlitmus.litmus import Catalogue

MOST = 300  # models


def random_models(first: int, last: int) -> str | None:
    found = (f"seed {n}: {o.differs}" for n, o, _ in by_seed(range(first, last)) if o.differs)
    return next(found, None)


def catalogue(name: str) -> str | None:
    """Compare the engines on one cell of the catalogue."""
    found = Catalogue()
    test = next(t for t in found.tests() if t.name == name.partition("[")[0])
    cell = next(c for c in test.cells if c.name == name)
    machine = cell.machine(found.model_of(test.topic))
    differs = disagreement(machine, [cell.claim], (), most=1 << 20).differs
    return differs and f"{name}: {differs}"


def hunt(places: list[str]) -> str | None:
    """Return the first difference found at some places, or None."""
    for place in places:
        seed = int(place) if place.isdigit() else 0
        found = random_models(seed, seed + 1) if place.isdigit() else catalogue(place)
        if found:
            return found
    return None


def main(places: list[str]) -> int:
    print("judging")  # so far, everything could be imported
    difference = hunt(places) or (None if len(places) > 1 else random_models(0, MOST))
    print(difference or "no difference")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
