"""The JSON schema of litmus files, for editors: made of the keys and of the models' settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vmlitmus.lang import Model
from vmlitmus.lang.model import Setting
from vmlitmus.litmus.keys import KEYS, required

Schema = dict[str, Any]
_OVERLAID = ("environment.allow", "kvm.without", "kvm.with")  # axes whose values are lists of texts


def litmus_schema(models: Iterable[Model]) -> Schema:
    """Return the schema: what holds for every file, and for each topic its tables and names."""
    known = {model.name: model for model in models}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "vmlitmus/litmus/1",
        "description": "A litmus file of vmlitmus (TOML). A file of the catalogue has no topic.",
        "type": "object",
        "required": list(required("")),
        "properties": {key.name: _property(key.name) for key in KEYS if not key.table},
        "allOf": [
            {
                "if": {"properties": {"topic": {"const": name}}, "required": ["topic"]},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in known
        ],
        "$defs": {name: _topic(model) for name, model in known.items()},
    }


def _property(name: str) -> Schema:
    """Return the schema of a key at the top, with that of its table where it is one."""
    key = next(k for k in KEYS if k.name == name and not k.table)
    inside = {k.name: _described(k.shape, k.meaning) for k in KEYS if k.table == name}
    table: Schema = {"type": "object", "properties": inside, "required": list(required(name))}
    if name in ("expect", "word", "said"):
        rows = {"type": "array", "items": {**table, "additionalProperties": False}}
        shape: Schema = dict(key.shape)
        if name == "expect":
            shape = {"oneOf": [shape["oneOf"][0], {**rows, "minItems": 1}]}
        return _described(rows if name != "expect" else shape, key.meaning)
    if name == "claim":
        return _described(
            {**table, **_closed(), "minProperties": 1, "maxProperties": 1}, key.meaning
        )
    if name == "environment":
        return _described({**table, **_closed()}, key.meaning)
    if name == "matrix":
        more = {"additionalProperties": {"type": "array", "minItems": 1}}
        return _described({**table, **more}, key.meaning)
    return _described(key.shape, key.meaning)


def _closed() -> Schema:
    return {"additionalProperties": False}


def _described(shape: Any, meaning: str) -> Schema:
    return {**shape, "description": meaning}


def _topic(model: Model) -> Schema:
    """Return what a file of one topic may say: its tables, and the names it may use."""
    conditions = [c.name for c in model.conditions]
    tables = {name: _table(model, name, known) for name, known in model.settings.items()}
    rows = {
        name: {"type": "array", "items": _table(model, name, known), "minItems": 1, "maxItems": 8}
        for name, known in model.lists.items()
    }
    return {
        "description": model.doc,
        "properties": {
            **dict.fromkeys((k.name for k in KEYS if not k.table), True),
            **tables,
            **rows,
            "claim": {"properties": {k.name: _about(k.shape, conditions) for k in _of("claim")}},
            "environment": _environment(model.disturbances),
            "assume": {**_closed(), "properties": _assumptions(model)},
            "matrix": {**_closed(), "properties": _matrix(model, conditions)},
        },
        **_closed(),
    }


def _of(table: str) -> list[Any]:
    return [key for key in KEYS if key.table == table]


def _about(shape: Any, conditions: list[str]) -> Schema:
    """Return the shape of a claim's value with the names of the conditions it may have."""
    one = {"enum": conditions}
    return {**shape, "items": one} if shape.get("type") == "array" else one


def _table(model: Model, table: str, known: Any) -> Schema:
    settings = {name: _setting(model, setting) for name, setting in known.items()}
    if table == "kvm":
        settings |= {key.name: _described(key.shape, key.meaning) for key in _of("kvm")}
    return {"type": "object", "properties": settings, **_closed()}


def _setting(model: Model, setting: Setting) -> Schema:
    if setting.low is not None and setting.high is not None:
        shape: Schema = {"type": "integer", "minimum": setting.low, "maximum": setting.high}
    elif isinstance(setting.default, bool):
        shape = {"type": "boolean"}
    else:
        shape = {"enum": list(model.choices(setting))}
    return {**shape, "default": setting.default}


def _environment(disturbances: Iterable[str]) -> Schema:
    names = {"enum": list(disturbances)}
    return {
        "properties": {
            "allow": {"items": names},
            "at_most": {"propertyNames": names},
        }
    }


def _assumptions(model: Model) -> Schema:
    return {
        a.name: {"enum": list(a.choices), "default": a.default, "description": a.text}
        for a in model.assumptions
    }


def _matrix(model: Model, conditions: list[str]) -> Schema:
    """Return the axes that a file of the topic may have, each a list of values."""
    axes: Schema = {
        f"{table}.{name}": _setting(model, setting)
        for tables in (model.settings, model.lists)
        for table, known in tables.items()
        for name, setting in known.items()
    }
    axes |= {name: {"type": "array", "items": {"type": "string"}} for name in _OVERLAID}
    axes["environment.allow"]["items"] = {"enum": list(model.disturbances)}
    axes |= {f"assume.{name}": shape for name, shape in _assumptions(model).items()}
    axes |= {f"claim.{key.name}": _about(key.shape, conditions) for key in _of("claim")}
    axes["claim"] = {"type": "string", "pattern": "^\\S+( \\S+)+$"}
    lists = {name: {"type": "array", "items": shape, "minItems": 1} for name, shape in axes.items()}
    return {**dict.fromkeys((key.name for key in _of("matrix")), True), **lists}
