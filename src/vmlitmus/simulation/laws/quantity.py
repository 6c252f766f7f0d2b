"""Times, rates and numbers as one writes them: "4 ms", "250 /s", "2 * flush_line + t_send".

A quantity is a number in nanoseconds, per nanosecond, or plain. Names are those of parameters.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping

from vmlitmus.errors import ScenarioError, spelled, unknown

UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9, "min": 60e9, "h": 3600e9}
_NUMBER = r"(?<![\w.])(\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)"
_WITH_UNIT = re.compile(rf"{_NUMBER}\s*({'|'.join(UNITS)})\b")
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "ceil": math.ceil,
    "floor": math.floor,
    "exp": math.exp,
    "harmonic": lambda n: math.fsum(1 / k for k in range(1, int(n) + 1)),
}
_LONGEST = 200  # characters of a quantity
_MOST = 1e6  # of harmonic()
Known = Mapping[str, float]


def quantity(value: object, names: Known, what: str) -> float:
    """Return what a text or a number means; raises ScenarioError that begins with ``what``."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise ScenarioError(f'{what} = {spelled(value)}: not a quantity such as "4 ms"')
    text = _WITH_UNIT.sub(r"(\1*\2)", value).strip()
    try:
        tree = ast.parse(text, mode="eval").body
        found = _Reading(names).of(tree)
    except ScenarioError as error:
        raise ScenarioError(f"{what} = {spelled(value)}: {error}") from None
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise ScenarioError(f'{what} = {spelled(value)}: not a quantity such as "4 ms"') from None
    except (ZeroDivisionError, OverflowError):
        raise ScenarioError(f"{what} = {spelled(value)}: has no finite value") from None
    if not math.isfinite(found):
        raise ScenarioError(f"{what} = {spelled(value)}: has no finite value")
    return found


class _Reading:
    def __init__(self, names: Known) -> None:
        self.names = names

    def of(self, node: ast.expr) -> float:
        """Return the value of one expression."""
        if isinstance(node, ast.Constant) and not isinstance(node.value, bool):
            if isinstance(node.value, int | float):
                return float(node.value)
            raise ValueError
        if isinstance(node, ast.Name):
            return self.named(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self.of(node.operand)
        if isinstance(node, ast.BinOp):
            left, right = self.of(node.left), self.of(node.right)
            if isinstance(node.op, ast.Add):
                return left + right
            if isinstance(node.op, ast.Sub):
                return left - right
            if isinstance(node.op, ast.Mult):
                return left * right
            if isinstance(node.op, ast.Div):
                return left / right
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self.called(node.func.id, [self.of(a) for a in node.args])
        raise ValueError

    def named(self, name: str) -> float:
        known = {**UNITS, **self.names}
        if name not in known:
            raise ScenarioError(unknown("parameter or unit", name, known))
        return known[name]

    def called(self, name: str, values: list[float]) -> float:
        if name not in _FUNCTIONS:
            raise ScenarioError(unknown("function", name, _FUNCTIONS))
        if name == "harmonic" and not (len(values) == 1 and 0 <= values[0] <= _MOST):
            raise ValueError
        return float(_FUNCTIONS[name](*values))
