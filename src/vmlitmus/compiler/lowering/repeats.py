"""Lower what is asked of each member of a group once, and write it down again for the others.

``any(other.cpu is cpu for other in w.all(Vcpu))`` is the same few operations for each vcpu: they
differ in the variable that they load, and in the index of the member where it is compared itself.
The first two members that are alike are lowered; what differs between these is filled in for the
rest. Members are alike where each field that is read is a variable of the same domain, or has the
same constant, and where they are, or are not, the same known entity.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from vmlitmus.compiler.ir.nodes import Op, Operand
from vmlitmus.compiler.lowering.values import Computed, Known, Val
from vmlitmus.frozen import Frozen
from vmlitmus.lang.entity import Entity

if TYPE_CHECKING:
    from vmlitmus.compiler.lowering.control import Control

Asked: TypeAlias = Val | Operand
_NESTED = (ast.GeneratorExp, ast.SetComp, ast.ListComp, ast.DictComp, ast.Lambda, ast.NamedExpr)
_FEWEST = 4  # members for which it pays


class _Sample(Frozen):
    """What one member was lowered to."""

    member: Entity
    ops: list[Op]
    found: Asked


class _Pattern(Frozen):
    """A sample, and which arguments of its operations hang on the member: (op, argument) -> how."""

    sample: _Sample
    gaps: dict[tuple[int, int], str]


class Repeats:
    """One expression about each member of a group, with everything else fixed."""

    def __init__(self, lowerer: Control, name: str, asked: list[ast.expr], members: int) -> None:
        self.lowerer = lowerer
        self.fields: list[str] = []
        self.peers: list[ast.expr] = []
        self.usable = members >= _FEWEST and lowerer.flow is None and self._learn(name, asked)
        self.samples: dict[object, list[_Sample]] = {}
        self.patterns: dict[object, _Pattern | None] = {}

    def _learn(self, name: str, asked: list[ast.expr]) -> bool:
        """Find how the expressions use the member; say whether that is plain enough."""
        uses = {id(node) for part in asked for node in ast.walk(part) if _is(node, name)}
        for part in asked:
            for node in ast.walk(part):
                if isinstance(node, _NESTED):
                    return False
                if isinstance(node, ast.Attribute) and _is(node.value, name):
                    self.fields.append(node.attr)
                    uses.discard(id(node.value))
                elif _is_identity(node):
                    assert isinstance(node, ast.Compare)
                    for one, other in (
                        (node.left, node.comparators[0]),
                        (node.comparators[0], node.left),
                    ):
                        if _is(one, name):
                            self.peers.append(other)
                            uses.discard(id(one))
        return not uses

    def ask(self, member: Val, thunk: Callable[[], Any]) -> Any:
        """Return what the thunk does for a member, or would."""
        if not self.usable or not isinstance(member, Known) or not isinstance(member.value, Entity):
            return thunk()
        alike = self._alike(member.value)
        if alike is None:
            return thunk()
        if alike not in self.patterns:
            return self._sampled(alike, member.value, thunk)
        pattern = self.patterns[alike]
        return thunk() if pattern is None else self._again(pattern, member.value)

    def _alike(self, member: Entity) -> object:
        """Return what members have in common that are alike, or None where it is not known."""
        common: list[object] = [type(member)]
        for name in self.fields:
            place = self.lowerer.variables.get((member, name))
            if place is not None:
                if place[0] in self.lowerer.fields:
                    return None
                common.append((id(place[1]),))
            elif name in member.__dict__ and not name.startswith("_"):
                common.append(_Same(member.__dict__[name]))
            else:
                return None
        for peer in self.peers:
            value = self._peer(peer, member)
            if value is None:
                return None
            common.append(isinstance(value, Known) and value.value is member)
        return tuple(common)

    def _peer(self, node: ast.expr, member: Entity) -> Val | None:
        """Return what a member is compared with, where that is easily said."""
        if isinstance(node, ast.Constant):
            return Known(node.value)
        if isinstance(node, ast.Name):
            return self.lowerer.scope.names.get(node.id)
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            return None
        owner = self.lowerer.scope.names.get(node.value.id)
        if not isinstance(owner, Known) or not isinstance(owner.value, Entity):
            return None
        place = self.lowerer.variables.get((owner.value, node.attr))
        if place is not None:
            return Computed(place[1], "")
        known = owner.value.__dict__.get(node.attr, self)
        return None if known is self else Known(known)

    def _sampled(self, alike: object, member: Entity, thunk: Callable[[], Any]) -> Any:
        """Lower it, and keep what that came to, if it is some operations in a row."""
        lowerer = self.lowerer
        block, blocks = lowerer.block, len(lowerer.code.blocks)
        assert block is not None
        before = len(block.ops)
        found = thunk()
        plain = isinstance(found, (int, str, Known, Computed))
        if not plain or lowerer.block is not block or len(lowerer.code.blocks) != blocks:
            self.patterns[alike] = None
            return found
        samples = self.samples.setdefault(alike, [])
        samples.append(_Sample(member, block.ops[before:], found))
        if len(samples) == 2:
            self.patterns[alike] = self._pattern(*samples)
        return found

    def _pattern(self, one: _Sample, other: _Sample) -> _Pattern | None:
        """Return what two samples have in common, or None where they differ in anything else."""
        if [(op.op, op.bits) for op in one.ops] != [(op.op, op.bits) for op in other.ops]:
            return None
        names: dict[object, object] = {}
        gaps: dict[tuple[int, int], str] = {}
        for at, (a, b) in enumerate(zip(one.ops, other.ops, strict=True)):
            if len(a.args) != len(b.args):
                return None
            for place, (x, y) in enumerate(zip(a.args, b.args, strict=True)):
                if names.get(x, x) == y:
                    continue
                gap = self._gap(a.op, (one.member, x), (other.member, y))
                if gap is None:
                    return None
                gaps[at, place] = gap
            names[a.dest] = b.dest
        found, expected = _operand(one.found), _operand(other.found)
        if names.get(found, found) != expected or _domain(one.found) != _domain(other.found):
            return None
        return _Pattern(one, gaps)

    def _gap(self, op: str, *pairs: tuple[Entity, object]) -> str | None:
        """Return how an argument hangs on the member: the name of a field, "" for its index."""
        if op == "load":
            return next((f for f in self.fields if all(self._loads(f, *p) for p in pairs)), None)
        return "" if all(x == member.index and type(x) is int for member, x in pairs) else None

    def _loads(self, name: str, member: Entity, variable: object) -> bool:
        place = self.lowerer.variables.get((member, name))
        return place is not None and place[0] == variable

    def _again(self, pattern: _Pattern, member: Entity) -> Any:
        """Write the operations of a pattern down for another member."""
        code, block = self.lowerer.code, self.lowerer.block
        assert block is not None
        names: dict[object, str] = {}
        for at, op in enumerate(pattern.sample.ops):
            args = tuple(self._arguments(pattern, at, op, names, member))
            code.names += 1
            names[op.dest] = f"%v{code.names}"
            block.ops.append(Op(names[op.dest], op.op, op.bits, args))
        found = pattern.sample.found
        if isinstance(found, Computed):
            operand = names.get(found.operand, found.operand)
            return Computed(found.domain, operand, found.unordered)
        return found if isinstance(found, Known) else names.get(found, found)

    def _arguments(
        self, pattern: _Pattern, at: int, op: Op, names: dict[object, str], member: Entity
    ) -> Iterator[object]:
        for place, argument in enumerate(op.args):
            gap = pattern.gaps.get((at, place))
            if gap is None:
                yield names.get(argument, argument) if isinstance(argument, str) else argument
            else:
                yield self.lowerer.variables[member, gap][0] if gap else member.index


class _Same:
    """A constant, equal to nothing but itself or an equal one of the same type."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same) or type(other.value) is not type(self.value):
            return False
        return other.value is self.value or bool(other.value == self.value)

    def __hash__(self) -> int:
        return hash(type(self.value))


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_identity(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and isinstance(node.ops[0], (ast.Is, ast.IsNot))
    )


def _operand(found: Asked) -> object:
    if isinstance(found, Computed):
        return found.operand
    return ("known", found.value) if isinstance(found, Known) else found


def _domain(found: Asked) -> object:
    return (found.domain, found.unordered) if isinstance(found, Computed) else type(found)
