"""A result as text, and back: what is read is checked like any input.

Nothing in a record is run, and a record that is not exactly what ``written`` writes is refused.
"""

from __future__ import annotations

import hashlib
import json
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, is_dataclass
from enum import Enum
from functools import lru_cache
from types import UnionType
from typing import Any

from vmlitmus.outcome import Outcome, Result

# what deciding a cell adds to its outcome; the rest is read from the test each time
_DECIDED = ("bounds", "assumptions", "word", "start", "not_modelled", "order")


class Damaged(Exception):
    """A record is not what was written."""


def written(key: str, outcome: Outcome) -> bytes:
    """Return the record of an outcome that has a result."""
    assert outcome.result is not None
    decided = {name: _plain(getattr(outcome, name)) for name in _DECIDED}
    body = json.dumps({"result": _plain(outcome.result), **decided}, separators=(",", ":"))
    return sealed(key, body)


def sealed(key: str, body: str) -> bytes:
    """Return a text on one line as it is kept for a key."""
    return f"{_seal(key, body.encode())}\n{body}\n".encode()


def unsealed(key: str, record: bytes) -> bytes:
    """Return the text that was kept for a key; raises Damaged."""
    seal, _, body = record.removesuffix(b"\n").partition(b"\n")
    if seal.decode("ascii", "replace") != _seal(key, body):
        raise Damaged
    return body


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def read(key: str, record: bytes) -> tuple[Result, dict[str, Any]]:
    """Return what a record says: the result, and what else was decided; raises Damaged."""
    body = unsealed(key, record)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Damaged from None
    if not isinstance(found, dict) or found.keys() != {"result", *_DECIDED}:
        raise Damaged
    hints = _hints(Outcome)
    return _maker(Result)(found["result"]), {n: _maker(hints[n])(found[n]) for n in _DECIDED}


def made(kind: Any, value: Any) -> Any:
    """Return what is of a type from what JSON gave; raises Damaged where it is something else."""
    return _maker(kind)(value)


def _seal(key: str, body: bytes) -> str:
    return hashlib.sha256(key.encode() + b"\n" + body).hexdigest()


@lru_cache(maxsize=256)
def _maker(kind: Any) -> Callable[[Any], Any]:
    """Return what makes a value of a type from one of JSON; it raises Damaged where it is none."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is object:
        return lambda value: value
    if origin in (UnionType, typing.Union):
        [one] = [k for k in inner if k is not type(None)]
        make = _maker(one)
        return lambda value: None if value is None else make(value)
    if is_dataclass(kind):
        return _dataclass(typing.cast(type, kind))
    if origin is tuple:
        if len(inner) == 2 and inner[1] is Ellipsis:
            every = _every(inner[0])
            return lambda value: tuple(every(_is(value, list)))
        parts = [_maker(part) for part in inner]
        return lambda value: _tuple(parts, value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        name, held = inner
        assert name is str, "JSON has no other names"
        every = _every(held)
        return lambda value: dict(zip(_is(value, dict), every(value.values()), strict=True))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: _member(kind, value)
    if kind is float:
        return lambda value: float(_is(value, (int, float)))
    return lambda value: value if type(value) is kind else _is(value, kind)


def _every(kind: Any) -> Callable[[Iterable[Any]], Iterable[Any]]:
    """Return what makes many values of a type: those of a plain type are looked at in one go."""
    if kind is object:
        return lambda values: values
    if kind in (bool, int, str):
        return lambda values: _all_are(kind, values)
    make = _maker(kind)
    return lambda values: [make(one) for one in values]


def _all_are(kind: type, values: Iterable[Any]) -> Iterable[Any]:
    if not set(map(type, values)) <= {kind}:
        raise Damaged
    return values


def _is(value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Damaged
    return value


def _member(kind: type[Enum], value: Any) -> Enum:
    try:
        return kind(value)
    except ValueError:
        raise Damaged from None


def _tuple(parts: list[Callable[[Any], Any]], value: Any) -> tuple[Any, ...]:
    if len(_is(value, list)) != len(parts):
        raise Damaged
    return tuple([make(one) for make, one in zip(parts, value, strict=True)])


def _dataclass(kind: type) -> Callable[[Any], Any]:
    """Return what makes an instance from its fields, all of them; a frozen class has its own."""
    makers = {name: _maker(hint) for name, hint in _hints(kind).items()}
    assert not hasattr(kind, "__post_init__") and not hasattr(kind, "__slots__")

    def make(value: Any) -> Any:
        if not isinstance(value, dict) or value.keys() != makers.keys():
            raise Damaged
        made: Any = object.__new__(kind)
        vars(made).update({name: makers[name](one) for name, one in value.items()})
        return made

    return make


@lru_cache(maxsize=32)
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
