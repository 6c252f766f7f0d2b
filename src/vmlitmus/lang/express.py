"""Expressions of model code while lowering."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from vmlitmus.lang.control import DISABLED, Control
from vmlitmus.lang.domain import (
    Bool,
    Domain,
    EnumOf,
    IntRange,
    Members,
    RefTo,
    SetOf,
)
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.ir import Bits, Operand
from vmlitmus.lang.source import Assumption
from vmlitmus.lang.values import Computed, Known, Val, domain_of, set_domain, unite
from vmlitmus.lang.world import World, when

MUTATORS = ("add", "remove", "discard", "clear")
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
_SET: dict[type[ast.operator], str] = {ast.BitOr: "or", ast.BitAnd: "and", ast.Sub: "sub"}
_CONCRETE = {len, min, max, range, tuple, frozenset, set, isinstance, bool, int, abs, sorted}


class Expressions(Control):
    """Evaluates expressions to values; see ``lower`` for statements."""

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
            return Computed(domain, self.bit(mask, owner.operand))
        bits: Bits = "i1" if isinstance(domain, Bool) else "i64"
        result = operands[-1]
        for index in range(len(operands) - 2, -1, -1):
            here = self.op("eq", "i64", owner.operand, index)
            result = self.op("select", bits, here, operands[index], result)
        return Computed(domain, result)

    def bit(self, mask: Operand, index: Operand) -> Operand:
        return self.op("bit0", "i64", self.op("lshr", "i64", mask, index))

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
        return self.op("ne", "i64", value.operand, 0)

    def ev_BoolOp(self, node: ast.BoolOp) -> Val:
        thunks = [lambda inner=inner: self.eval(inner) for inner in node.values]
        return self.shortcut(isinstance(node.op, ast.And), thunks, node)

    def shortcut(self, both: bool, thunks: list[Callable[[], Val]], node: ast.AST) -> Val:
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
        block = self.block
        assert block is not None
        ops, count = len(block.ops), len(self.code.blocks)
        right = self.truth(thunk(), node)
        if self.block is block:
            return self.op("and" if both else "or", "i1", left, right)
        del block.ops[ops:], self.code.blocks[count:]
        block.end, self.block = None, block
        arms = self.fork(left)
        go, stop = arms if both else arms[::-1]
        self.resume(go)
        self.scope.names["<and>"] = self.boolean(self.truth(thunk(), node))
        ends = self.snapshot()
        self.resume(stop)
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
        left = self.eval(node.left)
        thunks = []
        for op, right in zip(node.ops, node.comparators, strict=True):
            if len(node.ops) > 1 and not isinstance(right, (ast.Name, ast.Constant, ast.Attribute)):
                self.refuse(right, "chain comparisons only of names, fields and constants")
            thunks.append(lambda a=left, op=op, r=right: self.compare(node, a, op, self.eval(r)))
            left = self.eval(right) if len(node.ops) > 1 else left
        return self.shortcut(True, thunks, node)

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
        x, y = self.integer(node, a)[1], self.integer(node, b)[1]
        name, swap = _ORDER[type(op)]
        return self.op(name, "i64", y, x) if swap else self.op(name, "i64", x, y)

    def equal(self, node: ast.AST, a: Val, b: Val) -> Operand:
        if isinstance(a, Known) and isinstance(b, Known):
            return int(a.value is b.value or bool(a.value == b.value))
        domain = unite([a, b], self.world)
        if domain is None:
            return self.never_equal(node, a, b)
        bits: Bits = "i1" if isinstance(domain, Bool) else "i64"
        return self.op("eq", bits, self.plain(a, domain), self.plain(b, domain))

    def never_equal(self, node: ast.AST, a: Val, b: Val) -> Operand:
        """A comparison with None is merely false; of different kinds, it is a mistake."""
        if any(isinstance(v, Known) and v.value is None for v in (a, b)):
            return 0
        self.refuse(node, "this compares values of different kinds")

    def contains(self, node: ast.AST, group: Val, member: Val) -> Operand:
        if isinstance(group, Known) and isinstance(member, Known):
            return int(member.value in group.value)
        if isinstance(group, Known):
            known = list(group.value)
            return self.truth(
                self.shortcut(
                    False,
                    [lambda m=m: self.boolean(self.equal(node, member, Known(m))) for m in known],
                    node,
                ),
                node,
            )
        if not isinstance(group.domain, SetOf):
            self.refuse(node, "'in' needs a set or a tuple")
        return self.bit(group.operand, self.index_in(node, group.domain, member))

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
            return IntRange(0, 1), self.op("zext", "i64", value.operand)
        self.refuse(node, "this needs an integer")

    def ev_BinOp(self, node: ast.BinOp) -> Val:
        a, b = self.eval(node.left), self.eval(node.right)
        if any(isinstance(v, Computed) and isinstance(v.domain, SetOf) for v in (a, b)):
            return self.set_operation(node, a, b)
        if isinstance(a, Known) and isinstance(b, Known):
            return self.known_operation(node, a.value, b.value)
        return self.arithmetic(node, a, b)

    def known_operation(self, node: ast.BinOp, a: Any, b: Any) -> Val:
        code = ast.Expression(ast.BinOp(ast.Name("a", ast.Load()), node.op, ast.Name("b", ast.Load())))
        try:
            return Known(eval(compile(ast.fix_missing_locations(code), "", "eval"), {"a": a, "b": b}))  # noqa: S307 - two constants
        except (TypeError, ZeroDivisionError) as error:
            self.refuse(node, str(error))

    def arithmetic(self, node: ast.BinOp, left: Val, right: Val) -> Val:
        op = _ARITHMETIC.get(type(node.op))
        if op is None:
            self.refuse(node, f"no operator {type(node.op).__name__} on integers")
        (a, x), (b, y) = self.integer(node, left), self.integer(node, right)
        if op in ("udiv", "urem") and (a.low < 0 or b.low <= 0):
            self.refuse(node, "// and % need operands that are never negative, nor zero on the right")
        corners = [_apply(op, p, q) for p in (a.low, a.high) for q in (b.low, b.high)]
        if op == "urem":
            corners = [0, b.high - 1]
        return Computed(IntRange(min(corners), max(corners)), self.op(op, "i64", x, y))

    def set_operation(self, node: ast.BinOp, a: Val, b: Val) -> Val:
        op = _SET.get(type(node.op))
        domain = unite([a, b], self.world)
        if op is None or not isinstance(domain, SetOf):
            self.refuse(node, "sets have | & and -, between sets of one kind")
        x, y = self.plain(a, domain), self.plain(b, domain)
        if op == "sub":
            op, y = "and", self.op("xor", "i64", y, domain.size - 1)
        return Computed(domain, self.op(op, "i64", x, y))

    def members(self, value: Val, node: ast.AST) -> list[tuple[Val, Operand]]:
        """Return what a loop visits, in order, each with whether it is there."""
        if isinstance(value, Known):
            group = value.value
            if isinstance(group, (set, frozenset)):
                group = sorted(group, key=_position)
            if isinstance(group, type) and issubclass(group, Enum):
                group = tuple(group)
            if not isinstance(group, (tuple, list, range, Members)):
                self.refuse(node, "a loop goes over w.all(...), a set, a tuple or a range")
            return [(Known(m), 1) for m in group]
        if not isinstance(value.domain, SetOf):
            self.refuse(node, "a loop goes over w.all(...), a set, a tuple or a range")
        found = enumerate(value.domain.members)
        return [(Known(m), self.bit(value.operand, i)) for i, m in found]

    def ev_Tuple(self, node: ast.Tuple) -> Val:
        values = [self.eval(inner) for inner in node.elts]
        if all(isinstance(v, Known) for v in values):
            return Known(tuple(v.value for v in values if isinstance(v, Known)))
        return self.collect(node, [(v, 1) for v in values])

    def ev_Set(self, node: ast.Set) -> Val:
        values = [self.eval(inner) for inner in node.elts]
        if all(isinstance(v, Known) for v in values):
            return Known(frozenset(v.value for v in values if isinstance(v, Known)))
        return self.collect(node, [(v, 1) for v in values])

    ev_List = ev_Tuple

    def collect(self, node: ast.AST, found: list[tuple[Val, Operand]]) -> Val:
        """Return the set of some members, each there or not."""
        if all(isinstance(v, Known) and isinstance(p, int) for v, p in found):
            return Known(frozenset(v.value for v, p in found if isinstance(v, Known) and p))
        domain = unite([v for v, _ in found], self.world)
        group = set_domain(domain.kind, self.world) if isinstance(domain, (RefTo, EnumOf)) else None
        if group is None or (isinstance(domain, RefTo) and domain.optional):
            self.refuse(node, "a set holds entities of one class, or members of one enum")
        mask: Operand = 0
        for value, present in found:
            bit = self.op("shl", "i64", 1, self.index_in(node, group, value))
            mask = self.op("or", "i64", mask, self.op("select", "i64", present, bit, 0))
        return Computed(group, mask)

    def comprehension(
        self, node: ast.GeneratorExp | ast.SetComp | ast.ListComp
    ) -> list[tuple[Callable[[], Val], Callable[[], Operand]]]:
        """Return, for each member visited: how to get its value, and whether it is there."""
        if len(node.generators) != 1 or not isinstance(node.generators[0].target, ast.Name):
            return self.nested(node)
        found = []
        generator = node.generators[0]
        for member, present in self.members(self.eval(generator.iter), node):
            if present != 0:
                found.append(self.visit(node.elt, generator, member, present))
        return found

    def nested(self, node: Any) -> list[tuple[Callable[[], Val], Callable[[], Operand]]]:
        """Two or more 'for' clauses over known groups: the inner ones see the outer names."""
        first, *others = node.generators
        found = []
        for member, present in self.members(self.eval(first.iter), node):
            if present != 1 or first.ifs:
                self.refuse(node, "with several 'for', the outer ones go over w.all(...) without if")
            kept = self.scope.names.get(first.target.id)
            self.scope.names[first.target.id] = member
            inner = ast.copy_location(ast.GeneratorExp(node.elt, others), node)
            for value, there in self.comprehension(inner):
                found.append(
                    (
                        self.with_name(first.target.id, member, value),
                        self.with_name(first.target.id, member, there),
                    )
                )
            self.restore(first.target.id, kept)
        return found

    def visit(
        self, elt: ast.expr, generator: ast.comprehension, member: Val, present: Operand
    ) -> tuple[Callable[[], Val], Callable[[], Operand]]:
        assert isinstance(generator.target, ast.Name)
        name = generator.target.id

        def there() -> Operand:
            thunks: list[Callable[[], Val]] = [lambda: self.boolean(present)]
            thunks += [lambda test=test: self.eval(test) for test in generator.ifs]
            return self.truth(self.shortcut(True, thunks, elt), elt)

        value = self.with_name(name, member, lambda: self.eval(elt))
        return value, self.with_name(name, member, there)

    def with_name(self, name: str, member: Val, thunk: Callable[[], Any]) -> Callable[[], Any]:
        """Return the thunk, to be run with a name set to a member for its duration."""

        def run() -> Any:
            kept = self.scope.names.get(name)
            self.scope.names[name] = member
            result = thunk()
            self.restore(name, kept)
            return result

        return run

    def restore(self, name: str, kept: Val | None) -> None:
        if kept is None:
            self.scope.names.pop(name, None)
        else:
            self.scope.names[name] = kept

    def ev_SetComp(self, node: ast.SetComp) -> Val:
        found = self.comprehension(node)
        return self.collect(node, [(value(), there()) for value, there in found])

    ev_ListComp = ev_SetComp

    def ev_GeneratorExp(self, node: ast.GeneratorExp) -> Val:
        self.refuse(node, "a generator expression stands in any(), all(), sum(), min() or max()")

    def ev_Call(self, node: ast.Call) -> Val:
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in MUTATORS:
            if isinstance(function.value, ast.Attribute):
                return self.mutate(node, function.value, function.attr)
        if isinstance(function, ast.Name) and function.id in ("_rest_of", "_without"):
            return self.rest(node, function.id)
        callee = self.eval(function)
        if not isinstance(callee, Known):
            self.refuse(node, "this cannot be called")
        return self.call(node, callee.value)

    def call(self, node: ast.Call, callee: Any) -> Val:
        if callee is when:
            return self.guard(node)
        if callee in (any, all, sum, min, max, len) and len(node.args) == 1:
            if isinstance(node.args[0], (ast.GeneratorExp, ast.ListComp, ast.SetComp)):
                return self.reduce(node, callee, node.args[0])
        values = [self.eval(argument) for argument in node.args]
        named = {k.arg: self.eval(k.value) for k in node.keywords if k.arg}
        if isinstance(callee, types.MethodType):
            values = [Known(callee.__self__), *values]
            callee = callee.__func__
        if isinstance(callee, types.FunctionType) and callee.__module__ != World.__module__:
            return self.call_function(node, callee, values, named)
        return self.call_builtin(node, callee, values)

    def call_builtin(self, node: ast.Call, callee: Any, values: list[Val]) -> Val:
        known = [v.value for v in values if isinstance(v, Known)]
        if len(known) == len(values) and (_is_world(callee) or callee in _CONCRETE):
            return Known(callee(*known))
        first = values[0] if values else None
        if isinstance(first, Computed) and isinstance(first.domain, SetOf):
            if callee is len:
                count = len(first.domain.members)
                return Computed(IntRange(0, count), self.op("ctpop", "i64", first.operand))
            if callee in (set, frozenset, tuple):
                return first
        if callee is bool and first is not None:
            return self.boolean(self.truth(first, node))
        if callee in (min, max) and len(values) == 2:
            return self.extreme(node, callee is max, values[0], values[1])
        if callee in (any, all) and first is not None:
            found = [self.boolean(p) for _, p in self.members(first, node)]
            return self.shortcut(callee is all, [lambda v=v: v for v in found], node)
        self.refuse(node, f"{getattr(callee, '__name__', callee)!r} cannot be called in model code")

    def extreme(self, node: ast.AST, largest: bool, left: Val, right: Val) -> Val:
        (a, x), (b, y) = self.integer(node, left), self.integer(node, right)
        less = self.op("slt", "i64", x, y)
        pick = (y, x) if largest else (x, y)
        bound = max if largest else min
        domain = IntRange(bound(a.low, b.low), bound(a.high, b.high))
        return Computed(domain, self.op("select", "i64", less, *pick))

    def reduce(
        self, node: ast.Call, callee: Any, group: ast.GeneratorExp | ast.ListComp | ast.SetComp
    ) -> Val:
        """any, all, sum, len, min or max over a comprehension."""
        if callee is len or (callee in (min, max)):
            if callee is not len:
                self.refuse(node, "min and max take two values")
            collected = self.eval(group)
            return self.call_builtin(node, len, [collected])
        found = self.comprehension(group)
        if callee is sum:
            return self.total(node, found)
        thunks = [self.one(callee is all, value, there, node) for value, there in found]
        return self.shortcut(callee is all, thunks, node)

    def one(
        self,
        every: bool,
        value: Callable[[], Val],
        there: Callable[[], Operand],
        node: ast.AST,
    ) -> Callable[[], Val]:
        """One member's share in any() or all(): absent members do not decide."""

        def absent() -> Val:
            return self.boolean(self.op("xor", "i1", there(), 1))

        def share() -> Val:
            if every:
                return self.shortcut(False, [absent, value], node)
            return self.shortcut(True, [lambda: self.boolean(there()), value], node)

        return share

    def total(
        self, node: ast.AST, found: list[tuple[Callable[[], Val], Callable[[], Operand]]]
    ) -> Val:
        low = high = 0
        operand: Operand = 0
        for value, there in found:
            domain, amount = self.integer(node, value())
            present = there()
            share = self.op("select", "i64", present, amount, 0)
            low, high = low + min(domain.low, 0), high + max(domain.high, 0)
            operand = self.op("add", "i64", operand, share)
        return Known(operand) if isinstance(operand, int) else Computed(IntRange(low, high), operand)

    def guard(self, node: ast.Call) -> Val:
        if len(node.args) != 1:
            self.refuse(node, "when() takes one condition")
        self.pure += 1
        test = self.truth(self.eval(node.args[0]), node)
        self.pure -= 1
        if test != 1 and self.effect:
            self.refuse(node, "a guard after an effect in the same section")
        if test == 0:
            assert self.block is not None
        self.require(test, DISABLED)
        return Known(None)

    def mutate(self, node: ast.Call, target: ast.Attribute, method: str) -> Val:
        """add, remove, discard or clear on a set field."""
        owner = self.eval(target.value)
        group = self.attribute(target, owner, target.attr)
        domain = group.domain if isinstance(group, Computed) else domain_of(group.value, self.world)
        if not isinstance(domain, SetOf):
            self.refuse(node, f"{target.attr!r} is not a set field")
        mask = self.plain(group, domain)
        if method == "clear":
            self.write(target, owner, target.attr, Known(frozenset()))
            return Known(None)
        member = self.eval(node.args[0])
        index = self.index_in(node, domain, member)
        if isinstance(member, Computed) and isinstance(member.domain, RefTo):
            self.check_not_none(node, member, method)
        if method == "remove":
            self.require(self.bit(mask, index), -2)
        self.write(target, owner, target.attr, self.changed(domain, mask, index, method))
        return Known(None)

    def changed(self, domain: SetOf, mask: Operand, index: Operand, method: str) -> Val:
        bit = self.op("shl", "i64", 1, index)
        if method == "add":
            return Computed(domain, self.op("or", "i64", mask, bit))
        others = self.op("xor", "i64", bit, domain.size - 1)
        return Computed(domain, self.op("and", "i64", mask, others))

    def rest(self, node: ast.Call, name: str) -> Val:
        """What a loop with yields is still to visit."""
        group = self.eval(node.args[0])
        domain = group.domain if isinstance(group, Computed) else domain_of(group.value, self.world)
        if isinstance(group, Known) and isinstance(group.value, type):
            domain = set_domain(group.value, self.world)
        if isinstance(group, Known) and not isinstance(group.value, type) and not group.value:
            return group
        if not isinstance(domain, SetOf):
            self.refuse(node, "a loop with yields goes over entities, or over an enum")
        if name == "_rest_of":
            members = tuple(group.value) if isinstance(group, Known) else ()
            return Computed(domain, group.operand if isinstance(group, Computed) else domain.encode(members))
        index = self.index_in(node, domain, self.eval(node.args[1]))
        return self.changed(domain, self.plain(group, domain), index, "discard")

    def bind(
        self,
        node: ast.AST,
        syntax: ast.FunctionDef,
        function: Any,
        values: list[Val],
        named: dict[str, Val],
    ) -> dict[str, Val]:
        """Return the parameters of a call with their values."""
        parameters = [a.arg for a in syntax.args.args + syntax.args.kwonlyargs]
        names = dict(zip(parameters, values, strict=False))
        names.update(named)
        defaults = function.__defaults__ or ()
        plain = [a.arg for a in syntax.args.args]
        for name, value in zip(plain[len(plain) - len(defaults) :], defaults, strict=True):
            names.setdefault(name, Known(value))
        for name, value in (function.__kwdefaults__ or {}).items():
            names.setdefault(name, Known(value))
        if len(values) > len(plain) or set(names) != set(parameters):
            self.refuse(node, f"{function.__name__}() takes {', '.join(parameters) or 'nothing'}")
        return names


def _apply(op: str, a: int, b: int) -> int:
    return {"add": a + b, "sub": a - b, "mul": a * b, "udiv": a // max(b, 1), "urem": a}[op]


def _position(member: object) -> int:
    if isinstance(member, Enum):
        return list(type(member)).index(member)
    return member.index if isinstance(member, Entity) else int(str(member))


def _is_world(callee: Any) -> bool:
    return getattr(callee, "__module__", None) == World.__module__


__all__ = ["Assumption", "Domain", "Expressions"]
