"""Run the judge of wide models until it finds a difference: python wide_hunt.py [--fair] SEED ...

--fair judges what has to happen. Exits 1, with what it found, if there is a difference. After a
single seed, it goes on from seed 0.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from wide_judge import by_seed, fair_by_seed

MOST = 200  # models


def hunt(seeds: Iterable[int], *, fair: bool) -> str | None:
    """Return the first difference found, or None."""
    judged = (fair_by_seed if fair else by_seed)(seeds)
    return next((f"seed {n}: {o.differs}" for n, o, _, _ in judged if o.differs), None)


def main(words: list[str]) -> int:
    print("judging", flush=True)  # so far, everything could be imported
    fair, seeds = "--fair" in words, [int(word) for word in words if word != "--fair"]
    difference = hunt(seeds, fair=fair)
    if difference is None and len(seeds) == 1:
        difference = hunt(range(MOST), fair=fair)
    print(difference or "no difference")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
