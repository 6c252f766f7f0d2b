"""Calls of model code while lowering: guards, builtins, set mutators, inlined functions."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from vmlitmus.compiler.ir.nodes import DISABLED, FAULTY, Operand, width
from vmlitmus.compiler.lowering.groups import Comprehension, Found, Groups
from vmlitmus.compiler.lowering.values import (
    Chosen,
    Computed,
    Known,
    Row,
    Val,
    domain_of,
    set_domain,
)
from vmlitmus.errors import ModelError
from vmlitmus.lang.cpu_event import CpuEvent
from vmlitmus.lang.domain import Bool, IntRange, RefTo, SetOf
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.guard import when
from vmlitmus.lang.syntax.trees import is_generator
from vmlitmus.lang.world import World

T = TypeVar("T")
MUTATORS = ("add", "remove", "discard", "clear")
ORDERING = (
    World.barrier,
    World.happens,
    World.locked,
    World.unobserved,
    World.reach_memory,
    World.store_waits,
)
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
        if isinstance(function, ast.Attribute) and function.attr == "stands_at":
            owner = self.eval(function.value)
            if _is_actor(owner):
                return self.stands_at(node, owner)
        if isinstance(function, ast.Attribute):
            return self.call_attribute(node, function)
        callee = self.eval(function)
        if not isinstance(callee, Known):
            self.refuse(node, "this cannot be called")
        return self.call(node, callee.value)

    def call_attribute(self, node: ast.Call, function: ast.Attribute) -> Val:
        """Call what an attribute gives: a method of an entity, known or not, or a function."""
        owner = self.eval(function.value)
        moment = self.moment(owner, function.attr) if isinstance(owner, Chosen) else None
        if isinstance(moment, types.FunctionType):
            return self.call(node, moment, owner)
        method = _method_of(owner, function.attr)
        if method is not None:
            assert isinstance(owner, Computed)
            self.check_not_none(node, owner, function.attr)
            if any(k.arg is None for k in node.keywords):
                self.refuse(node, "model code has no ** arguments")
            values = [owner, *(self.eval(argument) for argument in node.args)]
            named = {str(k.arg): self.eval(k.value) for k in node.keywords}
            return self.call_function(node, method, values, named)
        callee = self.attribute(function, owner, function.attr)
        if not isinstance(callee, Known):
            self.refuse(node, "this cannot be called")
        return self.call(node, callee.value)

    def call(self, node: ast.Call, callee: Any, owner: Val | None = None) -> Val:
        """Call something known; ``owner`` comes before the arguments."""
        if callee is when:
            return self.guard(node)
        if any(k.arg is None for k in node.keywords):
            self.refuse(node, "model code has no ** arguments")
        group = node.args[0] if len(node.args) == 1 and not node.keywords else None
        if isinstance(group, (ast.GeneratorExp, ast.ListComp, ast.SetComp)):
            return self.reduce(node, callee, group)
        values = [*([owner] if owner else []), *(self.eval(argument) for argument in node.args)]
        named = {str(k.arg): self.eval(k.value) for k in node.keywords}
        if getattr(callee, "__func__", None) in ORDERING:
            return self.ordering(node, callee.__func__, values, named)
        if isinstance(callee, types.MethodType):
            values = [Known(callee.__self__), *values]
            callee = callee.__func__
        if is_generator(callee):
            wanted = f"'yield from {callee.__name__}(...)' on a line of its own, in a sequence"
            self.refuse(node, f"{callee.__name__}() has yields: write {wanted}")
        if isinstance(callee, types.FunctionType) and callee.__module__ != World.__module__:
            return self.call_function(node, callee, values, named)
        if named:
            self.refuse(node, f"{_name(callee)} takes no keywords in model code")
        return self.call_builtin(node, callee, values)

    def ordering(
        self, node: ast.Call, callee: Any, values: list[Val], named: dict[str, Val]
    ) -> Val:
        """A primitive of memory order other than those of a with statement."""
        if callee is World.barrier:
            by = named.get("by", Known("smp_mb()"))
            cpu = values[0] if values else named.get("cpu")
            if len(values) > 1 or set(named) - {"by", "cpu"} or not isinstance(by, Known):
                self.refuse(node, 'barrier() takes a cpu, or nothing, and by="..."')
            self.barrier(node, str(by.value), cpu)
            return Known(None)
        if callee is World.happens:
            self.happens(node, *values, **named)
            return Known(None)
        known = [value.value for value in values if isinstance(value, Known)]
        if callee is World.store_waits:
            return self.store_waits(*known)
        if callee is World.reach_memory:
            self.reach_memory(*known)
            return Known(None)
        self.refuse(node, f"{callee.__name__}() stands in a with statement")

    def happens(
        self,
        node: ast.Call,
        event: Val | None = None,
        cpu: Val | None = None,
        *more: Val,
        **named: Val,
    ) -> None:
        """Something happens on a cpu; see ``World.happens``."""
        what = event.value if isinstance(event, Known) else None
        if more or named or not isinstance(what, CpuEvent):
            words = ", ".join(f"CpuEvent.{known.name}" for known in CpuEvent)
            self.refuse(node, f"happens() takes one of {words}, and a cpu, or nothing more")
        if self.flow is None:
            return
        if what.drains is not None:
            if not self.call_concrete(node, World.assume, [self.world, what.drains]).value:
                return
        self.barrier(node, what.value, cpu)

    def stands_at(self, node: ast.Call, owner: Val) -> Val:
        """Say whether an actor stands at a label; see ``Entity.stands_at``."""
        label = self.eval(node.args[0]) if len(node.args) == 1 else None
        if not isinstance(label, Known) or not isinstance(label.value, str) or node.keywords:
            self.refuse(node, "stands_at() takes one label, as a text")
        if isinstance(owner, Known):
            return self.at_label(node, owner.value, label.value)
        assert isinstance(owner, Computed)
        assert isinstance(owner.domain, RefTo)
        self.check_not_none(node, owner, "stands_at")
        each = [self.at_label(node, entity, label.value) for entity in owner.domain.members]
        return self.choose(node, owner, each, range(len(each)))

    def at_label(self, node: ast.Call, actor: Entity, label: str) -> Val:
        try:
            places = self.world.recorder.places_at(type(actor), label)
        except ModelError as error:
            self.refuse(node, str(error))
        self.variables.placed(type(actor), label, places)
        if (actor, "_at") not in self.variables:
            return Known(False)
        where = self.plain(self.read(node, actor, "_at"), IntRange(0, 0))
        found: Operand = 0
        for place in sorted(places):
            found = self.op("or", "i1", found, self.op("eq", "i64", where, place))
        return self.boolean(found)

    def call_builtin(self, node: ast.Call, callee: Any, values: list[Val]) -> Val:
        known = [v.value for v in values if isinstance(v, Known)]
        if callee is World.part and known[-1] in self.world.switches:
            return self.read(node, *self.world.switches[known[-1]])
        if len(known) == len(values) and (_is_world(callee) or callee in _CONCRETE):
            return self.call_concrete(node, callee, known)
        first = values[0] if values else None
        if isinstance(first, Row) and len(values) == 1:
            return self.call_on_row(node, callee, first)
        if isinstance(first, Computed) and isinstance(first.domain, SetOf):
            if callee is len:
                count, bits = len(first.domain.members), width(first.domain)
                found = self.resize(self.op("ctpop", bits, first.operand), bits, "i64")
                return Computed(IntRange(0, count), found)
            if callee in (set, frozenset, tuple):
                return replace(first, unordered=first.unordered or callee is not tuple)
        if callee is bool and first is not None:
            return self.boolean(self.truth(first, node))
        if callee in (min, max) and len(values) == 2:
            return self.extreme(node, callee is max, values[0], values[1])
        if callee in (any, all) and first is not None:
            return self.quantify(node, callee, self.lazy(self.members(first, node)))
        self.refuse(node, f"{_name(callee)} cannot be called in model code")

    def call_on_row(self, node: ast.Call, callee: Any, row: Row) -> Val:
        """A builtin on a tuple or list of values that are not all known."""
        if callee is len:
            return self.total(node, self.lazy([(Known(1), there) for _, there in row.items]))
        if callee is sum:
            return self.total(node, self.lazy(row.items))
        if callee in (any, all):
            return self.quantify(node, callee, self.lazy(row.items))
        if callee in (set, frozenset):
            return self.as_set(node, row)
        if callee is bool:
            return self.boolean(self.truth(row, node))
        if callee is tuple:
            return row
        self.refuse(node, f"{_name(callee)} of values that are not all known is not supported")

    def lazy(self, items: Iterable[tuple[Val, Operand]]) -> list[Found]:
        """Return values as functions that give them, as those of a comprehension are."""
        return [(partial(_itself, value), partial(_itself, there)) for value, there in items]

    def call_concrete(self, node: ast.AST, callee: Any, known: list[Any]) -> Known:
        try:
            result = callee(*known)
        except (TypeError, ValueError, ArithmeticError) as error:
            self.refuse(node, str(error))
        except ModelError as error:
            if callee not in (World.part, World.assume):
                raise
            self.refuse(node, str(error))
        if callee is World.part:
            self.variables.told("part", known[-1], result)
        elif callee is World.assume:
            self.variables.told("assume", known[-1].name, result)
        elif callee is World.use:
            kind = known[-1]
            return Chosen(kind, result, lambda: self.variables.told("use", kind, result))
        return Known(result)

    def extreme(self, node: ast.AST, largest: bool, left: Val, right: Val) -> Val:
        if _is_bool(left) or _is_bool(right):
            self.refuse(node, "min() and max() compare integers, not bools")
        (a, x), (b, y) = self.integer(node, left), self.integer(node, right)
        bits, x, y = self.alike(a, x, b, y)
        less = self.op("slt", bits, x, y)
        pick = (y, x) if largest else (x, y)
        bound = max if largest else min
        domain = IntRange(bound(a.low, b.low), bound(a.high, b.high))
        found = self.op("select", bits, less, *pick)
        return Computed(domain, self.resize(found, bits, width(domain)))

    def reduce(self, node: ast.Call, callee: Any, group: Comprehension) -> Val:
        """any, all, sum, len, min or max over a comprehension."""
        if callee in (any, all):
            inner = partial(self.reduce, node, callee)
            return self.quantify(node, callee, self.comprehension(group, inner))
        if callee is sum and not isinstance(group, ast.SetComp):
            inner = partial(self.reduce, node, callee)
            return self.total(node, self.comprehension(group, inner))
        if isinstance(group, ast.GeneratorExp):
            self.refuse(node, "only any(), all() and sum() take a generator expression")
        return self.call_builtin(node, callee, [self.eval(group)])

    def quantify(self, node: ast.AST, callee: Any, found: list[Found]) -> Val:
        """any() or all() of some values, each evaluated only where it decides."""
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

    def total(self, node: ast.AST, found: list[Found]) -> Val:
        """The sum of some values, each evaluated only where it is there."""
        total = IntRange(0, 0)
        operand: Operand = 0
        for value, there in found:
            present = there()
            if present == 0:
                continue
            domain, amount = self.integer(node, self.only_where(present, value, node))
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
        domain = group.domain if isinstance(group, Computed) else None
        if isinstance(group, Known):
            domain = domain_of(group.value, self.world)
        if not isinstance(domain, SetOf):
            self.refuse(node, f"{target.attr!r} is not a set field")
        wanted = int(method != "clear")
        if len(node.args) != wanted or node.keywords:
            self.refuse(node, f"{method}() takes {'one member' if wanted else 'nothing'}")
        mask = self.plain(group, domain)
        if method == "clear":
            self.write(target, owner, target.attr, Known(frozenset()))
            return Known(None)
        member = self.eval(node.args[0])
        if isinstance(member, Known) and member.value is None:
            self.require(0, FAULTY)
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
        group = self.rising(self.eval(node.args[0]), node)
        domain = group.domain if isinstance(group, Computed) else None
        if isinstance(group, Known):
            domain = domain_of(group.value, self.world)
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


def _method_of(owner: Val, name: str) -> types.FunctionType | None:
    """Return the method of an entity that is not known, if all that it can be have the same one."""
    if not isinstance(owner, Computed) or not isinstance(owner.domain, RefTo):
        return None
    found = {getattr(type(member), name, None) for member in owner.domain.members}
    method = found.pop() if len(found) == 1 else None
    return method if isinstance(method, types.FunctionType) else None


def _is_actor(owner: Val) -> bool:
    if isinstance(owner, Known):
        return isinstance(owner.value, Entity)
    return isinstance(owner, Computed) and isinstance(owner.domain, RefTo)


def _name(callee: Any) -> str:
    return repr(getattr(callee, "__name__", callee))


def _itself(value: T) -> T:
    return value


def _is_bool(value: Val) -> bool:
    if isinstance(value, Known):
        return isinstance(value.value, bool)
    return isinstance(value, Computed) and isinstance(value.domain, Bool)


def _is_world(callee: Any) -> bool:
    return getattr(callee, "__module__", None) == World.__module__
