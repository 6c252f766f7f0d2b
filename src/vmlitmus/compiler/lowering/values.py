"""Values while lowering: known ones, computed ones, and where control is."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from vmlitmus.compiler.ir.nodes import Block, Operand
from vmlitmus.compiler.ir.order import Flow
from vmlitmus.lang.domain import Bool, Domain, EnumOf, IntRange, Members, RefTo, SetOf, Truth
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.world import Hooks, World


@dataclass(slots=True)
class Known:
    """A value that is the same in every state: any Python object."""

    value: Any


class Chosen(Known):
    """The mechanism that a world has for a hook class: ``value``, and whoever takes it is noted.

    Code that only calls its moments is told apart by these, see ``moments``.
    """

    __slots__ = ("kind", "mechanism", "note")

    def __init__(self, kind: type[Hooks], mechanism: Hooks, note: Callable[[], None]) -> None:
        self.kind = kind
        self.mechanism = mechanism
        self.note = note

    @property
    def value(self) -> Hooks:
        self.note()
        return self.mechanism


@dataclass(slots=True)
class Computed:
    """A value that depends on the state, of a domain; an int is itself, not its code.

    A Python set is ``unordered``: unlike a set field, it has no order in which to loop over it.
    """

    domain: Domain
    operand: Operand
    unordered: bool = False


@dataclass(slots=True)
class Row:
    """A tuple or list of values, not all of them known; each with whether it is there."""

    items: tuple[tuple[Val, Operand], ...]


Val: TypeAlias = Known | Computed | Row


@dataclass(slots=True)
class Scope:
    """The names of one function being lowered; ``returns`` is None for a step or section itself."""

    names: dict[str, Val]
    outside: Mapping[str, Any]
    where: Callable[[ast.AST], str]
    returns: list[Snapshot] | None
    function: Callable[..., object] | None = None


@dataclass(slots=True)
class Snapshot:
    """A point that control has reached: its block, the names and the fields there."""

    block: Block
    names: dict[str, Val]
    fields: dict[int, Val] = field(default_factory=dict)
    effect: bool = False
    flow: Flow | None = None


def domain_of(value: object, world: World) -> Domain | None:
    """Return the narrowest domain of a known value, or None when it has none of its own."""
    if isinstance(value, Enum):
        return EnumOf(type(value))
    if isinstance(value, bool):
        return Bool()
    if isinstance(value, int):
        return IntRange(value, value)
    if isinstance(value, Entity):
        return RefTo(type(value), world.all(type(value)), False)
    if isinstance(value, Members):
        return value.domain
    if isinstance(value, (tuple, frozenset, set)) and value:
        kind = type(next(iter(value)))
        if all(type(member) is kind for member in value):
            return set_domain(kind, world)
    return None


def set_domain(kind: type[Any], world: World) -> SetOf | None:
    """Return the domain of sets of a class of entities or of an enum."""
    if issubclass(kind, Entity):
        return SetOf(kind, world.all(kind))
    if issubclass(kind, Enum):
        return SetOf(kind, tuple(kind))
    return None


def unite(values: list[Val], world: World) -> Domain | None:
    """Return the smallest domain that holds all the values, or None when there is none."""
    real: list[Domain] = []
    none = empty = False
    for value in values:
        domain = _domain(value, world)
        if domain is not None:
            real.append(domain)
        elif isinstance(value, Known) and value.value is None:
            none = True
        elif isinstance(value, Known) and _is_empty(value.value):
            empty = True
        else:
            return None
    if not real:
        return None
    first = real[0]
    if isinstance(first, IntRange) and all(isinstance(d, IntRange) for d in real):
        ranges = [d for d in real if isinstance(d, IntRange)]
        found: Domain = IntRange(min(d.low for d in ranges), max(d.high for d in ranges))
    elif isinstance(first, RefTo) and all(isinstance(d, RefTo) for d in real):
        refs = [d for d in real if isinstance(d, RefTo)]
        if any(d.kind is not first.kind for d in refs):
            return None
        optional = none or any(d.optional for d in refs)
        return RefTo(first.kind, first.members, optional, _among(refs))
    elif all(isinstance(d, Bool) for d in real):
        found = next((d for d in real if isinstance(d, Truth)), Bool())
    elif all(d == first for d in real):
        found = first
    else:
        return None
    if none or (empty and not isinstance(found, SetOf)):
        return None
    return found


def _among(refs: list[RefTo]) -> tuple[Entity, ...] | None:
    """Return what a value of one of some domains can be; None where that may be all."""
    if any(ref.among is None for ref in refs):
        return None
    return tuple(sorted({e for ref in refs for e in ref.could_be}, key=lambda e: e.index))


def kind_of(value: Val, world: World) -> Val:
    """Return what ``unite`` looks at of a value: None, something empty, or its domain."""
    if isinstance(value, Known) and (value.value is None or _is_empty(value.value)):
        return value
    domain = _domain(value, world)
    return Row(()) if domain is None else Computed(domain, "%value")


def _domain(value: Val, world: World) -> Domain | None:
    if isinstance(value, Computed):
        return value.domain
    return domain_of(value.value, world) if isinstance(value, Known) else None


def _is_empty(value: object) -> bool:
    return isinstance(value, (tuple, frozenset, set)) and not value


def is_python_set(value: Val) -> bool:
    """Say whether a value is a set in Python, not the value of a set field."""
    if isinstance(value, Known):
        return isinstance(value.value, (set, frozenset))
    return isinstance(value, Computed) and value.unordered
