"""The typed intermediate form: what one step does to a state, as blocks of simple operations.

A value is a Python int (a constant) or a str (the name of a computed value). Truth values are one
bit ("i1"), most others 64 bits ("i64"): an int is itself, an enum member and an entity are their
index, None is the index after the last entity, a set is a mask. An int or a set that needs more
has a multiple of 64 bits ("i128"), see ``width``; no operation ever overflows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from vmlitmus.compiler.ir.order import Order
from vmlitmus.lang.domain import Bool, Domain, IntRange, SetOf

Operand: TypeAlias = int | str
Bits: TypeAlias = str
WORD = 64


def width(domain: Domain) -> Bits:
    """Return how wide a computed value of a domain is; an int has a sign."""
    if isinstance(domain, Bool):
        return "i1"
    if isinstance(domain, SetOf):
        return mask_width(len(domain.members))
    if isinstance(domain, IntRange):
        return _words(max(domain.low.bit_length(), domain.high.bit_length()) + 1)
    return _words(WORD)


def mask_width(members: int) -> Bits:
    """Return how wide a mask is; it has a bit more than members, which stands for None."""
    return _words(members + 1)


def _words(bits: int) -> Bits:
    return f"i{-(-bits // WORD) * WORD}"


def size(bits: Bits) -> int:
    """Return how many bits a width is."""
    return int(bits[1:])


@dataclass(slots=True)
class Op:
    """One operation: ``dest`` := ``op``(``args``); ``bits`` is the width of the operands.

    "sext", "zext" and "trunc" also say what they lead to: "sext i128".
    """

    dest: str
    op: str
    bits: Bits
    args: tuple[Any, ...]


@dataclass(slots=True)
class Branch:
    """Go to a block, or to one of two."""

    condition: Operand
    then: int
    other: int


@dataclass(slots=True)
class Emit:
    """The step is done: its ending, and the new code of each variable that it wrote."""

    ending: int
    writes: dict[int, Operand]


@dataclass(slots=True)
class Value:
    """A condition is computed."""

    operand: Operand


Terminator: TypeAlias = Branch | Emit | Value
DISABLED = -1  # a block number: the step is not enabled
FAULTY = -2  # a block number: the step is a model error here


@dataclass(slots=True)
class Block:
    """Operations in a row, and where they lead."""

    number: int
    ops: list[Op] = field(default_factory=list)
    end: Terminator | None = None


class Code:
    """The blocks of one step; the first is its entry."""

    def __init__(self) -> None:
        self.blocks: list[Block] = [Block(0)]
        self.names = 0
        self.order = Order()

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """The variables that the finished code reads, in order."""
        ops = [op for block in self.blocks for op in block.ops if op.op == "load"]
        return tuple(sorted({op.args[0] for op in ops}))

    @cached_property
    def made(self) -> dict[str, Op]:
        """The operation that makes each value of the finished code."""
        return {op.dest: op for block in self.blocks for op in block.ops}

    @cached_property
    def writes(self) -> frozenset[int]:
        """The variables that the finished code may write."""
        ends = [block.end for block in self.blocks if isinstance(block.end, Emit)]
        return frozenset(variable for end in ends for variable in end.writes)

    @cached_property
    def ends(self) -> dict[tuple[int | None, ...], Any]:
        """How the finished code may end, by the constants among what it reads; see reachable."""
        return {}

    def block(self) -> Block:
        made = Block(len(self.blocks))
        self.blocks.append(made)
        return made

    def op(self, block: Block, op: str, bits: Bits, *args: Any) -> Operand:
        """Append an operation and return its result; constants are folded."""
        folded = fold(op, bits, args)
        if folded is not None:
            return folded
        self.names += 1
        dest = f"%v{self.names}"
        block.ops.append(Op(dest, op, bits, args))
        return dest

    def resize(self, block: Block, operand: Operand, old: Bits, new: Bits) -> Operand:
        """Return an int, or a mask, with another width that is known to hold it."""
        if old == new or isinstance(operand, int):
            return operand
        return self.op(block, f"{'sext' if size(new) > size(old) else 'trunc'} {new}", old, operand)


EXACT: dict[str, Callable[..., int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "udiv": lambda a, b: a // b,
    "urem": lambda a, b: a % b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "shl": lambda a, b: a << b,
    "lshr": lambda a, b: a >> b,
    "eq": lambda a, b: int(a == b),
    "ne": lambda a, b: int(a != b),
    "slt": lambda a, b: int(a < b),
    "sle": lambda a, b: int(a <= b),
    "ctpop": lambda a: a.bit_count(),
    "sext": lambda a: a,
    "zext": lambda a: a,
    "trunc": lambda a: a,
    "bit0": lambda a: a & 1,
}


def fold(op: str, bits: Bits, args: tuple[Any, ...]) -> Operand | None:
    """Return the result of an operation when it is known without running it."""
    if op == "select":
        return _select(bits, *args)
    constants = [a for a in args if isinstance(a, int)]
    if not constants:
        return None
    if len(constants) == len(args):
        exact = EXACT.get(op.partition(" ")[0])
        return None if exact is None else exact(*args)
    if op in ("and", "or", "xor", "add", "shl", "lshr", "sub") and len(args) == 2:
        return _identity(op, bits, *args)
    return None


def _select(bits: Bits, condition: Operand, then: Operand, other: Operand) -> Operand | None:
    if isinstance(condition, int):
        return then if condition else other
    if then == other:
        return then
    if bits == "i1" and (then, other) == (1, 0):
        return condition
    return None


def _identity(op: str, bits: Bits, a: Operand, b: Operand) -> Operand | None:
    commutes = op in ("and", "or", "xor", "add")
    if b == 0 and op != "and":
        return a
    if a == 0 and commutes and op != "and":
        return b
    if op == "and" and 0 in (a, b):
        return 0
    if bits == "i1" and op == "and" and 1 in (a, b):
        return b if a == 1 else a
    if bits == "i1" and op == "or" and 1 in (a, b):
        return 1
    return None
