"""Imports go one way: which package may import which, and which may use what from outside."""

from __future__ import annotations

import ast
import importlib.util
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
    "frozen": set(),
    "printable": set(),
    "named_file": set(),
    "lang": {"errors", "frozen"},
    "compiler": {"errors", "frozen", "lang"},
    "world": {"lang"},
    "claims": {"lang", "world"},
    "model": {"errors", "lang", "world", "claims"},
    "outcome": {"frozen"},
    "engine": {"compiler", "errors", "frozen", "lang", "outcome"},
    "export": {"compiler", "errors", "lang", "printable"},
    "herd": {"errors", "lang", "printable"},
    "report": {"frozen", "outcome", "printable"},
    "scenario": {"compiler", "errors", "frozen", "lang", "outcome"},
    "litmus": {
        "errors",
        "frozen",
        "herd",
        "lang",
        "model",
        "named_file",
        "outcome",
        "printable",
        "scenario",
    },
    "decide": {"compiler", "engine", "errors", "frozen", "lang", "litmus", "outcome", "scenario"},
    "explore": {
        "compiler",
        "decide",
        "engine",
        "errors",
        "lang",
        "litmus",
        "outcome",
        "report",
        "scenario",
    },
    "trace": {"errors", "engine"},  # of the engine, the kernel language and its compiler
    "validation": {
        "audit",
        "compiler",
        "engine",
        "errors",
        "lang",
        "model",
        "outcome",
        "trace",
        "world",
    },
    "simulation": {
        "compiler",
        "decide",
        "engine",
        "errors",
        "lang",
        "litmus",
        "named_file",
        "outcome",
        "printable",
        "scenario",
    },
    "host": {"errors", "outcome"},
    "audit": {
        "compiler",
        "engine",
        "errors",
        "host",
        "lang",
        "model",
        "named_file",
        "outcome",
        "trace",
    },
    "cli": {
        "api",
        "audit",
        "compiler",
        "decide",
        "engine",
        "errors",
        "explore",
        "export",
        "frozen",
        "host",
        "lang",
        "litmus",
        "named_file",
        "outcome",
        "printable",
        "report",
        "scenario",
        "simulation",
        "trace",
        "validation",
    },
    "__main__": {"cli"},
    "api": {
        "decide",
        "engine",
        "errors",
        "lang",
        "litmus",
        "outcome",
        "report",
        "scenario",
    },
    "pytest_plugin": {"api", "named_file", "outcome", "report", "errors"},
    "__init__": {"api"},
}
ROOMS = {  # inside a package, or a room of it: which folder may import which, "" for files beside
    "host": {
        "cpus": {""},
        "tasks": {"cpus", ""},
        "kernel": {"cpus", ""},
        "vmm": {"cpus"},
        "saved": {"cpus", "kernel", "tasks", "vmm", ""},
        "": set(),
    },
    "audit": {
        "lifted": set(),
        "vm": {"lifted", ""},
        "claims": {"lifted", "vm", ""},
        "trace": set(),
        "": {"lifted", "vm", "claims", "trace"},
    },
    "trace": {
        "tracepoints": {""},
        "decoders": {""},
        "dat": {"tracepoints", "decoders", ""},
        "": {"tracepoints", "decoders", "dat"},
    },
    "lang": {"syntax": set(), "": {"syntax"}},
    "report": {
        "timed": {""},
        "grids": {"timed", ""},
        "ablation": {""},
        "audit": {""},
        "html": {"grids", "timed", "ablation", "audit", ""},
        "exchange": {"grids", ""},
        "": set(),
    },
    "litmus": {
        "keys": set(),
        "format": {"keys"},
        "user_model": set(),
        "": {"format", "user_model"},
    },
    "outcome": {"": set()},
    "simulation": {
        "laws": set(),
        "simulators": {"laws", "measures"},
        "measures": {"laws"},
        "worst": {"laws", "simulators", "measures", ""},
        "": {"laws", "simulators", "measures"},
    },
    "cli": {
        "output": set(),
        "shell": set(),
        "audit": {"output", ""},
        "catalogue": {"output", "shell", ""},
        "runs": {"output", "shell", ""},
        "decide": {"output", "shell", "runs", ""},
        "ablation": {"output", "shell", ""},
        "": {"output"},
    },
    "compiler": {
        "sections": set(),
        "ir": set(),
        "lowering": {"sections", "ir"},
        "machine": {"sections", "ir", "lowering"},
        "symmetry": {"ir", "machine"},
        "": {"sections", "ir", "lowering", "machine"},
    },
    "compiler/machine": {"memory_order": {""}, "": {"memory_order"}},
    "engine": {
        "reference": {""},
        "native": {"reference", ""},
        "ablation": {"reference", "native", ""},
        "": {"reference", "native", "ablation"},
    },
    "engine/native": {
        "kernels": set(),
        "storage": {"kernels", ""},
        "symmetry": {""},
        "sharded": {"kernels", "storage", "symmetry", ""},
        "": {"kernels", "storage", "symmetry"},
    },
}
OUTSIDE = {
    "cli": {"click", "rich", "uvicorn"},
    "decide": {"ray"},
    "engine": {"llvmlite"},
    "explore": {"anyio", "starlette"},
    "host": {"defusedxml", "zstandard"},
    "pytest_plugin": {"pytest"},
    "report": {"jinja2", "matplotlib"},
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


@pytest.mark.parametrize(("package", "room"), [(p, r) for p in ROOMS for r in ROOMS[p]])
def test_rooms_of_a_package_import_one_way(package: str, room: str) -> None:
    top = ROOT / package
    assert {p.name for p in top.iterdir() if (p / "__init__.py").exists()} | {""} == set(
        ROOMS[package]
    )
    for path in (top / room).rglob("*.py") if room else top.glob("*.py"):
        own = ".".join(("vmlitmus", *package.split("/"), ""))
        for name in (name for name in imported(path) if name.startswith(own)):
            other = name.removeprefix(own).split(".")[0]
            other = other if other in ROOMS[package] else ""
            assert other in ROOMS[package][room] | {room}, (path, name)


def test_no_import_goes_round_in_a_circle() -> None:
    """Imports inside functions count as well."""
    modules = {
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in ROOT.rglob("*.py")
    }
    uses = {}
    for module, path in modules.items():
        named = {n if n in modules else n.rpartition(".")[0] for n in imported(path)}
        uses[module] = named & set(modules)
    left = set(modules)
    while ends := {module for module in left if not uses[module] & left}:
        left -= ends
    while ends := {m for m in left if not any(m in uses[o] for o in left)}:
        left -= ends
    assert not left, sorted(left)


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
        "heavy = ('llvmlite', 'matplotlib', 'rich', 'jinja2', 'starlette', 'vmlitmus.lang');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")


IDLE = (  # what a check of one small test has no use for
    "hashlib",
    "jinja2",
    "llvmlite",
    "multiprocessing",
    "numpy",
    "ray",
    "rich",
    "traceback",
    "vmlitmus.claims.domain_switch",
    "vmlitmus.compiler.machine.large",
    "vmlitmus.compiler.machine.memory_order.store_load",
    "vmlitmus.compiler.symmetry",
    "vmlitmus.decide.cache",
    "vmlitmus.decide.cluster",
    "vmlitmus.engine.causes",
    "vmlitmus.engine.native",
    "vmlitmus.litmus.user_model.load",
    "vmlitmus.report.explain",
)
# their functions are not methods, which mypy knows of such dataclasses only
COMPILED = {"Amendment", "Condition", "Step"}


def test_check_of_a_small_test_imports_what_it_needs() -> None:
    assert all(importlib.util.find_spec(name) for name in IDLE if name.startswith("vmlitmus"))
    code = (
        "import sys; from vmlitmus.cli.main import main;"
        "main(['check', 'page-reused', '--no-cache', '-q']);"
        "ours = [m for name, m in sys.modules.items() if name.startswith('vmlitmus')];"
        "kinds = {k for m in ours for k in vars(m).values() if isinstance(k, type)};"
        "frozen = {k.__name__ for k in kinds if k.__module__.startswith('vmlitmus')"
        " and '__dataclass_params__' in vars(k) and k.__dataclass_params__.frozen};"
        "print(sorted(sys.modules), sorted(frozen), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    _, modules, frozen = done.stdout.splitlines()
    assert not set(IDLE) & set(ast.literal_eval(modules))
    assert set(ast.literal_eval(frozen)) == COMPILED
