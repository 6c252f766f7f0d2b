"""What the code of a machine mentions: fields it writes, parts, assumptions.

A field that no step writes is constant in that machine and costs no state. The scan goes by field
name, so it may take a field for written that is not, never the other way round.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from vmlitmus.lang.cpu_event import CpuEvent
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.model import Fix
from vmlitmus.lang.source import Assumption
from vmlitmus.lang.syntax.trees import function_syntax, names_of, walk
from vmlitmus.lang.world import Hooks, World

_MUTATORS = ("add", "remove", "discard", "clear")
_TELLING = (ast.Name, ast.Attribute, ast.Call)  # other nodes mention nothing by themselves


class Scan:
    """The fields written, parts switched and assumptions consulted by some functions.

    ``parts`` and ``assumptions`` are in the order in which the code is met, and ``drains`` those
    that only matter where stores are buffered; ``modules`` are those of the entities and the
    mechanisms.
    """

    def __init__(self, entities: Iterable[type[Entity]], hooks: Iterable[Hooks]) -> None:
        self.written: set[str] = set()
        self.parts: dict[str, None] = {}
        self.assumptions: dict[str, Assumption] = {}
        self.drains: dict[str, Assumption] = {}
        self._seen: set[types.FunctionType] = set()
        self._methods: dict[str, list[types.FunctionType]] = {}
        self.modules: set[str] = set()
        for kind in [*entities, *(type(h) for h in hooks)]:
            for base in kind.__mro__:
                if base not in (Entity, Hooks, object):
                    self._offer(base)

    @property
    def functions(self) -> list[types.FunctionType]:
        """The functions that were scanned, by module and line."""
        return sorted(self._seen, key=lambda f: (f.__module__, f.__code__.co_firstlineno))

    def _offer(self, kind: type) -> None:
        self.modules.add(kind.__module__)
        for name, value in vars(kind).items():
            function = value.fget if isinstance(value, property) else value
            if isinstance(function, types.FunctionType):
                self._methods.setdefault(name, []).append(function)

    def function(self, function: types.FunctionType) -> None:
        """Scan a function and all that it may call."""
        if function in self._seen or function.__module__ == World.__module__:
            return
        self._seen.add(function)
        for what, found in _mentions(function):
            if what == "writes":
                self.written.add(found)
            elif what == "part":
                self.parts.setdefault(found)
            elif what == "assumption":
                self.assumptions.setdefault(found.name, found)
            elif what == "drain":
                self.drains.setdefault(found.name, found)
            elif what == "function":
                self.function(found)
            else:
                for method in self._methods.get(found, ()):
                    self.function(method)


@lru_cache(maxsize=256)
def scan_of(
    entities: tuple[type[Entity], ...],
    hooks: tuple[Hooks, ...],
    functions: tuple[types.FunctionType, ...],
) -> Scan:
    """Return what some functions mention; machines with the same code share it."""
    scan = Scan(entities, hooks)
    for function in functions:
        scan.function(function)
    return scan


@lru_cache(maxsize=4096)
def _mentions(function: types.FunctionType) -> tuple[tuple[str, Any], ...]:
    """Return what one function mentions, each once, in the order of its code."""
    scope = names_of(function)
    telling = (n for n in walk(function_syntax(function)) if isinstance(n, _TELLING))
    return tuple(dict.fromkeys(found for node in telling for found in _found(node, scope)))


def _found(node: ast.AST, scope: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a node of a telling kind mentions."""
    value = _value(node, scope)
    if isinstance(value, Assumption):
        yield "assumption", value
    elif isinstance(value, CpuEvent):
        yield from _drain(value)
    elif isinstance(value, types.FunctionType) and _is_model_code(value):
        yield "function", value
    if isinstance(node, ast.Attribute):
        if isinstance(node.ctx, ast.Store):
            yield "writes", node.attr
        yield "reads", node.attr
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        target, name = node.func, node.args[0] if node.args else None
        if target.attr in _MUTATORS and isinstance(target.value, ast.Attribute):
            yield "writes", target.value.attr
        part = _text(name, scope) if target.attr == "part" else None
        if part is not None:
            yield "part", part


def _drain(event: CpuEvent | None) -> Iterator[tuple[str, Assumption]]:
    if event is not None and event.drains is not None:
        yield "drain", event.drains


def _value(node: ast.AST | None, scope: dict[str, Any]) -> Any:
    """Return what a global name stands for, or a name in a module, an enum or a fix; or None."""
    if isinstance(node, ast.Name):
        return scope.get(node.id)
    if isinstance(node, ast.Attribute):
        there = _value(node.value, scope)
        if isinstance(there, (types.ModuleType, type, Fix)):
            return getattr(there, node.attr, None)
    return None


def _text(node: ast.AST | None, scope: dict[str, Any]) -> str | None:
    """Return a text that is written out, or that a name such as CALLBACK or FIX.part stands for."""
    value = node.value if isinstance(node, ast.Constant) else _value(node, scope)
    return value if isinstance(value, str) else None


def _is_model_code(function: types.FunctionType) -> bool:
    return not function.__module__.startswith(("vmlitmus.lang", "builtins", "typing"))
