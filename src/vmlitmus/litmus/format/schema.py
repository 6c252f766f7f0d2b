"""The JSON schema of litmus files, for editors: made of the keys and of the models' settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vmlitmus.lang import Model
from vmlitmus.lang.model import Setting
from vmlitmus.litmus.keys import KEYS, required, required_with

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
        "dependentRequired": {"expect": list(required_with("expect"))},
        "properties": {key.name: _property(key.name) for key in KEYS if not key.table},
        "anyOf": [{"required": ["claim"]}, _claimed_by_axis()],
        "allOf": [
            {
                "if": {"properties": {"topic": {"const": name}}, "required": ["topic"]},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in known
        ],
        "$defs": {k: v for model in known.values() for k, v in _definitions(model).items()},
    }


def _claimed_by_axis() -> Schema:
    """Return what a file without [claim] has: an axis of claims."""
    axes = ["claim", *(f"claim.{key.name}" for key in _of("claim"))]
    matrix = {"anyOf": [{"required": [axis]} for axis in axes]}
    return {"required": ["matrix"], "properties": {"matrix": matrix}}


def _property(name: str) -> Schema:
    """Return the schema of a key at the top, with that of its table where it is one."""
    key = next(k for k in KEYS if k.name == name and not k.table)
    inside = {k.name: _described(k.shape, k.meaning) for k in KEYS if k.table == name}
    table: Schema = {"type": "object", "properties": inside, "required": list(required(name))}
    if name in ("expect", "word", "said", "measure"):
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
        inside["limit"] = {"type": "array", "items": _inside("environment.limit")}
        return _described({**table, **_closed()}, key.meaning)
    if name == "timing":
        inside["parameter"] = {
            "type": "object",
            "additionalProperties": _inside("timing.parameter"),
        }
        inside["time"] = {"type": "array", "items": _inside("timing.time")}
        quantity = {"type": ["string", "number"]}
        return _described({**table, "additionalProperties": quantity}, key.meaning)
    if name == "matrix":
        more = {"additionalProperties": {"type": "array", "minItems": 1}}
        return _described({**table, **more}, key.meaning)
    return _described(key.shape, key.meaning)


def _inside(table: str) -> Schema:
    """Return the schema of a table that stands in another one."""
    inside = {k.name: _described(k.shape, k.meaning) for k in _of(table)}
    return {
        "type": "object",
        "properties": inside,
        "required": list(required(table)),
        **_closed(),
    }


def _closed() -> Schema:
    return {"additionalProperties": False}


def _described(shape: Any, meaning: str) -> Schema:
    return {**shape, "description": meaning}


def _definitions(model: Model) -> Schema:
    """Return what a file of one topic may say, and the names it may use."""
    return {
        model.name: _topic(model),
        f"{model.name} condition": {"enum": [c.name for c in model.conditions]},
        f"{model.name} disturbance": {"enum": list(model.disturbances)},
    }


def _named(model: Model, what: str) -> Schema:
    return {"$ref": f"#/$defs/{model.name} {what}".replace(" ", "%20")}


def _topic(model: Model) -> Schema:
    condition, disturbance = _named(model, "condition"), _named(model, "disturbance")
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
            "claim": {"properties": {k.name: _about(k.shape, condition) for k in _of("claim")}},
            "environment": _environment(condition, disturbance),
            "assume": {**_closed(), "properties": _assumptions(model)},
            "matrix": {
                **_closed(),
                "properties": _matrix(model, condition, disturbance),
                "patternProperties": {"^timing\\.": {"type": "array", "minItems": 1}},
            },
        },
        **_closed(),
    }


def _of(table: str) -> list[Any]:
    return [key for key in KEYS if key.table == table]


def _about(shape: Any, condition: Schema) -> Schema:
    """Return the shape of a claim's value with the names of the conditions it may have."""
    return {**shape, "items": condition} if shape.get("type") == "array" else condition


def _table(model: Model, table: str, known: Any) -> Schema:
    settings = {name: _setting(model, setting) for name, setting in known.items()}
    if table == "kvm":
        settings |= {key.name: _described(key.shape, key.meaning) for key in _of("kvm")}
    return {"type": "object", "properties": settings, **_closed()}


def _setting(model: Model, setting: Setting) -> Schema:
    if setting.low is not None and setting.high is not None:
        most = max(setting.high, setting.in_time or 0)
        shape: Schema = {"type": "integer", "minimum": setting.low, "maximum": most}
    elif isinstance(setting.default, bool):
        shape = {"type": "boolean"}
    else:
        shape = {"enum": list(model.choices(setting))}
    described = {"description": setting.doc} if setting.doc else {}
    return {**shape, "default": setting.default, **described}


def _environment(condition: Schema, disturbance: Schema) -> Schema:
    named = {"propertyNames": disturbance}
    return {
        "properties": {
            "allow": {"items": disturbance},
            "limit": {"items": {"properties": {"of": {"items": disturbance}}}},
            "at_most": named,
            "only_when": {**named, "additionalProperties": condition},
            "fair": named,
        }
    }


def _assumptions(model: Model) -> Schema:
    return {
        a.name: {"enum": list(a.choices), "default": a.default, "description": a.text}
        for a in model.assumptions
    }


def _matrix(model: Model, condition: Schema, disturbance: Schema) -> Schema:
    """Return the axes that a file of the topic may have, each a list of values."""
    axes: Schema = {
        f"{table}.{name}": _setting(model, setting)
        for tables in (model.settings, model.lists)
        for table, known in tables.items()
        for name, setting in known.items()
    }
    axes |= {name: {"type": "array", "items": {"type": "string"}} for name in _OVERLAID}
    axes["environment.allow"]["items"] = disturbance
    tables = (key for key in _of("environment") if key.name in ("at_most", "only_when", "fair"))
    axes |= {f"environment.{key.name}": key.shape for key in tables}
    axes |= {f"assume.{name}": shape for name, shape in _assumptions(model).items()}
    axes |= {f"claim.{key.name}": _about(key.shape, condition) for key in _of("claim")}
    axes["claim"] = {"type": "string", "pattern": "^\\S+( \\S+)+$"}
    lists = {name: {"type": "array", "items": shape, "minItems": 1} for name, shape in axes.items()}
    return {**dict.fromkeys((key.name for key in _of("matrix")), True), **lists}
