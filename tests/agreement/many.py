"""The wide tier of random models: python tests/agreement/many.py --first SEED --count N.

Prints where it is, so that an interrupted run can go on from there; exits 1 at a disagreement.
"""

from __future__ import annotations

import argparse
import sys

from judge import by_seed, hunt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=100_000)
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    return hunt(by_seed, options.first, options.count)


if __name__ == "__main__":
    sys.exit(main())
