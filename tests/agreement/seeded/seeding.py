"""Put a fault into a copy of the package, and run a hunt for differences on the copy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import vmlitmus

PACKAGE = Path(vmlitmus.__file__).parent
_AGREEMENT = Path(__file__).parents[1]


def seeded(place: Path, file: str, old: str, new: str) -> Path:
    """Return a folder with the package, in which one text of one file is replaced.

    What is not on the way to that file is a link; byte code is neither taken nor written.
    """
    text = (PACKAGE / file).read_text()
    assert text.count(old) == 1, "the fault no longer applies: write it anew"
    folder, original = place / "vmlitmus", PACKAGE
    for name in Path(file).parts:
        folder.mkdir()
        for entry in original.iterdir():
            if entry.name != name:
                (folder / entry.name).symlink_to(entry)
        folder, original = folder / name, original / name
    folder.write_text(text.replace(old, new))
    return place


def hunt(script: str, place: Path, *where: object) -> subprocess.CompletedProcess[str]:
    """Run a hunt, such as "wide/wide_hunt.py", on the package in a folder."""
    command = [sys.executable, str(_AGREEMENT / script), *map(str, where)]
    neighbours = (_AGREEMENT, *(_AGREEMENT / name for name in ("liveness", "seeded", "wide")))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (place, *neighbours))),
        "PYTHONDONTWRITEBYTECODE": "1",  # the byte code of the package is linked to
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
