"""Which files a test rests on: its own, and those with the code of its model that it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from vmlitmus.compiler import scanned
from vmlitmus.lang import Model
from vmlitmus.litmus.catalogue import ROOT, Catalogue, Selected


def uses(catalogue: Catalogue, selected: Sequence[Selected]) -> dict[str, list[str]]:
    """Return for what selects each test the paths of the files that it rests on."""
    found = {}
    for test, cells in selected:
        model = catalogue.model_of(test.topic)
        files = _shared(model)
        for cell in cells:
            scan = scanned(model, cell.tables, cell.lists, allow=cell.allow)
            files |= {function.__code__.co_filename for function in scan.functions}
        name = test.name if test.shipped else test.path
        files.add(str(ROOT / test.path) if test.shipped else test.path)
        found[name] = sorted(str(Path(file).resolve()) for file in files)
    return found


def _shared(model: Model) -> set[str]:
    """Return the files that every test of a topic rests on: entities, conditions, set-up."""
    modules = {kind.__module__ for kind in model.entities}
    code = [condition.function.__code__ for condition in model.conditions]
    code.append(model.setup.__code__)
    files = {getattr(sys.modules[name], "__file__", None) for name in modules}
    return {file for file in files if file} | {c.co_filename for c in code}
