"""Faults seeded in the proof of symmetry, in the canonical form and in the counting are seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import Fault
from orbit_faults import FAULTS
from seeding import hunt, seeded

ORDINARY = (
    "a hidden index",
    "a tie is broken by order",
    "conditions",
    "not undone",
    "stands for its orbit",
    "found twice",
)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            fault,
            id=fault.name,
            marks=() if any(word in fault.name for word in ORDINARY) else pytest.mark.wide,
        )
        for fault in FAULTS
    ],
)
def test_fault_in_symmetry_is_seen(fault: Fault, tmp_path: Path) -> None:
    place = seeded(tmp_path, fault.file, fault.old, fault.new)
    if isinstance(fault.at, str):
        done = hunt("symmetry/orbit_hunt.py", place, "--cell", fault.at)
    else:
        done = hunt("symmetry/orbit_hunt.py", place, "--first", fault.at, "--count", 100)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
