"""Sets, tuples and comprehensions of model code while lowering."""

from __future__ import annotations

import ast
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any

from vmlitmus.compiler.ir.nodes import Operand, width
from vmlitmus.compiler.lowering.operators import Operators
from vmlitmus.compiler.lowering.values import Computed, Known, Val, domain_of, set_domain, unite
from vmlitmus.lang.domain import EnumOf, Members, RefTo, SetOf
from vmlitmus.lang.entity import Entity


class Groups(Operators):
    """Evaluates what has members: loops and comprehensions go over them in index order."""

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
        found, bits = enumerate(value.domain.members), width(value.domain)
        return [(Known(m), self.bit(value.operand, i, bits)) for i, m in found]

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
            return self.known_set(found)
        domain = unite([v for v, _ in found], self.world)
        group = set_domain(domain.kind, self.world) if isinstance(domain, (RefTo, EnumOf)) else None
        if group is None or (isinstance(domain, RefTo) and domain.optional):
            self.refuse(node, "a set holds entities of one class, or members of one enum")
        mask: Operand = 0
        bits = width(group)
        for value, present in found:
            index = self.resize(self.index_in(node, group, value), "i64", bits)
            bit = self.op("shl", bits, 1, index)
            mask = self.op("or", bits, mask, self.op("select", bits, present, bit, 0))
        return Computed(group, mask)

    def known_set(self, found: list[tuple[Val, Operand]]) -> Val:
        """Return a known set; one of no members keeps the kind of those that could be there."""
        there = frozenset(v.value for v, p in found if isinstance(v, Known) and p)
        domain = domain_of(tuple(v.value for v, _ in found if isinstance(v, Known)), self.world)
        if isinstance(domain, SetOf):
            return Known(Members(domain, domain.encode(there)))
        return Known(there)

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
        """Two or more 'for' clauses: the inner ones see the names of the outer ones."""
        first, *others = node.generators
        name = first.target.id
        found: list[tuple[Callable[[], Val], Callable[[], Operand]]] = []
        for member, present in self.members(self.eval(first.iter), node):
            _, outer = self.visit(node.elt, first, member, present)
            if present == 0 or outer() == 0:
                continue
            kept = self.scope.names.get(name)
            self.scope.names[name] = member
            inner = ast.copy_location(ast.GeneratorExp(node.elt, others), node)
            for value, there in self.comprehension(inner):
                both = partial(self.both_there, outer, self.with_name(name, member, there), node)
                found.append((self.with_name(name, member, value), both))
            self.restore(name, kept)
        return found

    def both_there(
        self, outer: Callable[[], Operand], inner: Callable[[], Operand], node: ast.AST
    ) -> Operand:
        thunks = [lambda: self.boolean(outer()), lambda: self.boolean(inner())]
        return self.truth(self.shortcut(True, thunks, node), node)

    def visit(
        self, elt: ast.expr, generator: ast.comprehension, member: Val, present: Operand
    ) -> tuple[Callable[[], Val], Callable[[], Operand]]:
        assert isinstance(generator.target, ast.Name)
        name = generator.target.id

        def there() -> Operand:
            thunks = [partial(self.boolean, present)]
            thunks += [partial(self.eval, test) for test in generator.ifs]
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
        clause = node.generators[0]
        if not found and ast.dump(node.elt) == ast.dump(_read(clause.target)):
            group = self.eval(clause.iter)
            if isinstance(group, Known) and isinstance(group.value, Members):
                return Known(Members(group.value.domain, 0))
        return self.collect(node, [(value(), there()) for value, there in found])

    ev_ListComp = ev_SetComp

    def ev_GeneratorExp(self, node: ast.GeneratorExp) -> Val:
        self.refuse(node, "a generator expression stands in any(), all(), sum(), min() or max()")


def _read(node: ast.expr) -> ast.expr:
    return ast.Name(node.id, ast.Load()) if isinstance(node, ast.Name) else node


def _position(member: object) -> int:
    if isinstance(member, Enum):
        return list(type(member)).index(member)
    return member.index if isinstance(member, Entity) else int(str(member))
