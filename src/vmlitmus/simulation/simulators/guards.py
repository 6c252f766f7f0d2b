"""What an instance asks first: mostly one variable for one value, such as the place of its actor.

Where that is not so, the instance is not enabled, and its code need not be called to find that out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vmlitmus.compiler.ir.nodes import DISABLED, Branch, Code, Op

_WORD = (1 << 64) - 1


class Guard(NamedTuple):
    """Where an instance is enabled, ``variable & mask`` is ``value``."""

    variable: int
    mask: int
    value: int


def guard_of(code: Code) -> Guard | None:
    """Return the guard that says most, or None: a whole number says more than one bit."""
    block = code.blocks[0]
    if not isinstance(block.end, Branch) or block.end.other != DISABLED:
        return None
    found = _required(block.end.condition, {op.dest: op for op in block.ops})
    return max(found, key=lambda guard: guard.mask, default=None)


def _required(condition: Any, made: Mapping[str, Op]) -> Iterator[Guard]:
    """Yield what has to be so where a condition is true."""
    op = made.get(condition)
    if op is None:
        return
    if op.op == "and" and op.bits == "i1":
        for part in op.args:
            yield from _required(part, made)
    elif op.op == "eq" and op.bits == "i64" and isinstance(op.args[1], int):
        number = made.get(op.args[0])
        if number is not None and number.op == "load":
            yield Guard(number.args[0], _WORD, op.args[1] & _WORD)
    else:
        inverted = op.op == "xor" and op.args[1] == 1
        bit = _bit(op.args[0] if inverted else condition, made)
        if bit is not None:
            variable, mask = bit
            yield Guard(variable, mask, 0 if inverted else mask)


def _bit(operand: Any, made: Mapping[str, Op]) -> tuple[int, int] | None:
    """Return the variable and the mask of a bool, or of a member of a set in one word."""
    op = made.get(operand)
    if op is None or op.op not in ("load", "bit0") or (op.op == "load" and op.bits != "i1"):
        return None
    if op.op == "load":
        return op.args[0], 1
    number, place = made.get(op.args[0]), 0
    if number is not None and number.op == "lshr" and isinstance(number.args[1], int):
        place = number.args[1]
        number = made.get(number.args[0])
    if number is None or number.op != "load" or number.bits != "i64" or op.bits != "i64":
        return None
    return number.args[0], 1 << place
