"""Run the judge until it finds a difference: python hunt.py. Exits 1, with what it found, if any.

Used on copies of the package with a fault in them. Random models are taken by seed, as in the
ordinary tests; a few catalogue cells have more states than they.
"""

from __future__ import annotations

import random
import sys

from judge import disagreement, judged
from random_models import Writer

from vmlitmus.litmus import Catalogue

MOST = 300  # models
CELLS = ("offline-closed-by-dying-writeback", "wished-no-mark")  # about 2,000 and 6,100 states


def random_models(first: int, last: int) -> str | None:
    for seed in range(first, last):
        source = random.Random(seed)
        text = Writer(source.randrange).model()
        differs = judged(text, source.randrange).differs
        if differs is not None:
            return f"seed {seed}: {differs}"
    return None


def catalogue(name: str) -> str | None:
    found = Catalogue()
    test = next(t for t in found.tests() if t.name == name)
    cell = test.cells[0]
    machine = cell.machine(found.model_of(test.topic))
    differs = disagreement(machine, [cell.claim], (), most=1 << 20).differs
    return differs and f"{name}: {differs}"


def hunt() -> str | None:
    """Return the first difference found, or None."""
    found = random_models(0, 40)
    for name in CELLS:
        found = found or catalogue(name)
    return found or random_models(40, MOST)


if __name__ == "__main__":
    difference = hunt()
    print(difference or "no difference")
    sys.exit(1 if difference else 0)
