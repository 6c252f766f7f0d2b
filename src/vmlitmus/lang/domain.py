"""What values a field can take, and the small integer ("code") that stands for each in a state.

A domain is finite. ``size`` counts its values, so a field costs ``(size - 1).bit_length()`` bits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import field
from enum import Enum
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

from vmlitmus.frozen import Frozen

T = TypeVar("T")


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


class OutOfRange(ValueError):
    """A value that a domain does not contain; the message says which and why."""


class Between(Frozen):
    """Bounds of an integer, both included: ``Annotated[int, Between(0, 3)]``."""

    low: int
    high: int


def _written(value: object) -> str:
    """Return a value as code writes it; of a member of an enum its name."""
    return f"{type(value).__name__}.{value.name}" if isinstance(value, Enum) else repr(value)


class Bool(Frozen):
    """False or True."""

    size: ClassVar[int] = 2

    def encode(self, value: object) -> int:
        if value is True or value is False:
            return int(value)
        raise OutOfRange(f"{_written(value)} is not a bool")

    def decode(self, code: int) -> bool:
        return bool(code)


class Truth(Bool):
    """What ``and`` and ``or`` give where an operand is no bool: good for tests, not for fields."""


class IntRange(Frozen):
    """The integers from ``low`` to ``high``, both included."""

    low: int
    high: int

    @property
    def size(self) -> int:
        return self.high - self.low + 1

    def encode(self, value: object) -> int:
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
        ):
            return value - self.low
        raise OutOfRange(f"{_written(value)} is not in {self.low}..{self.high}")

    def decode(self, code: int) -> int:
        return code + self.low


@cache
def _members(kind: type[Enum]) -> tuple[Enum, ...]:
    return tuple(kind)


@cache
def _positions(kind: type[Enum]) -> dict[Enum, int]:
    return {member: index for index, member in enumerate(kind)}


class EnumOf(Frozen):
    """The members of an enum, in their order."""

    kind: type[Enum]

    @property
    def size(self) -> int:
        return len(self.kind)

    def encode(self, value: object) -> int:
        if isinstance(value, self.kind):
            return _positions(self.kind)[value]
        raise OutOfRange(f"{_written(value)} is not {_article(self.kind.__name__)}")

    def decode(self, code: int) -> Enum:
        return _members(self.kind)[code]


class RefTo(Frozen):
    """An entity of one class, or also None; None is the code after the last entity.

    ``among`` are those that a value can be, where that is known; it is no part of the domain.
    """

    kind: type[Any]
    members: tuple[Any, ...]
    optional: bool
    among: tuple[Any, ...] | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        return len(self.members) + self.optional

    @property
    def could_be(self) -> tuple[Any, ...]:
        """The entities that a value may be, in index order."""
        return self.members if self.among is None else self.among

    def encode(self, value: object) -> int:
        if value is None and self.optional:
            return len(self.members)
        if isinstance(value, self.kind):
            return int(value.index)
        raise OutOfRange(f"{_written(value)} is not {_article(self.kind.__name__)}")

    def decode(self, code: int) -> Any:
        return self.members[code] if code < len(self.members) else None


class SetOf(Frozen):
    """A set of entities of one class, or of members of one enum, as a bit mask."""

    kind: type[Any]
    members: tuple[Any, ...]

    @property
    def size(self) -> int:
        return 1 << len(self.members)

    def encode(self, value: object) -> int:
        if isinstance(value, Members) and value.kind is self.kind:
            return value.mask
        if not isinstance(value, Collection) or isinstance(value, str):
            raise OutOfRange(f"{_written(value)} is not a set of {self.kind.__name__}")
        mask = 0
        for member in value:
            if not isinstance(member, self.kind):
                raise OutOfRange(f"{_written(member)} is not {_article(self.kind.__name__)}")
            mask |= 1 << self.members.index(member)
        return mask

    def decode(self, code: int) -> Members[Any]:
        return Members(self, code)


Domain = Bool | IntRange | EnumOf | RefTo | SetOf


class Members(Generic[T]):
    """The value of a set field: immutable, iterated in index order.

    ``add`` and its like write the field that the value was read from, and only make sense there.
    """

    __slots__ = ("_home", "_name", "domain", "mask")

    _home: Any  # the entity whose field it is
    _name: str

    def __init__(self, domain: SetOf, mask: int) -> None:
        self.domain = domain
        self.mask = mask

    def at(self, home: Any, name: str) -> Members[T]:
        """Return the same set as the value of field ``name`` of ``home``."""
        bound: Members[T] = Members(self.domain, self.mask)
        bound._home, bound._name = home, name
        return bound

    @property
    def kind(self) -> type[Any]:
        return self.domain.kind

    def __contains__(self, member: object) -> bool:
        members = self.domain.members
        return member in members and bool(self.mask >> members.index(member) & 1)

    def __iter__(self) -> Iterator[T]:
        return (m for i, m in enumerate(self.domain.members) if self.mask >> i & 1)

    def __len__(self) -> int:
        return self.mask.bit_count()

    def __eq__(self, other: object) -> bool:
        try:
            return self.mask == self.domain.encode(other)
        except OutOfRange:
            return NotImplemented

    def __hash__(self) -> int:
        return hash(self.mask)

    def __or__(self, other: Iterable[T]) -> Members[T]:
        return Members(self.domain, self.mask | self.domain.encode(other))

    def __and__(self, other: Iterable[T]) -> Members[T]:
        return Members(self.domain, self.mask & self.domain.encode(other))

    def __sub__(self, other: Iterable[T]) -> Members[T]:
        return Members(self.domain, self.mask & ~self.domain.encode(other))

    __ror__, __rand__ = __or__, __and__

    def __rsub__(self, other: Iterable[T]) -> Members[T]:
        return Members(self.domain, self.domain.encode(other) & ~self.mask)

    def __str__(self) -> str:
        return "{" + ", ".join(map(shown, self)) + "}"

    __repr__ = __str__

    def _write(self, mask: int) -> None:
        setattr(self._home, self._name, Members(self.domain, mask))

    def _bit(self, member: T) -> int:
        return self.domain.encode((member,))

    def add(self, member: T) -> None:
        """Put ``member`` into the field."""
        self._write(self.mask | self._bit(member))

    def discard(self, member: T) -> None:
        """Take ``member`` out of the field if it is there."""
        self._write(self.mask & ~self._bit(member))

    def remove(self, member: T) -> None:
        """Take ``member`` out of the field; a model error when it is not there."""
        if not self.mask & self._bit(member):
            raise OutOfRange(f"{shown(member)} is not in the set")
        self.discard(member)

    def clear(self) -> None:
        """Empty the field."""
        self._write(0)


def shown(value: object) -> str:
    """Return a value as a report prints it: an enum member by its value, an entity by its name."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
