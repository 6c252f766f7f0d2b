"""The wide tier of symmetry: python tests/agreement/symmetry/orbit_hunt.py --first SEED --count N.

Judges random models whose entities are set up alike, searched by orbits and without; exits 1 at a
disagreement, and says where it is, so that an interrupted run can go on from there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from judge import hunt
from orbit_judge import by_seed, cell_opinion


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--cell", help="judge this cell of the catalogue instead")
    options = parser.parse_args()
    if options.cell:
        found = cell_opinion(options.cell)
        print(f"{options.cell}: {found.differs or found.kind}")
        return int(found.differs is not None)
    return hunt(by_seed, options.first, options.count)


if __name__ == "__main__":
    sys.exit(main())
