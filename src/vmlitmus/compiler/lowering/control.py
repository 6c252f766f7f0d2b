"""Control flow while lowering: branching, joining, and reading and writing fields."""

from __future__ import annotations

import ast
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, NoReturn

from vmlitmus.compiler.ir.nodes import FAULTY, Bits, Block, Branch, Code, Op, Operand, width
from vmlitmus.compiler.ir.order import Flow, joined
from vmlitmus.compiler.lowering.read_set import RecordedReads
from vmlitmus.compiler.lowering.values import (
    Computed,
    Known,
    Row,
    Scope,
    Snapshot,
    Val,
    is_python_set,
    unite,
)
from vmlitmus.errors import ModelError, unknown
from vmlitmus.lang.domain import Bool, Domain, EnumOf, IntRange, OutOfRange, RefTo, SetOf, Truth
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.world import World


class Control:
    """The state of lowering: the block at hand (None: not reached), names, fields written."""

    def __init__(self, world: World, variables: RecordedReads) -> None:
        self.world = world
        self.variables = variables
        self.domains = variables.domains
        self.possible = variables.possible
        self.code = Code()
        self.block: Block | None = self.code.blocks[0]
        self.fields: dict[int, Val] = {}
        self.effect = False
        self.flow: Flow | None = None  # only where the model has Shared fields
        self.pure = 0
        self.scopes: list[Scope] = []
        self.scope: Scope  # the last of them

    def enter(self, scope: Scope) -> None:
        """Begin with the code of a function."""
        self.scopes.append(scope)
        self.scope = scope

    def leave(self) -> None:
        """Go back to the function before."""
        self.scopes.pop()
        self.scope = self.scopes[-1]

    def refuse(self, node: ast.AST, reason: str) -> NoReturn:
        """Raise ModelError at the place of a node."""
        raise ModelError(reason, self.scope.where(node))

    def op(self, op: str, bits: Bits, *args: Any) -> Operand:
        assert self.block is not None
        return self.code.op(self.block, op, bits, *args)

    def snapshot(self) -> list[Snapshot]:
        """Return where control is, or nothing when it is nowhere."""
        if self.block is None:
            return []
        return [self.here(self.block)]

    def here(self, block: Block) -> Snapshot:
        names, fields = dict(self.scope.names), dict(self.fields)
        return Snapshot(block, names, fields, self.effect, self.flow)

    def resume(self, at: Snapshot) -> None:
        self.block, self.effect, self.flow = at.block, at.effect, at.flow
        self.scope.names, self.fields = dict(at.names), dict(at.fields)

    def fork(self, test: Operand) -> tuple[Snapshot, Snapshot]:
        """Branch on a computed truth value; return where control is in each arm."""
        assert self.block is not None
        arms = self.code.block(), self.code.block()
        self.block.end = Branch(test, arms[0].number, arms[1].number)
        self.block = None
        return self.here(arms[0]), self.here(arms[1])

    def require(self, test: Operand, otherwise: int) -> None:
        """Go on only where ``test`` is true; elsewhere the step is DISABLED or FAULTY."""
        assert self.block is not None
        if test == 1:
            return
        following = self.code.block()
        self.block.end = Branch(test, following.number, otherwise)
        self.block = following

    def join(self, ends: list[Snapshot]) -> None:
        """Bring several points together; names and fields that differ become phi values."""
        if not ends:
            self.block = None
            return
        if len(ends) == 1:
            self.resume(ends[0])
            return
        target = self.code.block()
        names = self.merge_names(target, ends)
        fields: dict[int, Val] = {}
        for index in sorted({i for end in ends for i in end.fields}):
            values = [end.fields.get(index) or self.load(end.block, index) for end in ends]
            merged = self.merge(target, ends, values, self.domains[index])
            assert merged is not None
            fields[index] = merged
        for end in ends:
            end.block.end = Branch(1, target.number, target.number)
        self.block, self.fields = target, fields
        self.scope.names = names
        self.effect = any(end.effect for end in ends)
        self.flow = joined(end.flow for end in ends)

    def merge_names(self, target: Block, ends: list[Snapshot]) -> dict[str, Val]:
        merged: dict[str, Val] = {}
        for name in ends[0].names:
            if all(name in end.names for end in ends):
                value = self.merge(target, ends, [end.names[name] for end in ends], None)
                if value is not None:
                    merged[name] = value
        return merged

    def merge(
        self, target: Block, ends: list[Snapshot], values: list[Val], domain: Domain | None
    ) -> Val | None:
        """Return the value of a name or field after a join; None when there is no one kind."""
        if all(_same(value, values[0]) for value in values):
            return values[0]
        local = domain is None
        domain = domain or unite(values, self.world)
        if domain is None:
            return None
        arms = tuple(
            (self.plain(value, domain, end.block), end.block.number)
            for value, end in zip(values, ends, strict=True)
        )
        self.code.names += 1
        dest = f"%v{self.code.names}"
        target.ops.append(Op(dest, "phi", width(domain), arms))
        return Computed(domain, dest, local and any(map(is_python_set, values)))

    def plain(self, value: Val, domain: Domain, block: Block | None = None) -> Operand:
        """Return a value's operand, as wide as those of a domain that is known to hold it.

        What has to be computed for it is appended to ``block``, or to the block at hand.
        """
        if isinstance(value, Computed):
            return self.resize(value.operand, width(value.domain), width(domain), block)
        assert isinstance(value, Known)
        if isinstance(domain, IntRange):
            return int(value.value)
        return domain.encode(value.value)

    def resize(self, operand: Operand, old: Bits, new: Bits, block: Block | None = None) -> Operand:
        """Return an operand with another width."""
        block = block or self.block
        assert block is not None
        return self.code.resize(block, operand, old, new)

    def load(self, block: Block, index: int) -> Computed:
        """Return what a variable holds when the step begins."""
        domain = self.domains[index]
        bits = width(domain)
        operand = self.code.op(block, "load", bits, index)
        if isinstance(domain, IntRange):
            operand = self.code.op(block, "add", bits, operand, domain.low)
        return Computed(domain, operand)

    def at_start(self, index: int) -> Val:
        """Return what is known of a variable when the step begins."""
        assert self.block is not None
        domain = self.domains[index]
        codes = self.possible(index) if isinstance(domain, (RefTo, EnumOf, Bool)) else None
        if codes is not None and len(codes) == 1:
            return Known(domain.decode(next(iter(codes))))
        found = self.load(self.block, index)
        if codes is None or not isinstance(domain, RefTo):
            return found
        them = tuple(domain.members[c] for c in sorted(codes) if c < len(domain.members))
        return Computed(replace(domain, among=them), found.operand)

    def read(self, node: ast.AST, entity: Entity, name: str) -> Val:
        """Return the value of a field of a known entity."""
        variable = self.variables.get((entity, name))
        if variable is not None:
            index = variable[0]
            return self.fields[index] if index in self.fields else self.at_start(index)
        if name in entity.__dict__ and not name.startswith("_"):
            return Known(entity.__dict__[name])
        if name == "_at":
            return Known(0)
        fields = [field for field in entity.__dict__ if not field.startswith("_")]
        kind = type(entity).__name__
        self.refuse(node, f"{kind}: " + unknown("field", name, fields))

    def write(self, node: ast.AST, owner: Val, name: str, value: Val) -> None:
        """Set a field of an entity, known or computed."""
        if self.pure:
            self.refuse(node, f"a guard or a condition changes nothing, but this sets {name!r}")
        if isinstance(owner, Known) and isinstance(owner.value, Entity):
            self.write_known(node, owner.value, name, value)
        elif isinstance(owner, Computed) and isinstance(owner.domain, RefTo):
            self.check_not_none(node, owner, name)
            with self.as_one():
                for entity in owner.domain.could_be:
                    self.write_known(node, entity, name, value, self.is_entity(owner, entity))
        else:
            self.refuse(node, f"cannot set {name!r}: not an entity")
        self.effect = True

    def as_one(self) -> AbstractContextManager[None]:
        """Count the accesses to the fields of one entity or another as one."""
        return nullcontext()

    def write_known(
        self, node: ast.AST, entity: Entity, name: str, value: Val, only_if: Operand = 1
    ) -> None:
        if (entity, name) not in self.variables:
            self.refuse(
                node, f"cannot set {type(entity).__name__}.{name}: {self.why(entity, name)}"
            )
        index, domain = self.variables[entity, name]
        operand = self.fit(node, value, domain, f"{type(entity).__name__}.{name}")
        if only_if != 1:
            before = self.plain(Control.read(self, node, entity, name), domain)
            operand = self.op("select", width(domain), only_if, operand, before)
        self.fields[index] = Computed(domain, operand)

    def why(self, entity: Entity, name: str) -> str:
        fields = [field for field in entity.__dict__ if not field.startswith("_")]
        return "it is constant" if name in fields else unknown("field", name, fields)

    def fit(self, node: ast.AST, value: Val, domain: Domain, target: str) -> Operand:
        """Return a value's operand for a domain, checked now if known, else when the step runs."""
        if isinstance(value, Known):
            try:
                code = domain.encode(value.value)
            except OutOfRange as error:
                self.refuse(node, f"cannot set {target}: {error}")
            return code + (domain.low if isinstance(domain, IntRange) else 0)
        if isinstance(value, Row):
            value = self.as_set(node, value)
            return self.fit(node, value, domain, target)
        given = value.domain
        if isinstance(given, Truth):
            self.refuse(
                node, f"cannot set {target}: 'and' and 'or' give one of their values; write bool(.)"
            )
        if isinstance(domain, IntRange) and isinstance(given, IntRange):
            if given.high < domain.low or given.low > domain.high:
                self.refuse(node, f"cannot set {target}: never in {domain.low}..{domain.high}")
            self.check_range(value.operand, given, domain)
            return self.plain(value, domain)
        if isinstance(domain, RefTo) and isinstance(given, RefTo) and domain.kind is given.kind:
            if given.optional and not domain.optional:
                self.check_not_none(node, value, target)
        elif type(domain) is not type(given) or _kind(domain) is not _kind(given):
            self.refuse(node, f"cannot set {target}: not of its kind")
        return value.operand

    def as_set(self, node: ast.AST, value: Val) -> Val:
        """Return a row as a set, and anything else as it is."""
        raise NotImplementedError

    def check_range(self, operand: Operand, given: IntRange, domain: IntRange) -> None:
        bits = width(given)
        if given.low < domain.low:
            self.require(self.op("sle", bits, domain.low, operand), FAULTY)
        if given.high > domain.high:
            self.require(self.op("sle", bits, operand, domain.high), FAULTY)

    def check_not_none(self, node: ast.AST, value: Computed, what: str) -> None:
        """None has no fields: the step is faulty where the reference is None."""
        domain = value.domain
        assert isinstance(domain, RefTo)
        if domain.optional:
            self.require(self.op("ne", "i64", value.operand, len(domain.members)), FAULTY)

    def is_entity(self, value: Computed, entity: Entity) -> Operand:
        return self.op("eq", "i64", value.operand, entity.index)

    def code_of(self, value: Val, index: int) -> Operand:
        """Return the code that a variable's new value is stored as."""
        domain = self.domains[index]
        operand = self.plain(value, domain)
        if isinstance(domain, IntRange):
            return self.op("sub", width(domain), operand, domain.low)
        return operand


def _same(a: Val, b: Val) -> bool:
    if isinstance(a, Known) and isinstance(b, Known):
        return a.value is b.value or (type(a.value) is type(b.value) and bool(a.value == b.value))
    return a == b


def _kind(domain: Domain) -> object:
    return domain.kind if isinstance(domain, (RefTo, SetOf)) or hasattr(domain, "kind") else None
