"""Run the judge of wide models until it finds a difference: python wide_hunt.py SEED ...

Exits 1, with what it found, if there is a difference. After a single seed, it goes on from seed 0.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from wide_judge import by_seed

MOST = 200  # models


def hunt(seeds: Iterable[int]) -> str | None:
    """Return the first difference found, or None."""
    found = (f"seed {n}: {o.differs}" for n, o, _, _ in by_seed(seeds) if o.differs)
    return next(found, None)


def main(seeds: list[int]) -> int:
    print("judging", flush=True)  # so far, everything could be imported
    difference = hunt(seeds) or (None if len(seeds) > 1 else hunt(range(MOST)))
    print(difference or "no difference")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main([int(seed) for seed in sys.argv[1:]]))
