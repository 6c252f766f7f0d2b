"""The judge of liveness sees each seeded fault, and none in the package as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from liveness_faults import FAULTS, NATIVE, REFERENCE, Fault

import vmlitmus

PACKAGE = Path(vmlitmus.__file__).parent
HUNT = Path(__file__).parent / "liveness_hunt.py"


def hunt(place: Path, *where: str) -> subprocess.CompletedProcess[str]:
    """Run the judge on the package in a folder."""
    command = [sys.executable, str(HUNT), *where]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)


def seeded(fault: Fault, place: Path) -> Path:
    """Return a folder with the package and the fault in it."""
    shutil.copytree(PACKAGE, place / "vmlitmus", ignore=shutil.ignore_patterns("catalogue"))
    path = place / "vmlitmus" / "engine" / fault.file
    text = path.read_text()
    assert text.count(fault.old) == 1, "the fault no longer applies: write it anew"
    path.write_text(text.replace(fault.old, fault.new))
    return place


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.file}: {f.name}")
def test_fault_is_seen(fault: Fault, tmp_path: Path) -> None:
    done = hunt(seeded(fault, tmp_path), fault.at)
    assert done.stdout.startswith(f"{fault.at}: "), done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr


def test_without_a_fault_there_is_no_difference() -> None:
    done = hunt(PACKAGE.parent, *dict.fromkeys(fault.at for fault in FAULTS))
    assert done.stdout == "no difference\n", done.stdout + done.stderr


def test_faults_are_many_and_in_both_engines() -> None:
    assert len({(f.file, f.name) for f in FAULTS}) == len(FAULTS)
    assert min(len(REFERENCE), len(NATIVE)) >= 10
