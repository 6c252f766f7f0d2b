"""Which fields the parts of a model write, and which its steps read: from the syntax trees.

A part may switch a statement, an order, a check or a wait. What it writes must be read by some
step, so that it changes what happens; a field that only conditions read would assert a bug, not
cause it. Looked at is what stands in the branch of a part, or in a branch on a value that depends
on one; not what a function does that is called there, nor what follows a check that leaves.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from vmlitmus.lang import Entity, Hooks, Model
from vmlitmus.lang.syntax.trees import function_syntax, names_of

MUTATORS = ("add", "remove", "discard", "clear")
Function = types.FunctionType


class Parts:
    """The code of a model's steps and mechanisms, followed through its calls."""

    def __init__(self, model: Model) -> None:
        mechanisms = [kind for known in model.hooks.values() for kind in known.values()]
        self.methods: dict[str, list[Function]] = {}
        for kind in [*model.entities, *model.hooks, *mechanisms]:
            for base in kind.__mro__:
                if base not in (Entity, Hooks, object):
                    self._offer(base)
        self.seen: set[tuple[Function, frozenset[str]]] = set()
        self.written: dict[str, str] = {}  # field: a place where a part writes it
        self.read: set[str] = set()
        for step in model.steps:
            self.visit(step.function, frozenset())

    def _offer(self, kind: type) -> None:
        for name, value in vars(kind).items():
            function = value.fget if isinstance(value, property) else value
            if isinstance(function, Function):
                known = self.methods.setdefault(name, [])
                if function not in known:
                    known.append(function)

    @property
    def asserted(self) -> dict[str, str]:
        """The fields that a part writes and no step reads, each with where it is written."""
        return {name: where for name, where in self.written.items() if name not in self.read}

    def visit(self, function: Function, tainted: frozenset[str]) -> None:
        """Follow a function, some of whose parameters may depend on parts."""
        if (function, tainted) not in self.seen:
            self.seen.add((function, tainted))
            _Visit(self, function, set(tainted)).block(function_syntax(function).body, False)

    def callees(self, call: ast.Call, scope: dict[str, Any]) -> list[tuple[Function, int]]:
        """Return what a call may run, each with how many parameters come before its arguments."""
        if isinstance(call.func, ast.Name):
            value = scope.get(call.func.id)
            return [(value, 0)] if _is_model_code(value) else []
        if isinstance(call.func, ast.Attribute):
            return [(method, 1) for method in self.methods.get(call.func.attr, ())]
        return []

    def depends(self, node: ast.AST, scope: dict[str, Any], tainted: set[str]) -> bool:
        """Say whether a value depends on a part."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in tainted:
                return True
            if isinstance(inner, ast.Call):
                if isinstance(inner.func, ast.Attribute) and inner.func.attr == "part":
                    return True
                if any(_answers_by_part(function) for function, _ in self.callees(inner, scope)):
                    return True
        return False


class _Visit:
    """The statements of one function."""

    def __init__(self, parts: Parts, function: Function, tainted: set[str]) -> None:
        self.parts = parts
        self.function = function
        self.scope = names_of(function)
        self.tainted = tainted

    def depends(self, node: ast.AST) -> bool:
        return self.parts.depends(node, self.scope, self.tainted)

    def block(self, body: Iterable[ast.stmt], under: bool) -> None:
        for node in body:
            self.statement(node, under)

    def statement(self, node: ast.stmt, under: bool) -> None:
        if isinstance(node, (ast.If, ast.While)):
            within = self.depends(node.test) or (under and not _of_state(node.test))
            own = _only_field(node)
            self.expression(node.test, under, {own} if own else set())
            self.block(node.body, within)
            self.block(node.orelse, within)
        elif isinstance(node, ast.For):
            within = under or self.depends(node.iter)
            self.expression(node.iter, under, set())
            self.block(node.body, within)
        else:
            self.simple(node, under)

    def simple(self, node: ast.stmt, under: bool) -> None:
        targets = _targets(node)
        value = getattr(node, "value", None)
        switched = under or (value is not None and self.depends(value))
        own = {t.attr for t in targets if isinstance(t, ast.Attribute)}
        for name in own:
            if switched:
                self.note(name, node)
        if switched and not under:
            self.tainted |= {t.id for t in targets if isinstance(t, ast.Name)}
        self.expression(node, under, own)

    def expression(self, node: ast.AST, under: bool, own: set[str]) -> None:
        """Note reads, calls and the changes of sets; a field read to set itself is not read."""
        changed = {id(c.func.value): c for c in ast.walk(node) if _is_mutation(c)}
        for inner in ast.walk(node):
            if id(inner) in changed:
                if under or any(self.depends(a) for a in changed[id(inner)].args):
                    self.note(inner.attr, inner)  # type: ignore[attr-defined]
            elif isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Load):
                if inner.attr not in own:
                    self.parts.read.add(inner.attr)
                for method in self.parts.methods.get(inner.attr, ()):
                    if not _is_called(inner, node):
                        self.parts.visit(method, frozenset())
            if isinstance(inner, ast.Call):
                self.call(inner)

    def call(self, call: ast.Call) -> None:
        for function, before in self.parts.callees(call, self.scope):
            names = [a.arg for a in function_syntax(function).args.args][before:]
            pairs = [
                *zip(names, call.args, strict=False),
                *((k.arg, k.value) for k in call.keywords),
            ]
            tainted = frozenset(n for n, value in pairs if n and self.depends(value))
            self.parts.visit(function, tainted)

    def note(self, name: str, node: ast.AST) -> None:
        place = f"{self.function.__module__}.{self.function.__qualname__}:{node.lineno}"  # type: ignore[attr-defined]
        self.parts.written.setdefault(name, place)


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return list(node.targets)
    return [node.target] if isinstance(node, (ast.AugAssign, ast.AnnAssign)) else []


def _is_mutation(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in MUTATORS
        and isinstance(node.func.value, ast.Attribute)
    )


def _is_called(attribute: ast.Attribute, within: ast.AST) -> bool:
    return any(isinstance(c, ast.Call) and c.func is attribute for c in ast.walk(within))


def _only_field(node: ast.If | ast.While) -> str | None:
    """Return the field that is all a branch sets, as in counting up to a limit."""
    names = set()
    for statement in node.body + node.orelse:
        targets = _targets(statement)
        if not targets or not all(isinstance(t, ast.Attribute) for t in targets):
            return None
        names |= {t.attr for t in targets if isinstance(t, ast.Attribute)}
    return names.pop() if len(names) == 1 else None


def _of_state(test: ast.expr) -> bool:
    """Say whether a test reads the state: what it decides is caused by the state."""
    return any(isinstance(inner, ast.Attribute) for inner in ast.walk(test))


@cache
def _answers_by_part(function: Function) -> bool:
    """Say whether a function's return value depends on a part in its own body."""
    return any(
        isinstance(inner, ast.Call)
        and isinstance(inner.func, ast.Attribute)
        and inner.func.attr == "part"
        for node in _returning(function_syntax(function))
        for inner in ast.walk(node)
    )


def _returning(syntax: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield what decides a function's return value: the values, and the tests around returns."""
    for node in ast.walk(syntax):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value
        if isinstance(node, ast.If) and any(
            isinstance(inner, ast.Return) and inner.value is not None for inner in ast.walk(node)
        ):
            yield node.test


def _is_model_code(value: object) -> bool:
    return isinstance(value, Function) and not value.__module__.startswith("vmlitmus.lang")
