"""A shipped mechanism more is one file and one line: tried in a copy of the package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vmlitmus

PACKAGE = Path(vmlitmus.__file__).parent

POLICY = '''"""A policy that marks nothing, and asks every cpu that is online."""

from __future__ import annotations

from vmlitmus.lang import Sections, World
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy, send_and_wait
from vmlitmus.world import Cpu, Task, Vm


class Everybody(FlushPolicy):
    """Every cpu writes back."""

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from send_and_wait(w, task, {cpu for cpu in w.all(Cpu) if cpu.online})
'''
APPROACH = '''"""The siblings of vcpus kept free of device interrupts, and nothing else."""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.world.smt_protection import Cpu


class Quiet(SmtMechanism):
    """No device interrupt is routed to a sibling of a vcpu."""

    def admits_device_irq(self, w: World, cpu: Cpu) -> bool:
        return False
'''
QUESTION = """question = "Does the new one do?"
topic = "{topic}"

[claim]
never = "{condition}"

[environment]
allow = {allow}

[{table}]
"""
RECLAIM = ["guest-write", "eviction", "migration", "reclaim", "host-reuse"]


@pytest.mark.parametrize(
    ("folder", "text", "asked", "change"),
    [
        (
            "cache_flush/policies",
            POLICY,
            {"topic": "cache-flush", "condition": "stale-encrypted-line", "allow": RECLAIM}
            | {"table": "kvm", "key": "cache_flush", "class": "Everybody"},
            ("if cpu.online", "if cpu.online and cpu.index == 0"),
        ),
        (
            "smt_protection/approaches",
            APPROACH,
            {"topic": "smt-protection", "condition": "sibling-interrupt-pending"}
            | {"allow": ["device-irq"], "table": "host", "key": "mechanism", "class": "Quiet"},
            ("return False", "return True"),
        ),
    ],
)
def test_one_file_and_one_line(
    tmp_path: Path, folder: str, text: str, asked: dict[str, Any], change: tuple[str, str]
) -> None:
    package = tmp_path / "vmlitmus"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    place = package / "model" / "kvm" / folder
    names = place / "__init__.py"
    line = f'        "added": "{place.name}.added.{asked["class"]}",\n'
    names.write_text(names.read_text().replace('        "none":', line + '        "none":'))
    question = tmp_path / "question.toml"
    question.write_text(QUESTION.format(**asked) + f'{asked["key"]} = "added"\n')
    (place / "added.py").write_text(text)
    assert check(tmp_path, question) == "holds"
    (place / "added.py").write_text(text.replace(*change))
    assert check(tmp_path, question) == "violated"


def check(place: Path, question: Path) -> str:
    """Check a question with the package in a folder, and return its verdict."""
    environ = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "vmlitmus", "check", "--json", str(question)]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=place)
    assert done.returncode == 0, done.stderr
    (test,) = json.loads(done.stdout)["tests"]
    verdict: str = test["verdict"]
    return verdict
