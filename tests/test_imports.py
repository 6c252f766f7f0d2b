"""Imports go one way: which package may import which, and which may use what from outside."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vmlitmus
from vmlitmus.lang import Hooks
from vmlitmus.model import TOPICS

ROOT = Path(vmlitmus.__file__).parent
MAY = {
    "errors": set(),
    "lang": {"errors"},
    "world": {"lang"},
    "claims": {"lang", "world"},
    "model": {"errors", "lang", "world", "claims"},
    "outcome": set(),
    "engine": {"errors", "lang", "outcome"},
    "report": {"audited", "outcome", "traced"},
    "scenario": {"errors", "lang", "outcome"},
    "litmus": {"errors", "lang", "model", "outcome", "scenario"},
    "decide": {"errors", "lang", "outcome", "engine", "scenario", "litmus"},
    "trace": {"errors", "engine"},  # of the engine, the kernel language and its compiler
    "audited": set(),
    "traced": {"audited"},
    "audit": {"audited", "errors", "trace", "traced"},
    "cli": {
        "audit",
        "audited",
        "decide",
        "engine",
        "errors",
        "lang",
        "litmus",
        "outcome",
        "report",
        "scenario",
        "trace",
    },
    "__main__": {"cli"},
    "__init__": set(),
}
OUTSIDE = {
    "engine": {"llvmlite"},
    "cli": {"click", "rich"},
    "report": {"jinja2"},
    "trace": {"zstandard"},
}
MECHANISMS: set[type[Hooks]] = {
    kind for model in TOPICS.values() for known in model.hooks.values() for kind in known.values()
}
PROTOCOLS = {kind.__module__ for model in TOPICS.values() for kind in model.hooks}


def imported(path: Path) -> set[str]:
    """Return the full names of all that a file imports, at its top or inside."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(package: str) -> Iterator[Path]:
    single = ROOT / f"{package}.py"
    yield from [single] if single.exists() else (ROOT / package).rglob("*.py")


def test_every_package_is_in_the_table() -> None:
    parts = {p.relative_to(ROOT).parts[0].removesuffix(".py") for p in ROOT.rglob("*.py")}
    assert parts == set(MAY)


@pytest.mark.parametrize("package", MAY)
def test_imports_go_one_way(package: str) -> None:
    for path in files(package):
        names = {name.split(".")[1] for name in imported(path) if name.startswith("vmlitmus.")}
        assert names <= MAY[package] | {package, "__version__"}, path


@pytest.mark.parametrize("package", MAY)
def test_packages_from_outside(package: str) -> None:
    for path in files(package):
        outside = {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names)
        assert outside - {"vmlitmus"} <= OUTSIDE.get(package, set()), path


def test_topics_do_not_import_each_other() -> None:
    kvm = ROOT / "model" / "kvm"
    for folder in (path for path in kvm.iterdir() if path.is_dir()):
        for path in folder.rglob("*.py"):
            used = {n.split(".")[3] for n in imported(path) if n.startswith("vmlitmus.model.kvm.")}
            assert not {n for n in used if (kvm / n).is_dir()} - {folder.name}, path


@pytest.mark.parametrize("module", sorted({kind.__module__ for kind in MECHANISMS} - PROTOCOLS))
def test_a_mechanism_takes_another_only_to_extend_it(module: str) -> None:
    """Files that declare hook classes are shared by the mechanisms."""
    own = [kind for kind in vars(sys.modules[module]).values() if isinstance(kind, type)]
    own = [kind for kind in own if kind.__module__ == module]
    extended = {base for kind in own for base in kind.__mro__}
    names = imported(Path(sys.modules[module].__file__ or ""))
    taken = {k for k in MECHANISMS if f"{k.__module__}.{k.__name__}" in names}
    assert {k for k in taken if k.__module__ not in PROTOCOLS} <= extended


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from vmlitmus.cli.main import main; main(['--help']);"
        "print([m for m in ('llvmlite', 'rich', 'jinja2', 'vmlitmus.lang') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
