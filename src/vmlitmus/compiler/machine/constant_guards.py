"""Leave out bindings that the first guards of a step refuse, whatever the state is.

``when(cpu is vcpu.home)`` leaves one cpu for each vcpu where homes never change. A binding that is
left out costs nothing; one that is lowered first and then found dead costs as much as any other,
and a world of n vcpus on m cpus has n * m of those.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from vmlitmus.lang.entity import Entity
from vmlitmus.lang.guard import when

Binding = tuple[Any, ...]
Test = Callable[[Binding], bool]
Varies = Collection[tuple[Entity, str]]  # the fields that a state holds


def not_refused(
    body: Sequence[ast.stmt],
    names: Sequence[str],
    outside: Callable[[str], object],
    bindings: Iterable[Binding],
    varies: Varies,
) -> Iterator[Binding]:
    """Yield the bindings of ``names`` that the first guards of a body do not refuse.

    Of the guards those count that compare parameters, fields of them that are in no state, and None
    by ``is``; the first that does anything else ends them. Where all bindings are refused, one is
    kept, so that the code is looked at all the same. ``outside`` gives what another name means.
    """
    tests = [_any(either, names, varies) for either in _first_guards(body, names, outside)]
    refused = None
    kept = 0
    for binding in bindings:
        if all(test(binding) for test in tests):
            kept += 1
            yield binding
        elif refused is None:
            refused = binding
    if not kept and refused is not None:
        yield refused


def _first_guards(
    body: Sequence[ast.stmt], names: Sequence[str], outside: Callable[[str], object]
) -> Iterator[list[ast.Compare]]:
    """Yield what a step begins with: comparisons of which one has to be true."""
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # the docstring
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return
        if call.func.id in names or outside(call.func.id) is not when or len(call.args) != 1:
            return
        for part in _parts(call.args[0], ast.And):
            either = [t for t in _parts(part, ast.Or) if _compares_by_identity(t, names)]
            if len(either) < len(_parts(part, ast.Or)):
                return
            yield [t for t in either if isinstance(t, ast.Compare)]


def _parts(test: ast.expr, by: type[ast.boolop]) -> list[ast.expr]:
    """Return what a condition is made of by ``and``, or by ``or``, in order."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, by):
        return [inner for value in test.values for inner in _parts(value, by)]
    return [test]


def _compares_by_identity(test: ast.expr, names: Sequence[str]) -> bool:
    return (
        isinstance(test, ast.Compare)
        and len(test.ops) == 1
        and isinstance(test.ops[0], (ast.Is, ast.IsNot))
        and all(_is_plain(side, names) for side in (test.left, *test.comparators))
    )


def _is_plain(side: ast.expr, names: Sequence[str]) -> bool:
    if isinstance(side, ast.Constant):
        return side.value is None
    owner = side.value if isinstance(side, ast.Attribute) else side
    return isinstance(owner, ast.Name) and owner.id in names


def _any(either: Sequence[ast.Compare], names: Sequence[str], varies: Varies) -> Test:
    """Return what says whether a binding may pass one of some comparisons."""
    tests = [_test(guard, names, varies) for guard in either]
    return lambda binding: any(test(binding) for test in tests)


def _test(guard: ast.Compare, names: Sequence[str], varies: Varies) -> Test:
    """Return what says whether a binding may pass a comparison."""
    left, right = (_reader(side, names, varies) for side in (guard.left, guard.comparators[0]))
    same = isinstance(guard.ops[0], ast.Is)

    def passes(binding: Binding) -> bool:
        a, b = left(binding), right(binding)
        return a is _UNKNOWN or b is _UNKNOWN or (a is b) == same

    return passes


_UNKNOWN = object()


def _reader(side: ast.expr, names: Sequence[str], varies: Varies) -> Callable[[Binding], object]:
    """Return what reads one side of a comparison: unknown for what a state holds."""
    if isinstance(side, ast.Constant):
        return lambda binding: None
    owner = side.value if isinstance(side, ast.Attribute) else side
    assert isinstance(owner, ast.Name)
    at = list(names).index(owner.id)
    if not isinstance(side, ast.Attribute):
        return lambda binding: binding[at]
    name = side.attr

    def read(binding: Binding) -> object:
        entity = binding[at]
        if not isinstance(entity, Entity) or (entity, name) in varies:
            return _UNKNOWN
        return entity.__dict__.get(name, _UNKNOWN)

    return read
