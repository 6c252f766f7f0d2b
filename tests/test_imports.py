"""Imports go one way: which package may import which."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vmlitmus

ROOT = Path(vmlitmus.__file__).parent
MAY = {
    "lang": set(),
    "world": {"lang"},
    "claims": {"lang", "world"},
    "model": {"lang", "world", "claims"},
    "outcome": set(),
    "engine": {"lang", "outcome"},
    "report": {"outcome"},
    "scenario": {"lang", "outcome"},
    "litmus": {"lang", "model", "outcome", "scenario"},
}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
        found |= {n.split(".")[1] for n in names if n.startswith("vmlitmus.")}
    return found - {"errors"}


@pytest.mark.parametrize("package", MAY)
def test_imports_go_one_way(package: str) -> None:
    single = ROOT / f"{package}.py"
    for path in [single] if single.exists() else (ROOT / package).rglob("*.py"):
        assert imported(path) <= MAY[package] | {package}, path


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from vmlitmus.cli.main import main; main(['--help']);"
        "print([m for m in ('llvmlite', 'rich', 'vmlitmus.lang') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
