"""The judge sees faults seeded in the cutting of sequences, the lowering and the search.

Each fault is put into a copy of the package, and the judge of the agreement tests is run on it, on
models and cells that the ordinary tests run too; on the package as it is, it sees none there.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from faults import FAULTS, Fault
from seeding import PACKAGE, hunt, seeded


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_fault_is_seen(fault: Fault, tmp_path: Path) -> None:
    place = seeded(tmp_path, fault.file, fault.old, fault.new)
    done = hunt("seeded/hunt.py", place, fault.at)
    assert done.stdout.startswith("judging"), done.stderr
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr


def test_without_a_fault_there_is_no_difference() -> None:
    places = dict.fromkeys(fault.at for fault in FAULTS)
    done = hunt("seeded/hunt.py", PACKAGE.parent, *places)
    assert done.stdout.split("\n")[1:] == ["no difference", ""], done.stdout + done.stderr
    assert done.returncode == 0


def test_faults_are_many_and_spread() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 20
    areas = Counter(fault.area for fault in FAULTS)
    assert areas["cutting"] >= 6 and areas["lowering"] >= 7 and areas["search"] >= 7
