"""The wide tier of random models: python tests/agreement/many.py --first SEED --count N.

Prints where it is, so that an interrupted run can go on from there; exits 1 at a disagreement.
"""

from __future__ import annotations

import argparse
import random
import sys

from judge import opinion
from random_models import Writer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=100_000)
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    for seed in range(options.first, options.first + options.count):
        source = random.Random(seed)
        text = Writer(source.randrange).model()
        differs = opinion(text, source.randrange)
        if differs is not None:
            print(f"seed {seed}: {differs}\n{text}")
            return 1
        if seed % 500 == 0:
            print(f"resume with --first {seed + 1}", flush=True)
    print(f"{options.count} models agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
