"""Entities: the things a model talks about, each with a few bounded fields.

An entity is declared by its annotations; see :func:`declared_fields` for what an annotation may
be. Reading a field is plain attribute access. Writing one checks the value against its domain and
is recorded, so that an engine knows what a step changed.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from vmlitmus.errors import ModelError, unknown
from vmlitmus.lang.domain import (
    Between,
    Bool,
    Domain,
    EnumOf,
    IntRange,
    Members,
    OutOfRange,
    RefTo,
    SetOf,
)

T = TypeVar("T")
if TYPE_CHECKING:
    Set = set  # to a type checker, a set field is a set
else:
    Set = Members  # the annotation of a set field: Set[Page]
_CONST, _SHARED = "const", "shared"
Const = Annotated[T, _CONST]
Shared = Annotated[T, _SHARED]  # memory that several cpus read and write without a lock


class Entity:
    """Root of all entities. ``index`` counts from 0 within the class; ``str()`` is "cpu0".

    A subclass may name the field that holds the cpu it runs on, for reports:
    ``class Vcpu(Entity, runs_on="cpu")``.
    """

    index: int
    _at: int
    _recorder: ClassVar[Recorder]
    runs_on: ClassVar[str | None] = None

    def __init_subclass__(cls, runs_on: str | None = None) -> None:
        super().__init_subclass__()
        for name in ("__bool__", "__len__", "__eq__", "__hash__"):
            if name in vars(cls):
                raise ModelError(
                    f"an entity defines no {name}: it is itself, and true", cls.__name__
                )
        if runs_on is not None:
            cls.runs_on = runs_on

    @property
    def idle(self) -> bool:
        """True when the entity is in no sequence."""
        return self._at == 0

    def stands_at(self, label: str) -> bool:
        """Say whether the entity stands at a yield, the one with this label.

        ``label`` is the text of the yield, braces included. Raises ModelError for a label that no
        sequence of such an entity has.
        """
        recorder: Recorder = self.__dict__["_recorder"]
        return self._at in recorder.places_at(type(self), label)

    def __setattr__(self, name: str, value: object) -> None:
        self.__dict__["_recorder"].write(self, name, value)

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()}{self.index}"

    __repr__ = __str__

    def __hash__(self) -> int:
        index: int = self.__dict__["index"]
        return index

    def __eq__(self, other: object) -> bool:
        return self is other


class Buffers(Protocol):
    """What may take a write before it reaches memory; see ``store_buffer``."""

    def store(self, entity: Entity, name: str, code: int) -> bool:
        """Take the write of a field; False when it goes to memory at once."""


class Recorder:
    """Where the writes of one world go: index of each state variable, and what a step wrote.

    ``written`` maps the index of a variable to its new code. ``settled`` are the fields that have
    the same code after every step, so they are no variables; a step may still change one and change
    it back, and ``strayed`` are those that it changed. ``places`` gives the places of each label by
    kind of actor, for the sequences in play; ``others`` returns the labels of those that are not.
    ``buffers`` take stores of ``Shared`` fields, where memory is not sequentially consistent.
    """

    buffers: Buffers | None = None

    def __init__(self) -> None:
        self.variables: dict[tuple[Entity, str], tuple[int, Domain]] = {}
        self.settled: dict[tuple[Entity, str], tuple[int, Domain]] = {}
        self.written: dict[int, int] = {}
        self.strayed: set[tuple[Entity, str]] = set()
        self.places: dict[type[Entity], dict[str, frozenset[int]]] = {}
        self.others: Callable[[type[Entity]], Iterable[str]] = lambda kind: ()

    def places_at(self, kind: type[Entity], label: str) -> frozenset[int]:
        """Return the places of a label; raises ModelError for one that no sequence has."""
        known = self.places.get(kind, {})
        if label in known:
            return known[label]
        others = list(self.others(kind))
        if label in others:
            return frozenset()
        raise ModelError(unknown("label", label, [*known, *others]))

    def write(self, entity: Entity, name: str, value: object) -> None:
        """Set a field; raises ModelError for an unknown or constant field, or a bad value."""
        place = entity, name
        found = self.variables.get(place)
        varies = found is not None
        if found is None:
            found = self.settled.get(place)
        if found is None:
            known = [field for field in vars(entity) if not field.startswith("_")]
            reason = "it is constant" if name in known else unknown("field", name, known)
            raise ModelError(f"cannot write {entity}.{name}: {reason}")
        index, domain = found
        try:
            code = domain.encode(value)
            if self.buffers is not None and self.buffers.store(entity, name, code):
                return
        except OutOfRange as error:
            raise ModelError(f"cannot write {entity}.{name}: {error}") from None
        store(entity, name, domain, code)
        if varies:
            self.written[index] = code
        else:
            self.strayed.add(place)

    def code(self, entity: Entity, name: str) -> int:
        """Return the code of what a variable holds now."""
        return self.variables[entity, name][1].encode(entity.__dict__[name])

    def value(self, entity: Entity, name: str, code: int) -> Any:
        """Return the value for a code of a field."""
        found = self.variables.get((entity, name)) or self.settled[entity, name]
        return found[1].decode(code)

    def show(self, entity: Entity, name: str, code: int) -> None:
        """Set a variable, unrecorded."""
        store(entity, name, self.variables[entity, name][1], code)

    def put(self, entity: Entity, name: str, code: int) -> None:
        """Set a variable to the value for a code."""
        index, domain = self.variables[entity, name]
        store(entity, name, domain, code)
        self.written[index] = code

    def settle(self) -> None:
        """Give the settled fields that a step changed their value again."""
        for entity, name in self.strayed:
            code, domain = self.settled[entity, name]
            store(entity, name, domain, code)
        self.strayed.clear()

    def check(self) -> None:
        """Raise ModelError when a step leaves a settled field with another value."""
        for entity, name in self.strayed:
            code, domain = self.settled[entity, name]
            if domain.encode(vars(entity)[name]) != code:
                raise ModelError(f"cannot write {entity}.{name}: it is constant")


def store(entity: Entity, name: str, domain: Domain, code: int) -> None:
    """Put the value for ``code`` into a field, unrecorded."""
    value = domain.decode(code)
    entity.__dict__[name] = value.at(entity, name) if isinstance(value, Members) else value


class Field:
    """A declared field: its name, its annotation taken apart, and its default value."""

    def __init__(self, name: str, annotation: Any, default: object) -> None:
        self.name = name
        self.default = default
        self.constant = self.shared = False
        self.between: Between | None = None
        self.optional = False
        while get_origin(annotation) is Annotated:
            annotation, *extras = get_args(annotation)
            self.constant |= _CONST in extras
            self.shared |= _SHARED in extras
            self.between = next((e for e in extras if isinstance(e, Between)), self.between)
        if get_origin(annotation) in (Union, types.UnionType):
            options = [a for a in get_args(annotation) if a is not type(None)]
            if len(options) != 1:
                raise ModelError(f"field {name!r}: only 'X | None' may be a union")
            annotation, self.optional = options[0], True
        self.many = get_origin(annotation) is Members
        self.kind: type[Any] = get_args(annotation)[0] if self.many else annotation

    def domain(self, entities: Mapping[type[Entity], tuple[Entity, ...]]) -> Domain:
        """Return the field's domain in a world; raises ModelError for an unbounded annotation."""
        kind = self.kind
        if self.many:
            return SetOf(kind, _universe(self.name, kind, entities))
        if kind is bool and not self.optional:
            return Bool()
        if kind is int and self.between and not self.optional:
            return IntRange(self.between.low, self.between.high)
        if isinstance(kind, type) and issubclass(kind, Enum) and not self.optional:
            return EnumOf(kind)
        if isinstance(kind, type) and issubclass(kind, Entity):
            return RefTo(kind, _universe(self.name, kind, entities), self.optional)
        return self._refuse()

    def _refuse(self) -> Domain:
        kind = get_origin(self.kind) or self.kind
        if kind in _ARRAYS:
            raise ModelError(
                f"field {self.name!r}: {kind.__name__} is no kind of field; where each of several"
                " has a value of its own, it is a field of theirs: of Cpu, for one value per cpu"
            )
        if self.kind is int:
            reason = "an int needs bounds, such as Annotated[int, Between(0, 3)]"
        else:
            reason = "write a bool, a bounded int, an enum, an entity (| None) or Set[...]"
        name = getattr(self.kind, "__name__", repr(self.kind))
        raise ModelError(f"field {self.name!r}: {name} is unbounded; {reason}")


_ARRAYS = (list, tuple, dict)


def _universe(
    name: str, kind: type[Any], entities: Mapping[type[Entity], tuple[Entity, ...]]
) -> tuple[Any, ...]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(kind)
    if kind in entities:
        return entities[kind]
    raise ModelError(f"field {name!r}: the model has no entity {getattr(kind, '__name__', kind)}")


def declared_fields(
    cls: type[Entity], names: dict[str, Any], more: type | None = None
) -> dict[str, Field]:
    """Return the fields of an entity class, inherited ones first, then those of ``more``.

    ``more`` is a class of annotations with which a model extends the entity. ``names`` resolves
    forward references, in addition to each class's own module. Raises ModelError, with file and
    line of the class, for an annotation that is no bounded field, and for one declared twice.
    """
    fields: dict[str, Field] = {}
    for base in reversed(cls.__mro__):
        if not issubclass(base, Entity) or base is Entity:
            continue
        scope = {**vars(sys.modules[base.__module__]), **names}
        for name, annotation in inspect.get_annotations(base).items():
            fields[name] = _field(base, name, annotation, scope)
    if more is not None:
        scope = {**vars(sys.modules[more.__module__]), **names}
        for name, annotation in inspect.get_annotations(more).items():
            if name in fields or hasattr(cls, name):
                raise ModelError(f"{cls.__name__} has {name!r} already", _place(more, name))
            fields[name] = _field(more, name, annotation, scope)
    return fields


def _field(cls: type, name: str, annotation: Any, scope: dict[str, Any]) -> Field:
    try:
        if isinstance(annotation, str):
            annotation = eval(annotation, scope)  # noqa: S307 - the model author's own annotation
        field = Field(name, annotation, cls.__dict__.get(name))
        if not field.many and not (isinstance(field.kind, type) and issubclass(field.kind, Entity)):
            field.domain({})
    except NameError as error:
        raise ModelError(
            f"field {name!r}: {error}; is its entity in the model?", _place(cls, name)
        ) from None
    except ModelError as error:
        raise ModelError(str(error), _place(cls, name)) from None
    return field


def class_place(cls: type[Entity]) -> str:
    """Return "file:line" of an entity's declaration, or its name when that is not known."""
    return _place(cls, "")


def _place(cls: type, name: str) -> str:
    """Return "file:line" of a field's declaration, or the class's name when that is not known."""
    import ast

    from vmlitmus.lang.syntax.trees import class_syntax

    node = class_syntax(cls)
    if node is None:
        return cls.__name__
    for statement in node[1].body:
        if isinstance(statement, ast.AnnAssign) and getattr(statement.target, "id", "") == name:
            return f"{node[0]}:{statement.lineno}"
    return f"{node[0]}:{node[1].lineno}"
