"""Truth, and what is evaluated only where something is true, while lowering."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from vmlitmus.compiler.ir.nodes import Bits, Block, Branch, Operand, mask_width, width
from vmlitmus.compiler.lowering.shared_memory import SharedMemory
from vmlitmus.compiler.lowering.values import Computed, Known, Row, Snapshot, Val
from vmlitmus.lang.domain import Bool, EnumOf, RefTo, Truth


class Truths(SharedMemory):
    """Evaluates ``and``, ``or``, ``not`` and conditional expressions."""

    def eval(self, node: ast.expr) -> Val:
        raise NotImplementedError

    def truth(self, value: Val, node: ast.AST) -> Operand:
        """Return the truth of a value as one bit."""
        if isinstance(value, Known):
            return int(bool(value.value))
        if isinstance(value, Row):
            return self.truth(self.any_of([there for _, there in value.items], node), node)
        if isinstance(value.domain, Bool):
            return value.operand
        if isinstance(value.domain, RefTo):
            none = len(value.domain.members)
            return self.op("ne", "i64", value.operand, none) if value.domain.optional else 1
        if isinstance(value.domain, EnumOf):
            mask = sum(bool(m) << i for i, m in enumerate(value.domain.kind))
            if mask == (1 << value.domain.size) - 1:
                return 1
            return self.bit(mask, value.operand, mask_width(value.domain.size))
        return self.op("ne", width(value.domain), value.operand, 0)

    def bit(self, mask: Operand, index: Operand, bits: Bits) -> Operand:
        """Return the truth of one bit of a mask that is so wide; ``index`` has 64 bits."""
        index = self.resize(index, "i64", bits)
        return self.op("bit0", bits, self.op("lshr", bits, mask, index))

    def any_of(self, operands: Sequence[Operand], node: ast.AST) -> Val:
        return self.shortcut(False, [partial(self.boolean, o) for o in operands], node)

    def ev_BoolOp(self, node: ast.BoolOp) -> Val:
        """And, or: the value of one of the operands, of which only the truth can be used.

        Where all operands are bools, so is the result.
        """
        both = isinstance(node.op, ast.And)
        rest = list(node.values)
        value = self.eval(rest.pop(0))
        while isinstance(value, Known) and rest:
            if bool(value.value) is not both:
                return value
            value = self.eval(rest.pop(0))
        if not rest:
            return value
        first, given = value, [value]

        def noted(inner: ast.expr) -> Val:
            given.append(self.eval(inner))
            return given[-1]

        thunks: list[Callable[[], Val]] = [lambda: first]
        thunks += [partial(noted, inner) for inner in rest]
        result = self.shortcut(both, thunks, node)
        if all(map(_is_bool, given)):
            return result
        return Computed(Truth(), self.truth(result, node))

    def shortcut(self, both: bool, thunks: Sequence[Callable[[], Val]], node: ast.AST) -> Val:
        """And (``both``) or or of values, each evaluated only where it decides."""
        result: Operand = int(both)
        for thunk in thunks:
            if result == int(not both):
                break
            result = self.combine(both, result, thunk, node)
        return Computed(Bool(), result) if isinstance(result, str) else Known(bool(result))

    def combine(
        self, both: bool, left: Operand, thunk: Callable[[], Val], node: ast.AST
    ) -> Operand:
        if isinstance(left, int):
            return self.truth(thunk(), node)
        arm = self.arm()
        right = self.truth(thunk(), node)
        if self.is_plain(arm):
            return self.op("and" if both else "or", "i1", left, right)
        met = self.met(left, arm, self.boolean(right), Known(not both), where=both)
        assert met is not None
        return self.truth(met, node)

    def arm(self) -> Arm:
        """Go on in a block of its own."""
        assert self.block is not None
        before = self.here(self.block)
        self.block = self.code.block()
        return Arm(before, self.block)

    def is_plain(self, arm: Arm) -> bool:
        """Say whether an arm is one block that writes nothing; then it becomes part of ours."""
        if self.code.blocks[-1] is not arm.block or self.fields != arm.before.fields:
            return False
        arm.before.block.ops += arm.block.ops
        self.code.blocks.pop()
        self.block = arm.before.block
        return True

    def met(self, test: Operand, arm: Arm, inside: Val, outside: Val, *, where: bool) -> Val | None:
        """End an arm that is only run where ``test`` is ``where``; return the value behind it.

        None where the values inside and outside differ in kind.
        """
        self.scope.names["<met>"] = inside
        ends = self.snapshot()
        stop = self.code.block()
        go = (arm.block.number, stop.number)
        arm.before.block.end = Branch(test, *(go if where else go[::-1]))
        self.resume(replace(arm.before, block=stop))
        self.scope.names["<met>"] = outside
        self.join(ends + self.snapshot())
        return self.scope.names.pop("<met>", None)

    def only_where(self, test: Operand, thunk: Callable[[], Val], node: ast.AST) -> Val:
        """Return a value that is evaluated only where ``test`` is true; elsewhere it is any."""
        if isinstance(test, int):
            return thunk()
        arm = self.arm()
        value = thunk()
        if self.is_plain(arm):
            return value
        met = self.met(test, arm, value, self.any_like(value, node), where=True)
        assert met is not None
        return met

    def any_like(self, value: Val, node: ast.AST) -> Val:
        """Return some known value of the same kind."""
        if isinstance(value, Known):
            return value
        if isinstance(value, Row) or value.domain.size == 0:
            self.refuse(node, "this may have no value here: write it as an if")
        return Known(value.domain.decode(0))

    def boolean(self, operand: Operand) -> Val:
        return Known(bool(operand)) if isinstance(operand, int) else Computed(Bool(), operand)

    def ev_UnaryOp(self, node: ast.UnaryOp) -> Val:
        value = self.eval(node.operand)
        if isinstance(node.op, ast.Not):
            return self.boolean(self.op("xor", "i1", self.truth(value, node), 1))
        if isinstance(node.op, ast.USub) and isinstance(value, Known):
            if isinstance(value.value, (int, float)):
                return Known(-value.value)
        self.refuse(node, "only 'not' and the minus of a constant")

    def ev_IfExp(self, node: ast.IfExp) -> Val:
        test = self.truth(self.eval(node.test), node)
        if isinstance(test, int):
            return self.eval(node.body if test else node.orelse)
        ends = []
        for arm, inner in zip(self.fork(test), (node.body, node.orelse), strict=True):
            self.resume(arm)
            value = self.eval(inner)
            self.scope.names["<if>"] = value
            ends.extend(self.snapshot())
        self.join(ends)
        if "<if>" not in self.scope.names:
            self.refuse(node, "the two values differ in kind")
        return self.scope.names.pop("<if>")


@dataclass(slots=True)
class Arm:
    """Code that is only run where something is true: what was before it, and where it begins."""

    before: Snapshot
    block: Block


def _is_bool(value: Val) -> bool:
    if isinstance(value, Known):
        return isinstance(value.value, bool)
    return isinstance(value, Computed) and type(value.domain) is Bool
