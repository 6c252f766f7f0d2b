"""Any number of random x86 programs, both engines against the axioms: one seed after the other.

``python tests/memory_order/programs/many.py --first SEED --count N --seconds S`` ends at the first
program that differs, with its text and exit code 1, or says where to go on. ``--family store-load``
takes programs in which each processor stores and then loads what another one stores.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from random_programs import FAMILIES, differs


def main() -> int:
    """Run programs until the count, or the time, is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, help="of processor time")
    parser.add_argument("--native", type=int, default=10, help="every which runs natively, too")
    parser.add_argument("--family", choices=FAMILIES, default="any", help="of programs")
    given = parser.parse_args()
    seed, end = given.first, given.first + given.count
    try:
        while seed < end and (given.seconds is None or time.process_time() < given.seconds):
            found = differs(seed, native=seed % given.native == 0, family=given.family)
            if found is not None:
                print(found)
                return 1
            seed += 1
    except KeyboardInterrupt:
        pass
    print(f"{seed - given.first} programs agree", end="")
    print(f"; go on with --first {seed}" if seed < end else "")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
