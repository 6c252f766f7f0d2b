"""Names, attributes, operators and comparisons of model code while lowering."""

from __future__ import annotations

import ast
import builtins
import operator
import sys
import types
from collections.abc import Callable, Collection, Iterable, Sequence
from enum import Enum
from functools import partial
from typing import Any

from vmlitmus.compiler.ir.nodes import Bits, Operand, mask_width, size, width
from vmlitmus.compiler.lowering.read_set import moments
from vmlitmus.compiler.lowering.truth import Truths
from vmlitmus.compiler.lowering.values import (
    Chosen,
    Computed,
    Known,
    Row,
    Val,
    is_python_set,
    unite,
)
from vmlitmus.errors import nearest
from vmlitmus.lang.domain import Bool, EnumOf, IntRange, Members, RefTo, SetOf, Truth
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
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_SET: dict[type[ast.operator], str] = {ast.BitOr: "or", ast.BitAnd: "and", ast.Sub: "sub"}


def _import_of(name: str, known: Iterable[object]) -> str:
    """Return a question that names a missing import, where a module of something known has it."""
    for module in dict.fromkeys(getattr(value, "__module__", None) for value in known):
        home = getattr(getattr(sys.modules.get(str(module)), name, None), "__module__", "")
        if home.startswith("vmlitmus."):
            return f"is 'from {home} import {name}' missing"
    return "is an import missing"


class Operators(Truths):
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
        code = getattr(self.scope.function, "__code__", None)
        if code is not None and node.id not in (*code.co_varnames, *code.co_cellvars):
            own = [n for n in self.scope.outside if not hasattr(builtins, n)]
            found = nearest(node.id, [*self.scope.names, *own])
            guess = f"did you mean {found!r}, or " if found else ""
            missing = _import_of(node.id, self.scope.outside.values())
            self.refuse(node, f"unknown name {node.id!r}; {guess}{missing}?")
        self.refuse(node, f"{node.id!r} is not set here on every way, or not of one kind")

    def ev_Attribute(self, node: ast.Attribute) -> Val:
        return self.attribute(node, self.eval(node.value), node.attr)

    def ev_Subscript(self, node: ast.Subscript) -> Val:
        group, index = self.eval(node.value), self.eval(node.slice)
        if isinstance(group, Known) and isinstance(index, Known):
            if isinstance(group.value, tuple) and index.value in range(len(group.value)):
                return Known(group.value[index.value])
        if isinstance(group, Row) and isinstance(index, Known) and self.is_whole(group):
            if index.value in range(len(group.items)):
                value: Val = group.items[index.value][0]
                return value
        self.refuse(node, "only a tuple such as w.all(...) has elements, at a constant index")

    def attribute(self, node: ast.AST, owner: Val, name: str) -> Val:
        constant = self.moment(owner, name) if isinstance(owner, Chosen) else None
        if isinstance(constant, tuple):
            return Known(constant[1])
        if isinstance(owner, Known):
            return self.known_attribute(node, owner.value, name)
        if isinstance(owner, Row):
            self.refuse(node, f"a tuple has no attribute {name!r}")
        if isinstance(owner.domain, EnumOf):
            members = list(owner.domain.kind)
            each = [self.known_attribute(node, m, name) for m in members]
            return self.choose(node, owner, each, range(len(each)))
        if isinstance(owner.domain, RefTo):
            self.check_not_none(node, owner, name)
            them = owner.domain.could_be
            with self.as_one():
                each = [self.attribute_of(node, owner, e, name) for e in them]
            return self.choose(node, owner, each, [entity.index for entity in them])
        self.refuse(node, f"no attribute {name!r} here")

    def moment(self, owner: Chosen, name: str) -> object:
        """Return what a mechanism does at a moment, and note it; None where it cannot be told."""
        does = moments(owner.mechanism).get(name)
        if does is not None:
            self.variables.told("moment", (owner.kind, name), does)
        return does

    def attribute_of(self, node: ast.AST, owner: Computed, entity: Entity, name: str) -> Val:
        """Return an attribute of one of the entities that the owner can be.

        A property is code: it is evaluated only where the owner is that entity.
        """
        if not isinstance(getattr(type(entity), name, None), property):
            return self.known_attribute(node, entity, name)
        return self.only_where(
            self.is_entity(owner, entity), lambda: self.known_attribute(node, entity, name), node
        )

    def known_attribute(self, node: ast.AST, owner: Any, name: str) -> Val:
        if not isinstance(owner, Entity):
            if not hasattr(owner, name):
                guess = nearest(name, (n for n in dir(owner) if not n.startswith("_")))
                hint = f"; did you mean {guess!r}?" if guess else ""
                text = ast.unparse(node.value) if isinstance(node, ast.Attribute) else repr(owner)
                self.refuse(node, f"{text} has no attribute {name!r}{hint}")
            return Known(getattr(owner, name))
        attribute = None if name in owner.__dict__ else getattr(type(owner), name, None)
        if isinstance(attribute, property):
            return self.call_function(node, attribute.fget, [Known(owner)], {})
        if isinstance(attribute, types.FunctionType):
            return Known(types.MethodType(attribute, owner))
        return self.read(node, owner, name)

    def choose(
        self, node: ast.AST, owner: Computed, each: Sequence[Val], codes: Sequence[int]
    ) -> Val:
        """Return the value that belongs to the owner, out of one for each code it can be."""
        if not each:
            self.refuse(node, "there is no such entity in this scenario")
        if all(v == each[0] for v in each):
            return each[0]
        domain = unite(list(each), self.world)
        if domain is None:
            self.refuse(node, "the values differ in kind")
        operands = [self.plain(v, domain) for v in each]
        if isinstance(domain, Bool) and all(isinstance(o, int) for o in operands):
            mask = sum(int(o) << code for code, o in zip(codes, operands, strict=True))
            found = self.bit(mask, owner.operand, mask_width(max(codes) + 1))
            return Computed(domain, found)
        bits = width(domain)
        result = operands[-1]
        for index in range(len(operands) - 2, -1, -1):
            here = self.op("eq", "i64", owner.operand, codes[index])
            result = self.op("select", bits, here, operands[index], result)
        return Computed(domain, result)

    def call_function(
        self, node: ast.AST, function: Any, values: list[Val], named: dict[str, Val]
    ) -> Val:
        raise NotImplementedError

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
        elif isinstance(op, (ast.Is, ast.IsNot)):
            found = self.identical(node, a, b)
        elif isinstance(op, (ast.Eq, ast.NotEq)):
            found = self.equal(node, a, b)
        else:
            return self.boolean(self.ordered(node, a, op, b))
        negative = isinstance(op, (ast.NotIn, ast.NotEq, ast.IsNot))
        return self.boolean(self.op("xor", "i1", found, 1) if negative else found)

    def ordered(self, node: ast.AST, a: Val, op: ast.cmpop, b: Val) -> Operand:
        if isinstance(a, Known) and isinstance(b, Known):
            try:
                return int(_COMPARED[type(op)](a.value, b.value))
            except TypeError as error:
                self.refuse(node, str(error))
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

    def identical(self, node: ast.AST, a: Val, b: Val) -> Operand:
        """``is``: of what there is one only, so that it means the same in every state."""
        if isinstance(a, Known) and isinstance(b, Known):
            return int(a.value is b.value)
        if not (_is_single(a) and _is_single(b)):
            self.refuse(node, "'is' compares entities, enum members, bools and None; write ==")
        return self.equal(node, a, b)

    def equal(self, node: ast.AST, a: Val, b: Val) -> Operand:
        if isinstance(a, Known) and isinstance(b, Known):
            return int(a.value is b.value or bool(a.value == b.value))
        rows = [self.row(v) for v in (a, b)]
        if rows[0] is not None and rows[1] is not None:
            return self.equal_rows(node, rows[0], rows[1])
        if any(rows) and any(map(is_python_set, (a, b))):
            self.refuse(node, "a tuple or list never equals a Python set")
        a, b = self.as_set(node, a), self.as_set(node, b)
        if any(isinstance(v, Computed) and isinstance(v.domain, Truth) for v in (a, b)):
            self.refuse(node, "'and' and 'or' give one of their values: write bool(...)")
        domain = unite([a, b], self.world)
        if domain is None or self.none_and_never_none(a, b):
            return self.never_equal(node, a, b)
        return self.op("eq", width(domain), self.plain(a, domain), self.plain(b, domain))

    def row(self, value: Val) -> Row | None:
        """Return a tuple or a list as a row, or None for anything else."""
        if isinstance(value, Known) and isinstance(value.value, tuple):
            return Row(tuple((Known(v), 1) for v in value.value))
        return value if isinstance(value, Row) else None

    def is_whole(self, row: Row) -> bool:
        """Say whether all values of a row are there in every state."""
        return all(there == 1 for _, there in row.items)

    def equal_rows(self, node: ast.AST, a: Row, b: Row) -> Operand:
        """Tuples are equal where they have equal values in the same order."""
        if not (self.is_whole(a) and self.is_whole(b)):
            self.refuse(node, "compare sets: these lists have no fixed length")
        if len(a.items) != len(b.items):
            return 0
        pairs = zip(a.items, b.items, strict=True)
        thunks = [partial(self.same, node, x, y) for (x, _), (y, _) in pairs]
        return self.truth(self.shortcut(True, thunks, node), node)

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
        if isinstance(group, Known) and not _is_group(group.value):
            self.refuse(node, "'in' needs a set or a tuple")
        if isinstance(group, Known) and isinstance(member, Known):
            return int(member.value in group.value)
        if isinstance(group, Known):
            thunks = [partial(self.same, node, member, Known(m)) for m in group.value]
            return self.truth(self.shortcut(False, thunks, node), node)
        if isinstance(group, Row):
            each = [partial(self.is_item, node, member, *item) for item in group.items]
            return self.truth(self.shortcut(False, each, node), node)
        if not isinstance(group.domain, SetOf):
            self.refuse(node, "'in' needs a set or a tuple")
        index = self.index_in(node, group.domain, member)
        return self.bit(group.operand, index, width(group.domain))

    def is_item(self, node: ast.AST, member: Val, value: Val, there: Operand) -> Val:
        """Say whether a value is there and equal to a member."""
        thunks = [partial(self.boolean, there), partial(self.same, node, member, value)]
        return self.shortcut(True, thunks, node)

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
        if isinstance(value, Computed) and type(value.domain) is Bool:
            return IntRange(0, 1), self.op("zext i64", "i1", value.operand)
        self.refuse(node, "this needs an integer")

    def ev_BinOp(self, node: ast.BinOp) -> Val:
        a, b = self.eval(node.left), self.eval(node.right)
        if not (isinstance(a, Known) and isinstance(b, Known)):
            rows = [self.row(v) is not None for v in (a, b)]
            if any(rows) and not any(map(self.is_set_field, (a, b))):
                self.refuse(node, "a tuple or list has no operators but between set fields")
            a, b = self.as_set(node, a), self.as_set(node, b)
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

    def is_set_field(self, value: Val) -> bool:
        """Say whether a value is that of a set field, and not a set in Python."""
        if isinstance(value, Known):
            return isinstance(value.value, Members)
        return isinstance(value, Computed) and not value.unordered

    def set_operation(self, node: ast.BinOp, a: Val, b: Val) -> Val:
        op = _SET.get(type(node.op))
        domain = unite([a, b], self.world)
        if op is None or not isinstance(domain, SetOf):
            self.refuse(node, "sets have | & and -, between sets of one kind")
        x, y = self.plain(a, domain), self.plain(b, domain)
        unordered = not any(map(self.is_set_field, (a, b)))
        bits = width(domain)
        if op == "sub":
            op, y = "and", self.op("xor", bits, y, domain.size - 1)
        return Computed(domain, self.op(op, bits, x, y), unordered)


def _apply(op: str, a: int, b: int) -> int:
    return {"add": a + b, "sub": a - b, "mul": a * b, "udiv": a // max(b, 1), "urem": a}[op]


def _is_single(value: Val) -> bool:
    """Say whether there is only one object for each value of its kind."""
    if isinstance(value, Known):
        return value.value is None or isinstance(value.value, (bool, Enum, Entity))
    if isinstance(value, Row):
        return False
    return type(value.domain) in (Bool, EnumOf, RefTo)


def _is_group(value: object) -> bool:
    return isinstance(value, (Collection, Members)) or (
        isinstance(value, type) and issubclass(value, Enum)
    )
