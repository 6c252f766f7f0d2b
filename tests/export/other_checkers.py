"""Run SPIN and Rumur on an exported test."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from vmlitmus.lang import Claim
from vmlitmus.outcome import Verdict

NEEDS = {"promela": ("spin", "gcc"), "murphi": ("rumur", "gcc")}
_SPIN = [
    ["spin", "-o2", "-a", "model"],
    ["gcc", "-O0", "-w", "-DSAFETY", "-DNOREDUCE", "-DMEMLIM=4000", "pan.c", "-o", "checker"],
    ["./checker", "-m2000000"],
]
_RUMUR = [
    [
        *("rumur", "--threads", "1", "--deadlock-detection", "off"),
        *("--symmetry-reduction", "off", "--output", "model.c", "model"),
    ],
    ["gcc", "-O0", "-w", "-std=c11", "-mcx16", "model.c", "-o", "checker", "-lpthread"],
    ["./checker"],
]


@dataclass(frozen=True)
class Opinion:
    """What another checker found: whether the condition is reached, and how many states it saw."""

    reached: bool
    states: int


def is_reached(claim: Claim, verdict: Verdict) -> bool:
    """Say whether a verdict of ours means that the claim's condition is reached."""
    return (verdict is Verdict.HOLDS) == (claim.kind == "possible")


def opinion(text: str, language: str, folder: Path) -> Opinion:
    """Return what the checker of a language says of an exported text."""
    (folder / "model").write_text(text, encoding="ascii")
    output = ""
    for command in _SPIN if language == "promela" else _RUMUR:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        if done.returncode and command[0] != "./checker":
            raise AssertionError(f"{command[0]} refuses the text:\n{output}")
    if language == "promela":
        assert "error: max search depth too small" not in output, output
        errors, states = r"errors: (\d+)", r"(\d+) states, stored"
    else:
        errors, states = r"(\d+|No) error\(?s?\)? ?found", r"(\d+) states,"
    found, seen = re.search(errors, output), re.search(states, output)
    assert found and seen, output
    return Opinion(found[1] not in ("0", "No"), int(seen[1]))
