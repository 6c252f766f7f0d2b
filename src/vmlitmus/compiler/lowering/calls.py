"""Calls of model code while lowering: guards, builtins, set mutators, inlined functions."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from functools import partial
from typing import Any

from vmlitmus.compiler.ir.nodes import DISABLED, FAULTY, Operand, width
from vmlitmus.compiler.lowering.groups import Groups
from vmlitmus.compiler.lowering.values import Computed, Known, Val, domain_of, set_domain
from vmlitmus.lang.domain import IntRange, RefTo, SetOf
from vmlitmus.lang.world import World, when

MUTATORS = ("add", "remove", "discard", "clear")
_CONCRETE = {len, min, max, range, tuple, frozenset, set, isinstance, bool, int, abs, sorted}


class Calls(Groups):
    """Evaluates calls; see ``lower`` for statements."""

    def ev_Call(self, node: ast.Call) -> Val:
        function = node.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Attribute):
            if function.attr in MUTATORS:
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
        group = node.args[0] if len(node.args) == 1 else None
        if isinstance(group, (ast.GeneratorExp, ast.ListComp, ast.SetComp)):
            return self.reduce(node, callee, group)
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
        if callee is World.part and known[-1] in self.world.switches:
            return self.read(node, *self.world.switches[known[-1]])
        if len(known) == len(values) and (_is_world(callee) or callee in _CONCRETE):
            return self.call_concrete(callee, known)
        first = values[0] if values else None
        if isinstance(first, Computed) and isinstance(first.domain, SetOf):
            if callee is len:
                count, bits = len(first.domain.members), width(first.domain)
                found = self.resize(self.op("ctpop", bits, first.operand), bits, "i64")
                return Computed(IntRange(0, count), found)
            if callee in (set, frozenset, tuple):
                return first
        if callee is bool and first is not None:
            return self.boolean(self.truth(first, node))
        if callee in (min, max) and len(values) == 2:
            return self.extreme(node, callee is max, values[0], values[1])
        if callee in (any, all) and first is not None:
            there = [partial(self.boolean, p) for _, p in self.members(first, node)]
            return self.shortcut(callee is all, there, node)
        self.refuse(node, f"{getattr(callee, '__name__', callee)!r} cannot be called in model code")

    def call_concrete(self, callee: Any, known: list[Any]) -> Val:
        result = callee(*known)
        if callee is World.part:
            self.variables.told("part", known[-1], result)
        elif callee is World.assume:
            self.variables.told("assume", known[-1].name, result)
        elif callee is World.use:
            self.variables.told("use", known[-1], result)
        return Known(result)

    def extreme(self, node: ast.AST, largest: bool, left: Val, right: Val) -> Val:
        (a, x), (b, y) = self.integer(node, left), self.integer(node, right)
        bits, x, y = self.alike(a, x, b, y)
        less = self.op("slt", bits, x, y)
        pick = (y, x) if largest else (x, y)
        bound = max if largest else min
        domain = IntRange(bound(a.low, b.low), bound(a.high, b.high))
        found = self.op("select", bits, less, *pick)
        return Computed(domain, self.resize(found, bits, width(domain)))

    def reduce(
        self, node: ast.Call, callee: Any, group: ast.GeneratorExp | ast.ListComp | ast.SetComp
    ) -> Val:
        """any, all, sum, len, min or max over a comprehension."""
        if callee not in (any, all, sum):
            if isinstance(group, ast.GeneratorExp):
                self.refuse(node, "only any(), all() and sum() take a generator expression")
            return self.call_builtin(node, callee, [self.eval(group)])
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
        total = IntRange(0, 0)
        operand: Operand = 0
        for value, there in found:
            domain, amount = self.integer(node, value())
            present = there()
            share = self.op("select", width(domain), present, amount, 0)
            more = IntRange(total.low + min(domain.low, 0), total.high + max(domain.high, 0))
            bits, operand, share = self.alike(total, operand, domain, share, more)
            total, operand = more, self.op("add", bits, operand, share)
        return Known(operand) if isinstance(operand, int) else Computed(total, operand)

    def guard(self, node: ast.Call) -> Val:
        if len(node.args) != 1:
            self.refuse(node, "when() takes one condition")
        self.pure += 1
        test = self.truth(self.eval(node.args[0]), node)
        self.pure -= 1
        if test != 1 and self.effect:
            self.refuse(node, "a guard after an effect in the same section")
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
            self.require(self.bit(mask, index, width(domain)), FAULTY)
        self.write(target, owner, target.attr, self.changed(domain, mask, index, method))
        return Known(None)

    def changed(self, domain: SetOf, mask: Operand, index: Operand, method: str) -> Val:
        bits = width(domain)
        bit = self.op("shl", bits, 1, self.resize(index, "i64", bits))
        if method == "add":
            return Computed(domain, self.op("or", bits, mask, bit))
        others = self.op("xor", bits, bit, domain.size - 1)
        return Computed(domain, self.op("and", bits, mask, others))

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
            return Computed(
                domain, group.operand if isinstance(group, Computed) else domain.encode(members)
            )
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


def _is_world(callee: Any) -> bool:
    return getattr(callee, "__module__", None) == World.__module__
