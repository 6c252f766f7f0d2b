"""The scenarios that one explorer can be asked for: a test's cell, and what was changed in it."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from vmlitmus.compiler import scanned
from vmlitmus.errors import UsageError, unknown
from vmlitmus.explore.scene import Scene
from vmlitmus.lang.model import Model, Setting
from vmlitmus.litmus import Catalogue, read_test
from vmlitmus.litmus.format.write import as_data, as_toml
from vmlitmus.scenario import Cell, Test

_KEPT = 6  # scenes whose machines are kept


class Scenes:
    """Makes scenes of one cell; ``changes`` maps "kvm.cache_flush" and its like to other values."""

    def __init__(self, catalogue: Catalogue, test: Test, cell: Cell) -> None:
        self.catalogue = catalogue
        self.test = test
        self.cell = cell
        self.model: Model = catalogue.model_of(test.topic)
        self.kept: OrderedDict[str, Scene] = OrderedDict()

    def text(self, changes: Mapping[str, Any]) -> str:
        """Return the scenario as a litmus file; raises UsageError for a change of no known key."""
        data = copy.deepcopy(as_data(self.test, self.cell))
        for key, value in changes.items():
            _set(self.model, data, key, value)
        return as_toml(data)

    def scene(self, changes: Mapping[str, Any]) -> Scene:
        """Return the scene; raises LitmusError or ModelError for what cannot be."""
        text = self.text(changes)
        if text not in self.kept:
            test = read_test(text, "the scenario", None, self.catalogue.model_of, self.test.topic)
            self.kept[text] = Scene(self.model, test, test.cells[0])
            if len(self.kept) > _KEPT:
                self.kept.popitem(last=False)
        self.kept.move_to_end(text)
        return self.kept[text]

    def options(self, scene: Scene) -> dict[str, Any]:
        """Return what can be changed, with the values that are chosen and those that may be."""
        model, cell = self.model, scene.cell
        parts = scanned(model, cell.tables, cell.lists, allow=cell.allow).parts
        off = cell.off(model)
        return {
            "settings": _settings(model, cell),
            "parts": [{"name": name, "on": name not in off} for name in parts],
            "assumptions": [
                {
                    "name": a.name,
                    "text": a.text,
                    "value": scene.cell.assume.get(a.name, a.default),
                    "choices": list(a.choices),
                }
                for a in model.assumptions
            ],
            "without": list(cell.without),
            "with": list(cell.fixed),
            "disturbances": [{"name": n, "on": n in cell.allow} for n in model.disturbances],
        }


def _settings(model: Model, cell: Cell) -> list[dict[str, Any]]:
    found = []
    for table, known in model.settings.items():
        for key, setting in known.items():
            given = cell.tables.get(table, {}).get(key, setting.default)
            found.append(_setting(model, f"{table}.{key}", setting, given))
    for name, known in model.lists.items():
        for number, entry in enumerate(cell.lists.get(name, ({},))):
            for key, setting in known.items():
                given = entry.get(key, setting.default)
                found.append(_setting(model, f"{name}.{number}.{key}", setting, given))
    return found


def _setting(model: Model, key: str, setting: Setting, given: object) -> dict[str, Any]:
    if setting.low is not None and setting.high is not None:
        choices: list[Any] = list(range(setting.low, setting.high + 1))
    else:
        choices = list(model.choices(setting))
    return {"name": key, "value": given, "choices": choices, "default": setting.default}


def _set(model: Model, data: dict[str, Any], key: str, value: object) -> None:
    """Change one value of a litmus file's tables."""
    table, *rest = key.split(".")
    if table in model.lists and len(rest) == 2 and rest[0].isdigit():
        entries = data.setdefault(table, [{}])
        if int(rest[0]) < len(entries):
            entries[int(rest[0])][rest[1]] = value
            return
    elif (table in model.settings or table in ("kvm", "environment", "assume")) and rest:
        data.setdefault(table, {})[".".join(rest)] = value
        return
    known = [*model.settings, *model.lists, "environment", "assume"]
    raise UsageError(unknown("table", key, known))
