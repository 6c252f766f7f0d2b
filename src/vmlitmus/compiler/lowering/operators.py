"""Names, attributes, operators and comparisons of model code while lowering."""

from __future__ import annotations

import ast
import operator
import types
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from vmlitmus.compiler.ir.nodes import Bits, Branch, Operand, size, width
from vmlitmus.compiler.lowering.control import Control
from vmlitmus.compiler.lowering.values import Computed, Known, Snapshot, Val, unite
from vmlitmus.lang.domain import Bool, EnumOf, IntRange, RefTo, SetOf
from vmlitmus.lang.entity import Entity

_ORDER: dict[type[ast.cmpop], tuple[str, bool]] = {
    ast.Lt: ("slt", False),
    ast.LtE: ("sle", False),
    ast.Gt: ("slt", True),
    ast.GtE: ("sle", True),
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.FloorDiv: "udiv",
    ast.Mod: "urem",
}
_PYTHON: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
}
_WIDEST = 512  # bits of an integer that is computed
_SET: dict[type[ast.operator], str] = {ast.BitOr: "or", ast.BitAnd: "and", ast.Sub: "sub"}


class Operators(Control):
    """Evaluates names, attributes, operators and comparisons."""

    def eval(self, node: ast.expr) -> Val:
        handler = getattr(self, f"ev_{type(node).__name__}", None)
        if handler is None:
            self.refuse(node, f"model code has no {type(node).__name__.lower()} expression")
        value: Val = handler(node)
        return value

    def ev_Constant(self, node: ast.Constant) -> Val:
        return Known(node.value)

    def ev_Name(self, node: ast.Name) -> Val:
        if node.id in self.scope.names:
            return self.scope.names[node.id]
        if node.id in self.scope.outside:
            return Known(self.scope.outside[node.id])
        self.refuse(node, f"{node.id!r} is not set here on every way, or not of one kind")

    def ev_Attribute(self, node: ast.Attribute) -> Val:
        return self.attribute(node, self.eval(node.value), node.attr)

    def ev_Subscript(self, node: ast.Subscript) -> Val:
        group, index = self.eval(node.value), self.eval(node.slice)
        if isinstance(group, Known) and isinstance(index, Known):
            if isinstance(group.value, tuple) and index.value in range(len(group.value)):
                return Known(group.value[index.value])
        self.refuse(node, "only a tuple such as w.all(...) has elements, at a constant index")

    def attribute(self, node: ast.AST, owner: Val, name: str) -> Val:
        if isinstance(owner, Known):
            return self.known_attribute(node, owner.value, name)
        if isinstance(owner.domain, EnumOf):
            members = list(owner.domain.kind)
            return self.choose(node, owner, [self.known_attribute(node, m, name) for m in members])
        if isinstance(owner.domain, RefTo):
            self.check_not_none(node, owner, name)
            each = [self.known_attribute(node, e, name) for e in owner.domain.members]
            return self.choose(node, owner, each)
        self.refuse(node, f"no attribute {name!r} here")

    def known_attribute(self, node: ast.AST, owner: Any, name: str) -> Val:
        if not isinstance(owner, Entity):
            if not hasattr(owner, name):
                self.refuse(node, f"{owner!r} has no attribute {name!r}")
            return Known(getattr(owner, name))
        if (owner, name) in self.variables:
            return self.read(node, owner, name)
        attribute = getattr(type(owner), name, None)
        if isinstance(attribute, property) and name not in owner.__dict__:
            return self.call_function(node, attribute.fget, [Known(owner)], {})
        if isinstance(attribute, types.FunctionType):
            return Known(types.MethodType(attribute, owner))
        return self.read(node, owner, name)

    def choose(self, node: ast.AST, owner: Computed, each: Sequence[Val]) -> Val:
        """Return the value that belongs to the owner, out of one for each it can be."""
        if not each:
            self.refuse(node, "there is no such entity in this scenario")
        if all(v == each[0] for v in each):
            return each[0]
        domain = unite(list(each), self.world)
        if domain is None:
            self.refuse(node, "the values differ in kind")
        operands = [self.plain(v, domain) for v in each]
        if isinstance(domain, Bool) and all(isinstance(o, int) for o in operands):
            mask = sum(int(o) << i for i, o in enumerate(operands))
            bits = width(SetOf(bool, tuple(operands)))
            return Computed(domain, self.bit(mask, owner.operand, bits))
        bits = width(domain)
        result = operands[-1]
        for index in range(len(operands) - 2, -1, -1):
            here = self.op("eq", "i64", owner.operand, index)
            result = self.op("select", bits, here, operands[index], result)
        return Computed(domain, result)

    def bit(self, mask: Operand, index: Operand, bits: Bits) -> Operand:
        """Return the truth of one bit of a mask that is so wide; ``index`` has 64 bits."""
        index = self.resize(index, "i64", bits)
        return self.op("bit0", bits, self.op("lshr", bits, mask, index))

    def call_function(
        self, node: ast.AST, function: Any, values: list[Val], named: dict[str, Val]
    ) -> Val:
        raise NotImplementedError

    def truth(self, value: Val, node: ast.AST) -> Operand:
        """Return the truth of a value as one bit."""
        if isinstance(value, Known):
            return int(bool(value.value))
        if isinstance(value.domain, Bool):
            return value.operand
        if isinstance(value.domain, RefTo):
            none = len(value.domain.members)
            return self.op("ne", "i64", value.operand, none) if value.domain.optional else 1
        if isinstance(value.domain, EnumOf):
            return 1
        return self.op("ne", width(value.domain), value.operand, 0)

    def ev_BoolOp(self, node: ast.BoolOp) -> Val:
        thunks = [partial(self.eval, inner) for inner in node.values]
        return self.shortcut(isinstance(node.op, ast.And), thunks, node)

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
        block, arm = self.block, self.code.block()
        assert block is not None
        before = Snapshot(block, dict(self.scope.names), dict(self.fields), self.effect)
        self.block = arm
        right = self.truth(thunk(), node)
        if self.code.blocks[-1] is arm and self.fields == before.fields:
            block.ops += arm.ops
            self.code.blocks.pop()
            self.block = block
            return self.op("and" if both else "or", "i1", left, right)
        self.scope.names["<and>"] = self.boolean(right)
        ends = self.snapshot()
        stop = self.code.block()
        go = (arm.number, stop.number)
        block.end = Branch(left, *(go if both else go[::-1]))
        self.resume(replace(before, block=stop))
        self.scope.names["<and>"] = Known(not both)
        self.join(ends + self.snapshot())
        return self.truth(self.scope.names.pop("<and>"), node)

    def boolean(self, operand: Operand) -> Val:
        return Known(bool(operand)) if isinstance(operand, int) else Computed(Bool(), operand)

    def ev_UnaryOp(self, node: ast.UnaryOp) -> Val:
        value = self.eval(node.operand)
        if isinstance(node.op, ast.Not):
            return self.boolean(self.op("xor", "i1", self.truth(value, node), 1))
        if isinstance(node.op, ast.USub) and isinstance(value, Known):
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

    def ev_Compare(self, node: ast.Compare) -> Val:
        return self.chain(node, self.eval(node.left), node.ops, node.comparators)

    def chain(
        self, node: ast.AST, left: Val, ops: Sequence[ast.cmpop], others: Sequence[ast.expr]
    ) -> Val:
        """Compare a value with the first of some expressions, that with the next, and so on.

        Each is evaluated once, and only where those before it have not decided.
        """
        right = self.eval(others[0])
        here = self.compare(node, left, ops[0], right)
        if len(ops) == 1:
            return here
        following = partial(self.chain, node, right, ops[1:], others[1:])
        return self.shortcut(True, [lambda: here, following], node)

    def compare(self, node: ast.AST, a: Val, op: ast.cmpop, b: Val) -> Val:
        if isinstance(op, (ast.In, ast.NotIn)):
            found = self.contains(node, b, a)
        elif isinstance(op, (ast.Eq, ast.Is, ast.NotEq, ast.IsNot)):
            found = self.equal(node, a, b)
        else:
            return self.boolean(self.ordered(node, a, op, b))
        negative = isinstance(op, (ast.NotIn, ast.NotEq, ast.IsNot))
        return self.boolean(self.op("xor", "i1", found, 1) if negative else found)

    def ordered(self, node: ast.AST, a: Val, op: ast.cmpop, b: Val) -> Operand:
        if isinstance(a, Known) and isinstance(b, Known):
            function = {ast.Lt: "__lt__", ast.LtE: "__le__", ast.Gt: "__gt__", ast.GtE: "__ge__"}
            return int(getattr(a.value, function[type(op)])(b.value))
        (left, x), (right, y) = self.integer(node, a), self.integer(node, b)
        bits, x, y = self.alike(left, x, right, y)
        name, swap = _ORDER[type(op)]
        return self.op(name, bits, y, x) if swap else self.op(name, bits, x, y)

    def alike(
        self, a: IntRange, x: Operand, b: IntRange, y: Operand, *others: IntRange
    ) -> tuple[Bits, Operand, Operand]:
        """Return two ints, of the ranges a and b, as wide as the widest, and how wide that is.

        ``others`` are ranges that shall fit as well.
        """
        widest = max((width(r) for r in (a, b, *others)), key=size)
        return widest, self.resize(x, width(a), widest), self.resize(y, width(b), widest)

    def equal(self, node: ast.AST, a: Val, b: Val) -> Operand:
        if isinstance(a, Known) and isinstance(b, Known):
            return int(a.value is b.value or bool(a.value == b.value))
        domain = unite([a, b], self.world)
        if domain is None or self.none_and_never_none(a, b):
            return self.never_equal(node, a, b)
        return self.op("eq", width(domain), self.plain(a, domain), self.plain(b, domain))

    def none_and_never_none(self, a: Val, b: Val) -> bool:
        """Say whether one is None and the other a reference that never is."""
        return any(
            isinstance(x, Known)
            and x.value is None
            and isinstance(y, Computed)
            and isinstance(y.domain, RefTo)
            and not y.domain.optional
            for x, y in ((a, b), (b, a))
        )

    def same(self, node: ast.AST, a: Val, b: Val) -> Val:
        return self.boolean(self.equal(node, a, b))

    def never_equal(self, node: ast.AST, a: Val, b: Val) -> Operand:
        """A comparison with None is merely false; of different kinds, it is a mistake."""
        if any(isinstance(v, Known) and v.value is None for v in (a, b)):
            return 0
        self.refuse(node, "this compares values of different kinds")

    def contains(self, node: ast.AST, group: Val, member: Val) -> Operand:
        if isinstance(group, Known) and isinstance(member, Known):
            return int(member.value in group.value)
        if isinstance(group, Known):
            thunks = [partial(self.same, node, member, Known(m)) for m in group.value]
            return self.truth(self.shortcut(False, thunks, node), node)
        if not isinstance(group.domain, SetOf):
            self.refuse(node, "'in' needs a set or a tuple")
        index = self.index_in(node, group.domain, member)
        return self.bit(group.operand, index, width(group.domain))

    def index_in(self, node: ast.AST, domain: SetOf, member: Val) -> Operand:
        """Return the bit number of a member; that of None is beyond all members."""
        kind = domain.kind
        if isinstance(member, Known) and isinstance(member.value, kind):
            return domain.members.index(member.value)
        if isinstance(member, Known) and member.value is None:
            return len(domain.members)
        given = member.domain if isinstance(member, Computed) else None
        if not isinstance(given, (RefTo, EnumOf)) or given.kind is not kind:
            self.refuse(node, f"not a {kind.__name__}")
        assert isinstance(member, Computed)
        return member.operand

    def integer(self, node: ast.AST, value: Val) -> tuple[IntRange, Operand]:
        if isinstance(value, Known) and isinstance(value.value, int):
            return IntRange(int(value.value), int(value.value)), int(value.value)
        if isinstance(value, Computed) and isinstance(value.domain, IntRange):
            return value.domain, value.operand
        if isinstance(value, Computed) and isinstance(value.domain, Bool):
            return IntRange(0, 1), self.op("zext i64", "i1", value.operand)
        self.refuse(node, "this needs an integer")

    def ev_BinOp(self, node: ast.BinOp) -> Val:
        a, b = self.eval(node.left), self.eval(node.right)
        if any(isinstance(v, Computed) and isinstance(v.domain, SetOf) for v in (a, b)):
            return self.set_operation(node, a, b)
        if isinstance(a, Known) and isinstance(b, Known):
            return self.known_operation(node, a.value, b.value)
        return self.arithmetic(node, a, b)

    def known_operation(self, node: ast.BinOp, a: Any, b: Any) -> Val:
        function = _PYTHON.get(type(node.op))
        if function is None:
            self.refuse(node, f"no operator {type(node.op).__name__}")
        try:
            return Known(function(a, b))
        except (TypeError, ZeroDivisionError) as error:
            self.refuse(node, str(error))

    def arithmetic(self, node: ast.BinOp, left: Val, right: Val) -> Val:
        op = _ARITHMETIC.get(type(node.op))
        if op is None:
            self.refuse(node, f"no operator {type(node.op).__name__} on integers")
        (a, x), (b, y) = self.integer(node, left), self.integer(node, right)
        if op in ("udiv", "urem") and (a.low < 0 or b.low <= 0):
            self.refuse(
                node, "// and % need operands that are never negative, nor zero on the right"
            )
        corners = [_apply(op, p, q) for p in (a.low, a.high) for q in (b.low, b.high)]
        if op == "urem":
            corners = [0, b.high - 1]
        domain = IntRange(min(corners), max(corners))
        bits, x, y = self.alike(a, x, b, y, domain)
        if size(bits) > _WIDEST:
            self.refuse(node, f"this may need {size(bits)} bits; integers have at most {_WIDEST}")
        return Computed(domain, self.resize(self.op(op, bits, x, y), bits, width(domain)))

    def set_operation(self, node: ast.BinOp, a: Val, b: Val) -> Val:
        op = _SET.get(type(node.op))
        domain = unite([a, b], self.world)
        if op is None or not isinstance(domain, SetOf):
            self.refuse(node, "sets have | & and -, between sets of one kind")
        x, y = self.plain(a, domain), self.plain(b, domain)
        bits = width(domain)
        if op == "sub":
            op, y = "and", self.op("xor", bits, y, domain.size - 1)
        return Computed(domain, self.op(op, bits, x, y))


def _apply(op: str, a: int, b: int) -> int:
    return {"add": a + b, "sub": a - b, "mul": a * b, "udiv": a // max(b, 1), "urem": a}[op]
