"""Sets, tuples and comprehensions of model code while lowering."""

from __future__ import annotations

import ast
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, TypeAlias

from vmlitmus.compiler.ir.nodes import Operand, width
from vmlitmus.compiler.lowering.operators import Operators
from vmlitmus.compiler.lowering.repeats import Repeats
from vmlitmus.compiler.lowering.values import (
    Computed,
    Known,
    Row,
    Val,
    domain_of,
    is_python_set,
    set_domain,
    unite,
)
from vmlitmus.compiler.sections.frame import position
from vmlitmus.lang.domain import EnumOf, Members, RefTo, SetOf
from vmlitmus.lang.entity import Entity

_IN_ORDER = 8  # slots of the smallest set: the place of a smaller number in it is itself
Comprehension: TypeAlias = ast.GeneratorExp | ast.SetComp | ast.ListComp
Found: TypeAlias = tuple[Callable[[], Val], Callable[[], Operand]]  # a value, whether it is there


class Groups(Operators):
    """Evaluates what has members: loops and comprehensions go over them in index order."""

    def members(self, value: Val, node: ast.AST) -> list[tuple[Val, Operand]]:
        """Return what a loop visits, in order, each with whether it is there."""
        if isinstance(value, Row):
            return list(value.items)
        if isinstance(value, Known):
            group = value.value
            if isinstance(group, (set, frozenset)):
                group = sorted(group, key=position)
            if isinstance(group, type) and issubclass(group, Enum):
                group = tuple(group)
            if not isinstance(group, (tuple, list, range, Members)):
                self.refuse(node, "a loop goes over w.all(...), a set, a tuple or a range")
            return [(Known(m), 1) for m in group]
        if not isinstance(value.domain, SetOf):
            self.refuse(node, "a loop goes over w.all(...), a set, a tuple or a range")
        found, bits = enumerate(value.domain.members), width(value.domain)
        return [(Known(m), self.bit(value.operand, i, bits)) for i, m in found]

    def in_order(self, value: Val, node: ast.AST) -> Val:
        """Return what is looped over; refused where Python may visit it in another order.

        Python visits a set by its members' hashes, which is in index order for few entities.
        """
        if is_python_set(value) and not self.few(value):
            self.refuse(node, "a Python set has no order: loop over a list, a tuple or a set field")
        return value

    def few(self, value: Val) -> bool:
        if isinstance(value, Computed) and isinstance(value.domain, SetOf):
            members = value.domain.members
        else:
            members = tuple(value.value) if isinstance(value, Known) else ()
        return len(members) < 2 or all(
            isinstance(m, Entity) and m.index < _IN_ORDER for m in members
        )

    def rising(self, value: Val, node: ast.AST) -> Val:
        """Return a row or a tuple that is to live across a yield, as the set that it becomes.

        Refused where that would change what it is: where it has a member twice, or another order.
        """
        row = self.row(value)
        if row is None:
            return value
        known = [v.value for v, _ in row.items if isinstance(v, Known)]
        places = [position(m) for m in known if isinstance(m, (Entity, Enum))]
        if len(places) < len(row.items) or places != sorted(set(places)):
            self.refuse(node, "what lives across a yield is a set: no member twice, in index order")
        return self.as_set(node, value)

    def ev_Tuple(self, node: ast.Tuple) -> Val:
        values = [self.eval(inner) for inner in node.elts]
        if all(isinstance(v, Known) for v in values):
            return Known(tuple(v.value for v in values if isinstance(v, Known)))
        return Row(tuple((value, 1) for value in values))

    def ev_Set(self, node: ast.Set) -> Val:
        values = [self.eval(inner) for inner in node.elts]
        if all(isinstance(v, Known) for v in values):
            return Known(frozenset(v.value for v in values if isinstance(v, Known)))
        return self.collect(node, [(v, 1) for v in values])

    ev_List = ev_Tuple

    def as_set(self, node: ast.AST, value: Val) -> Val:
        """Return a row as the set of its values, and anything else as it is."""
        return self.collect(node, list(value.items)) if isinstance(value, Row) else value

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
        return Computed(group, mask, unordered=True)

    def known_set(self, found: list[tuple[Val, Operand]]) -> Val:
        """Return a known set; one of no members keeps the kind of those that could be there."""
        there = frozenset(v.value for v, p in found if isinstance(v, Known) and p)
        domain = domain_of(tuple(v.value for v, _ in found if isinstance(v, Known)), self.world)
        if isinstance(domain, SetOf):
            return Known(Members(domain, domain.encode(there)))
        return Known(there)

    def comprehension(
        self, node: Comprehension, inner: Callable[[Comprehension], Val]
    ) -> list[Found]:
        """Return, for each member visited: how to get its value, and whether it is there.

        Where there are several 'for' clauses, ``inner`` gives the value of what the others make.
        """
        generator, *others = node.generators
        name = self.target(generator)

        def value() -> Val:
            if not others:
                return self.eval(node.elt)
            return inner(ast.copy_location(ast.GeneratorExp(node.elt, others), node))

        found: list[Found] = []
        members = self.members(self.eval(generator.iter), node)
        asked = Repeats(self, name, [node.elt], 0 if others else len(members))
        tested = Repeats(self, name, generator.ifs, len(members))
        for member, present in members:
            if present != 0:
                there = partial(self.passes, generator, present, node)
                with_member = partial(self.with_name, name, member)
                found.append(
                    (
                        partial(asked.ask, member, with_member(value)),
                        partial(tested.ask, member, with_member(there))
                        if generator.ifs and present == 1
                        else with_member(there),
                    )
                )
        return found

    def target(self, generator: ast.comprehension) -> str:
        if not isinstance(generator.target, ast.Name):
            self.refuse(generator.target, "a comprehension has one name as its target")
        return generator.target.id

    def passes(self, generator: ast.comprehension, present: Operand, node: ast.AST) -> Operand:
        """Say whether a member is there and passes the 'if' clauses."""
        thunks = [partial(self.boolean, present)]
        thunks += [partial(self.eval, test) for test in generator.ifs]
        return self.truth(self.shortcut(True, thunks, node), node)

    def gathered(self, node: Comprehension, within: Operand = 1) -> list[tuple[Val, Operand]]:
        """Return the values of a comprehension in order, each with whether it is there.

        Each is evaluated only where it is there; all that only where ``within`` is true.
        """
        generator, *others = node.generators
        name = self.target(generator)
        found: list[tuple[Val, Operand]] = []
        group = self.only_where(within, lambda: self.eval(generator.iter), node)
        if not isinstance(node, ast.SetComp):
            self.in_order(group, generator.iter)
        for member, present in self.members(group, node):
            visit = partial(self.visited, node, generator, others, within, present)
            found += self.with_name(name, member, visit)()
        return found

    def visited(
        self,
        node: Comprehension,
        generator: ast.comprehension,
        others: list[ast.comprehension],
        within: Operand,
        present: Operand,
    ) -> list[tuple[Val, Operand]]:
        """Return the values that a comprehension makes of one member of its first clause."""
        passes = partial(self.passes, generator, present, node)
        thunks: list[Callable[[], Val]] = [partial(self.boolean, within)]
        thunks.append(lambda: self.boolean(passes()))
        there = self.truth(self.shortcut(True, thunks, node), node)
        if there == 0:
            return []
        if others:
            inner = ast.copy_location(type(node)(node.elt, others), node)
            return self.gathered(inner, there)
        return [(self.only_where(there, partial(self.eval, node.elt), node), there)]

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
        found = self.gathered(node)
        clause = node.generators[0]
        if not found and ast.dump(node.elt) == ast.dump(_read(clause.target)):
            group = self.eval(clause.iter)
            if isinstance(group, Known) and isinstance(group.value, Members):
                return Known(Members(group.value.domain, 0))
        return self.collect(node, found)

    def ev_ListComp(self, node: ast.ListComp) -> Val:
        found = self.gathered(node)
        if all(isinstance(v, Known) and isinstance(p, int) for v, p in found):
            return Known(tuple(v.value for v, _ in found if isinstance(v, Known)))
        return Row(tuple(found))

    def ev_GeneratorExp(self, node: ast.GeneratorExp) -> Val:
        self.refuse(node, "a generator expression stands in any(), all(), sum(), min() or max()")


def _read(node: ast.expr) -> ast.expr:
    return ast.Name(node.id, ast.Load()) if isinstance(node, ast.Name) else node
