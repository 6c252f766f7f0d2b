"""Faults seeded in a search that is divided among workers are seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import Fault
from seeding import hunt, seeded
from shard_faults import FAULTS

ORDINARY = (
    "equal states go to different shards",
    "a batch is lost",
    "a parent is sought where its child is",
)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            fault,
            id=fault.name,
            marks=() if fault.name.startswith(ORDINARY) else pytest.mark.wide,
        )
        for fault in FAULTS
    ],
)
def test_fault_in_a_divided_search_is_seen(fault: Fault, tmp_path: Path) -> None:
    place = seeded(tmp_path, fault.file, fault.old, fault.new)
    done = hunt("sharded/shard_judge.py", place, "--first", fault.at, "--count", 300)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "differs" in done.stdout or "seed" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
