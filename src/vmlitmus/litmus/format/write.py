"""Scenario to text: one cell of a test as a litmus file of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from vmlitmus.lang import Limit
from vmlitmus.scenario import Cell, Test


def as_data(test: Test, cell: Cell) -> dict[str, Any]:
    """Return a cell as the tables of a litmus file, all that differs from the defaults."""
    kvm = dict(cell.tables.get("kvm", {}))
    kvm |= {"without": list(cell.without)} if cell.without else {}
    kvm |= {"with": list(cell.fixed)} if cell.fixed else {}
    claim = list(cell.claim.conditions)
    data: dict[str, Any] = {
        "topic": test.topic,
        "question": test.question,
        **_told(test, cell),
        **{name: dict(table) for name, table in cell.tables.items() if name != "kvm"},
        **({"kvm": kvm} if kvm else {}),
        "environment": _environment(cell),
        **({"assume": dict(cell.assume)} if cell.assume else {}),
        "claim": {cell.claim.kind: claim if len(claim) > 1 else claim[0]},
        **{name: [dict(entry) for entry in entries] for name, entries in cell.lists.items()},
    }
    return data


def _told(test: Test, cell: Cell) -> dict[str, str]:
    """Return who asked, and what is expected and why, as far as the test says so."""
    found = {"source": test.source, "because": test.because, "decided_by": test.decided_by}
    found["expect"] = cell.expect.value if cell.expect else ""
    return {name: text for name, text in found.items() if text}


def _environment(cell: Cell) -> dict[str, Any]:
    environment = cell.environment
    found: dict[str, Any] = {"allow": list(environment.allow)}
    tables = ("at_most", "only_when", "fair")
    found |= {name: dict(getattr(environment, name)) for name in tables}
    found["limit"] = [_limit(limit) for limit in environment.limits]
    return {name: value for name, value in found.items() if value or name == "allow"}


def _limit(limit: Limit) -> dict[str, Any]:
    found: dict[str, Any] = {"of": list(limit.of), "at_most": limit.at_most}
    return found | ({"by": limit.by} if limit.by else {})


def as_toml(data: Mapping[str, Any]) -> str:
    """Return tables of texts, numbers, truths and lists as TOML."""
    return "\n".join(_lines(data, ())) + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    inner = {key: value for key, value in table.items() if _is_table(value)}
    for key, value in table.items():
        if key not in inner:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        name = ".".join(map(_key, (*path, key)))
        for entry in value if isinstance(value, list) else [value]:
            yield f"\n[[{name}]]" if isinstance(value, list) else f"\n[{name}]"
            yield from _lines(entry, (*path, key))


def _is_table(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(entry, dict) for entry in value)
    return isinstance(value, dict)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value) if isinstance(value, int) else _text(str(value))


def _text(text: str) -> str:
    """Return a basic string; what JSON escapes, TOML escapes alike, except DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
