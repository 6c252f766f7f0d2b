"""Leave out bindings that the first guards of a step refuse, whatever the state is.

``when(cpu is vcpu.home)`` leaves one cpu for each vcpu where homes never change. A binding that is
left out costs nothing; one that is lowered first and then found dead costs as much as any other,
and a world of n vcpus on m cpus has n * m of those. Parameters are bound one after the other, so
that a vcpu which is refused is not tried with each cpu.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from vmlitmus.lang.domain import Members
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.guard import when

Binding = tuple[Any, ...]
Varies = Collection[tuple[Entity, str]]  # the fields that a state holds
_UNKNOWN = object()


def not_refused(
    body: Sequence[ast.stmt],
    names: Sequence[str],
    outside: Callable[[str], object],
    pools: Sequence[Sequence[Any]],
    varies: Varies,
) -> Iterator[Binding]:
    """Yield the bindings of ``names``, each from its pool, that no first guard of a body refuses.

    Of the guards those count that are made of parameters, their fields, None, truth values and
    numbers, by ``and``, ``or``, ``not``, ``is``, ``in``, ``>`` and len(); the first that does
    anything else ends them. Where all bindings are refused, one is kept, so that the code is looked
    at all the same. ``outside`` gives what another name means.
    """
    tests = list(_first_guards(body, names, outside))
    by_depth = [
        [test for test in tests if _depth(test, names) == depth]
        for depth in range(1, len(names) + 1)
    ]
    found = False
    for binding in _bound((), names, pools, by_depth, varies):
        found = True
        yield binding
    if not found and all(pools):
        yield tuple(pool[0] for pool in pools)


def _bound(
    known: Binding,
    names: Sequence[str],
    pools: Sequence[Sequence[Any]],
    tests: Sequence[Sequence[ast.expr]],
    varies: Varies,
) -> Iterator[Binding]:
    """Yield each way to go on with a binding whose first values are known."""
    depth = len(known)
    if depth == len(pools):
        yield known
        return
    for value in pools[depth]:
        binding = (*known, value)
        given = _Given(dict(zip(names, binding, strict=False)), varies)
        if all(given.may_hold(test) for test in tests[depth]):
            yield from _bound(binding, names, pools, tests, varies)


def _depth(test: ast.expr, names: Sequence[str]) -> int:
    """Return how many parameters have to be bound before a test can be asked."""
    used = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)} & {*names}
    return max((list(names).index(name) + 1 for name in used), default=1)


def _first_guards(
    body: Sequence[ast.stmt], names: Sequence[str], outside: Callable[[str], object]
) -> Iterator[ast.expr]:
    """Yield what a step begins with that has to be true, as far as it can be judged."""
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # the docstring
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return
        if call.func.id in names or outside(call.func.id) is not when or len(call.args) != 1:
            return
        for part in _conjuncts(call.args[0]):
            if not _is_plain(part, names, outside):
                return
            yield part


def _conjuncts(test: ast.expr) -> list[ast.expr]:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return [inner for value in test.values for inner in _conjuncts(value)]
    return [test]


def _is_plain(node: ast.expr, names: Sequence[str], outside: Callable[[str], object]) -> bool:
    """Say whether an expression is one that ``_Given`` has a value for, and nothing can fail in."""
    if isinstance(node, ast.Constant):
        return node.value is None or isinstance(node.value, (bool, int))
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id in names
    if isinstance(node, ast.Call):
        callee = node.func.id if isinstance(node.func, ast.Name) else ""
        known = callee == "len" and "len" not in names and outside("len") in (None, len)
        parts = node.args if known and len(node.args) == 1 and not node.keywords else []
    elif isinstance(node, ast.Compare):
        known = len(node.ops) == 1 and type(node.ops[0]) in _COMPARED
        parts = [node.left, *node.comparators] if known else []
    elif isinstance(node, ast.BoolOp):
        parts = node.values
    else:
        negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        parts = [node.operand] if negated and isinstance(node, ast.UnaryOp) else []
    return bool(parts) and all(_is_plain(part, names, outside) for part in parts)


_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Is: lambda a, b: a is b,
    ast.IsNot: lambda a, b: a is not b,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Gt: lambda a, b: bool(a > b),
}


class _Given:
    """Values of expressions under a binding: unknown is what a state holds."""

    def __init__(self, binding: Mapping[str, Any], varies: Varies) -> None:
        self.binding = binding
        self.varies = varies

    def may_hold(self, test: ast.expr) -> bool:
        """Say whether a test is true, or not known."""
        found = self.value(test)
        return found is _UNKNOWN or bool(found)

    def value(self, node: ast.expr) -> object:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.binding[node.id]
        if isinstance(node, ast.Attribute):
            return self.field(node)
        if isinstance(node, ast.BoolOp):
            return self.joined(node)
        if isinstance(node, ast.UnaryOp):
            found = self.value(node.operand)
            return _UNKNOWN if found is _UNKNOWN else not found
        if isinstance(node, ast.Call):
            found = self.value(node.args[0])
            return len(found) if isinstance(found, (Members, tuple, frozenset)) else _UNKNOWN
        assert isinstance(node, ast.Compare)
        return self.compared(node)

    def compared(self, node: ast.Compare) -> object:
        left, right = self.value(node.left), self.value(node.comparators[0])
        if left is _UNKNOWN or right is _UNKNOWN:
            return _UNKNOWN
        kind = type(node.ops[0])
        group = isinstance(right, (Members, tuple, frozenset))
        numbers = isinstance(left, int) and isinstance(right, int)
        if (kind in (ast.In, ast.NotIn) and not group) or (kind is ast.Gt and not numbers):
            return _UNKNOWN
        return _COMPARED[kind](left, right)

    def joined(self, node: ast.BoolOp) -> object:
        """And, or: decided by the first that decides, whatever the others are."""
        decides = isinstance(node.op, ast.Or)
        values = [self.value(part) for part in node.values]
        known = [bool(value) for value in values if value is not _UNKNOWN]
        if decides in known:
            return decides
        return _UNKNOWN if len(known) < len(values) else not decides

    def field(self, node: ast.Attribute) -> object:
        assert isinstance(node.value, ast.Name)
        entity = self.binding[node.value.id]
        if not isinstance(entity, Entity) or (entity, node.attr) in self.varies:
            return _UNKNOWN
        return entity.__dict__.get(node.attr, _UNKNOWN)
