"""Guards that come after an effect: seen in the text, before any scenario is built.

A section happens as a whole or not at all, so its ``when`` stands before what it changes. The
compiler refuses a guard after an effect where a scenario gets there; here each function of a model
is read as it stands, whether a scenario gets there or not.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterable

from vmlitmus.errors import ModelError
from vmlitmus.lang.syntax.trees import function_syntax, shown_path

_CHANGES = ("add", "remove", "discard", "clear")


def refuse_late_guards(functions: Iterable[types.FunctionType]) -> None:
    """Raise ModelError for the first guard that an effect in its section comes before."""
    for function in functions:
        late = _late(function_syntax(function).body, False)[0]
        if late is not None:
            path = shown_path(function.__code__.co_filename)
            raise ModelError(
                f"{function.__name__}(): a guard after an effect in the same section; "
                "put when(...) first, or in a sequence a yield in between",
                f"{path}:{late.lineno}",
            )


def _late(body: list[ast.stmt], effect: bool) -> tuple[ast.stmt | None, bool]:
    """Return a late guard, if there is one, and whether an effect may come before what follows."""
    for node in body:
        if effect and _calls_when(node):
            return node, effect
        if _yields(node):
            effect = False
        elif _changes(node):
            effect = True
        ends = [] if _always_one_block(node) else [effect]
        for block in _blocks(node):
            late, after = _late(block, effect)
            if late is not None:
                return late, effect
            ends.append(after and not _leaves(block))
        effect = any(ends)
    return None, effect


def _always_one_block(node: ast.stmt) -> bool:
    """Say whether one of the blocks of a statement is gone through, whatever happens."""
    return isinstance(node, ast.With) or (isinstance(node, ast.If) and bool(node.orelse))


def _calls_when(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "when"


def _yields(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, (ast.Yield, ast.YieldFrom))


def _changes(node: ast.stmt) -> bool:
    """Say whether a statement sets a field, or changes a set that is a field."""
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Attribute) for target in node.targets)
    if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        return isinstance(node.target, ast.Attribute)
    call = node.value if isinstance(node, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        return call.func.attr in _CHANGES and isinstance(call.func.value, ast.Attribute)
    return False


def _blocks(node: ast.stmt) -> list[list[ast.stmt]]:
    if isinstance(node, (ast.If, ast.For, ast.While)):
        return [node.body, node.orelse]
    return [node.body] if isinstance(node, ast.With) else []


def _leaves(block: list[ast.stmt]) -> bool:
    return bool(block) and isinstance(block[-1], (ast.Return, ast.Continue, ast.Break))
