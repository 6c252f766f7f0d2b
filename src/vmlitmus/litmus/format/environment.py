"""Read the table [environment] of a litmus file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vmlitmus.errors import VmlitmusError, spelled, unknown
from vmlitmus.lang import Environment, Limit
from vmlitmus.litmus.keys import key_names

KEYS = key_names("environment")
_LIMIT = key_names("environment.limit")

Strings = Callable[[object, str], tuple[str, ...]]
Fail = Callable[..., VmlitmusError]


def read_environment(table: Mapping[str, Any], strings: Strings, fail: Fail) -> Environment:
    """Return what a scenario allows; whether its names exist is the model's to say.

    ``strings`` reads a list of texts, ``fail`` makes the error that names a word and its line.
    """
    for key in table:
        if key not in KEYS:
            known = [f"environment.{k}" for k in KEYS]
            raise fail(unknown("key", f"environment.{key}", known), key)
    for key in ("at_most", "only_when", "fair"):
        if not isinstance(table.get(key, {}), dict):
            raise fail(f"{key} = {spelled(table[key])}: not a table", key)
    return Environment(
        strings(table.get("allow", []), "allow"),
        dict(table.get("at_most", {})),
        _limits(table.get("limit", []), strings, fail),
        _texts(table.get("only_when", {}), "only_when", fail),
        _texts(table.get("fair", {}), "fair", fail),  # type: ignore[arg-type]
    )


def _limits(entries: object, strings: Strings, fail: Fail) -> tuple[Limit, ...]:
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise fail("limit is not a list of tables; write [[environment.limit]]", "limit")
    return tuple(_limit(entry, strings, fail) for entry in entries)


def _limit(entry: Mapping[str, Any], strings: Strings, fail: Fail) -> Limit:
    for key in entry:
        if key not in _LIMIT:
            raise fail(unknown("key of environment.limit", key, _LIMIT), key)
    for key in ("of", "at_most"):
        if key not in entry:
            raise fail(f"environment.limit: {key} is missing", "limit")
    by = entry.get("by")
    if by is not None and not isinstance(by, str):
        raise fail(f'limit.by = {spelled(by)}: not the name of an entity, such as "vcpu0"', "by")
    return Limit(strings(entry["of"], "of"), entry["at_most"], by)


def _texts(table: Mapping[str, Any], name: str, fail: Fail) -> dict[str, str]:
    for key, value in table.items():
        if not isinstance(value, str):
            raise fail(f"{name}.{key} = {spelled(value)}: not a text", key)
    return dict(table)
