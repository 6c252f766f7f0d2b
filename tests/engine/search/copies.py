"""Copies of modules in which a text is replaced: mistakes that the tests have to see."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def copied(module: ModuleType, folder: Path, changes: dict[str, str]) -> ModuleType:
    """Return a module with some texts replaced."""
    assert module.__file__ is not None
    text = Path(module.__file__).read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, "the fault no longer applies: write it anew"
        text = text.replace(old, new)
    path = folder / f"{module.__name__.rpartition('.')[2]}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(f"faulty_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made
