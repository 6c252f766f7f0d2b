"""Run the judge until it finds a difference: python hunt.py SEED|CELL ...

Exits 1, with what it found, if there is a difference. Run on copies of the package with a fault in
them; seeds of random models and cells of the catalogue are those of the ordinary tests. After a
single place, it goes on with random models from seed 0.
"""

from __future__ import annotations

import sys

from judge import by_seed

from vmlitmus.engine import run
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import blessed

MOST = 300  # models


def random_models(first: int, last: int) -> str | None:
    found = (f"seed {n}: {o.differs}" for n, o, _ in by_seed(range(first, last)) if o.differs)
    return next(found, None)


def catalogue(name: str) -> str | None:
    """Compare the compiled engine with what is stored of one cell of the catalogue.

    The tests of the catalogue compare what is stored with the reference engine.
    """
    found = Catalogue()
    ((test, (cell, *_)),) = found.select([name], wide=True)
    result = run(cell.machine(found.model_of(test.topic)), cell.claim, engine="compiled")
    counts = [result.states, result.transitions, result.depth]
    stored = blessed(test.topic)[name]
    return None if counts == stored else f"{name}: {counts} and not {stored}"


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
