"""The judge of liveness sees each seeded fault, and none in the package as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from liveness_faults import FAULTS, NATIVE, REFERENCE, Fault
from seeding import PACKAGE, hunt, seeded


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.file}: {f.name}")
def test_fault_is_seen(fault: Fault, tmp_path: Path) -> None:
    place = seeded(tmp_path, f"engine/{fault.file}", fault.old, fault.new)
    done = hunt("liveness/liveness_hunt.py", place, fault.at)
    assert done.stdout.startswith(f"{fault.at}: "), done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr


def test_without_a_fault_there_is_no_difference() -> None:
    done = hunt(
        "liveness/liveness_hunt.py", PACKAGE.parent, *dict.fromkeys(fault.at for fault in FAULTS)
    )
    assert done.stdout == "no difference\n", done.stdout + done.stderr


def test_faults_are_many_and_in_both_engines() -> None:
    assert len({(f.file, f.name) for f in FAULTS}) == len(FAULTS)
    assert min(len(REFERENCE), len(NATIVE)) >= 10
