"""The judge sees faults seeded in the cutting of sequences, the lowering and the search.

Each fault is put into a copy of the package, and the judge of the agreement tests is run on it, on
models and cells that the ordinary tests run too; on the package as it is, it sees none there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from faults import FAULTS, Fault

import vmlitmus

PACKAGE = Path(vmlitmus.__file__).parent
HUNT = Path(__file__).parent / "hunt.py"


def judge(place: Path, *where: object) -> subprocess.CompletedProcess[str]:
    """Run the judge on the package in a folder."""
    command = [sys.executable, str(HUNT), *map(str, where)]
    environment = {**os.environ, "PYTHONPATH": str(place)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)


def seeded(fault: Fault, place: Path) -> Path:
    """Return a folder with the package and the fault in it."""
    shutil.copytree(PACKAGE, place / "vmlitmus", ignore=shutil.ignore_patterns("catalogue"))
    (place / "vmlitmus" / "catalogue").symlink_to(PACKAGE / "catalogue")
    path = place / "vmlitmus" / fault.file
    text = path.read_text()
    assert text.count(fault.old) == 1, "the fault no longer applies: write it anew"
    path.write_text(text.replace(fault.old, fault.new))
    return place


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_fault_is_seen(fault: Fault, tmp_path: Path) -> None:
    done = judge(seeded(fault, tmp_path), fault.at)
    assert done.stdout.startswith("judging"), done.stderr
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr


def test_without_a_fault_there_is_no_difference() -> None:
    done = judge(PACKAGE.parent, *dict.fromkeys(fault.at for fault in FAULTS))
    assert done.stdout.split("\n")[1:] == ["no difference", ""], done.stdout + done.stderr
    assert done.returncode == 0


def test_faults_are_many_and_spread() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 20
    areas = Counter(fault.area for fault in FAULTS)
    assert areas["cutting"] >= 6 and areas["lowering"] >= 7 and areas["search"] >= 7
