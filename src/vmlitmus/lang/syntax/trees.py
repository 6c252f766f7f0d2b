"""Syntax trees of model functions and classes, each file parsed once."""

from __future__ import annotations

import ast
import inspect
import os
import sys
import types
from collections import deque
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from vmlitmus.errors import ModelError

_NO_NODES = {"ctx", "op", "ops", "id", "attr", "arg", "kind", "type_comment"}  # fields of nodes


@cache
def _parsed(path: str) -> ast.Module:
    return ast.parse(Path(path).read_text(encoding="utf-8"), path)


@cache
def _functions(path: str) -> dict[int, ast.FunctionDef]:
    found = {}
    waiting: list[ast.AST] = [_parsed(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef):
            found[min([node.lineno, *(d.lineno for d in node.decorator_list)])] = node
        waiting += (n for n in children(node) if not isinstance(n, ast.expr))  # has no definition
    return found


@cache
def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(name for name in kind._fields if name not in _NO_NODES)


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes right below a node, in order, but for contexts and operators."""
    found: list[ast.AST] = []
    for name in _fields(type(node)):  # type: ignore[arg-type]
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif value and isinstance(value, list):
            found += [one for one in value if isinstance(one, ast.AST)]
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it, those on top first, but for contexts and operators."""
    waiting = deque([node])
    while waiting:
        node = waiting.popleft()
        waiting += children(node)
        yield node


def forget(path: str) -> None:
    """Drop what was parsed, after a model file has changed."""
    _parsed.cache_clear()
    _functions.cache_clear()


def function_syntax(function: types.FunctionType) -> ast.FunctionDef:
    """Return the definition of a function; raises ModelError when there is no source for it."""
    code = function.__code__
    try:
        return _functions(code.co_filename)[code.co_firstlineno]
    except (OSError, KeyError, SyntaxError):
        raise ModelError(f"no source text for {function.__qualname__}()") from None


def class_syntax(cls: type) -> tuple[str, ast.ClassDef] | None:
    """Return the file shown in messages and the definition of a class, or None without source."""
    path = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if path is None:
        return None
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            return shown_path(path), node
    return None


@cache
def shown_path(path: str) -> str:
    """Return a path as messages show it: relative where that is shorter.

    Always the same for a path, wherever the process has gone since: places are compared.
    """
    try:
        relative = os.path.relpath(path)
    except ValueError:
        return path
    return relative if len(relative) < len(path) else path


def place(function: types.FunctionType, node: ast.AST | None = None) -> str:
    """Return "file:line" of a node in a function, or of the function itself."""
    line = getattr(node, "lineno", function.__code__.co_firstlineno)
    return f"{shown_path(function.__code__.co_filename)}:{line}"


@cache
def names_of(function: types.FunctionType) -> dict[str, Any]:
    """Return the names a function can see outside itself: builtins, globals, enclosing scopes."""
    scope: dict[str, Any] = dict(vars(__import__("builtins")))
    scope.update(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        scope[name] = cell.cell_contents
    return scope


@cache
def outside_names(function: types.FunctionType) -> dict[str, Any]:
    """Return what names from outside mean in a function: one that it sets is its own."""
    own = stored(function_syntax(function))
    return {name: value for name, value in names_of(function).items() if name not in own}


def stored(node: ast.AST) -> set[str]:
    """Return the names that are set, other than in a comprehension."""
    found = set()
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                found.add(node.id)
        elif not isinstance(node, ast.comprehension):
            waiting += children(node)
    return found


def is_generator(function: object) -> bool:
    """Say whether a function has yields, so that it is a sequence and not a plain helper."""
    return inspect.isgeneratorfunction(function)
