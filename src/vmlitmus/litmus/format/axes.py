"""The axes of a matrix: what a cell's values put over the tables of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmlitmus.errors import spelled, unknown
from vmlitmus.lang import KINDS, Model
from vmlitmus.litmus.format.shape import Reader

_OVERLAYS = ("environment", "assume", "claim", "timing")
_AXES = (
    "environment.allow",
    "environment.at_most",
    "environment.only_when",
    "environment.fair",
    "kvm.without",
    "kvm.with",
    "claim",
    *(f"claim.{kind}" for kind in KINDS),
    "timing.use",
)


def overlaid(
    reader: Reader, model: Model, data: Mapping[str, Any], chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the file's data with the values that a cell chooses; "vm.kind" is for all vms."""
    result = {key: value for key, value in data.items() if key != "matrix"}
    for key, value in chosen.items():
        if key == "claim":
            result[key] = _claim_of(reader, value)
            continue
        table, _, name = key.partition(".")
        if not name or table not in (*model.settings, *model.lists, *_OVERLAYS):
            known = [
                f"{t}.{k}" for t, keys in {**model.settings, **model.lists}.items() for k in keys
            ]
            message = unknown("axis", key, [*known, *_AXES])
            raise reader.fail(message, key, below="[matrix]")
        if table in model.lists:
            result[table] = [{**entry, name: value} for entry in result.get(table, [{}])]
        elif table == "claim":
            result[table] = {name: value}
        else:
            result[table] = {**result.get(table, {}), name: value}
    return result


def in_every(table: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the axes set in each entry of a list of tables: "vm.kind" is its kind."""
    keys = {key: key.partition(".") for key in chosen}
    return {name: chosen[key] for key, (head, _, name) in keys.items() if head == table}


def _claim_of(reader: Reader, value: object) -> dict[str, str | list[str]]:
    """Return the [claim] table of a value on the axis "claim", such as "leads_to kicked ran"."""
    kind, *names = (value.split() if isinstance(value, str) else []) or [""]
    if names and kind not in KINDS:
        raise reader.fail(unknown("claim", kind, KINDS), str(value))
    wanted = 2 if kind == "leads_to" else 1
    if len(names) != wanted:
        what = "leads_to and two conditions" if wanted == 2 else "a kind and a condition"
        raise reader.fail(f"claim = {spelled(value)}: write {what}", str(value))
    return {kind: names if wanted == 2 else names[0]}
