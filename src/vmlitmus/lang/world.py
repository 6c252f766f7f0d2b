"""The world that steps look at and change, and the guard ``when``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

from vmlitmus.errors import ModelError, unknown
from vmlitmus.lang.entity import Entity, Recorder
from vmlitmus.lang.source import Assumption, Choice

E = TypeVar("E", bound=Entity)
H = TypeVar("H", bound="Hooks")


class NotEnabled(Exception):
    """Raised by ``when``: the step, or the section, cannot happen in this state."""


def when(condition: object) -> None:
    """Guard: what follows happens only in states where ``condition`` is true."""
    if not condition:
        raise NotEnabled


class Hooks:
    """Root of hook classes: what one mechanism does at named kernel moments.

    A hook class gives each moment a method that does nothing; a mechanism overrides some of them.
    """


Mechanisms: TypeAlias = Mapping[type[Hooks], Hooks]


def chosen(mechanisms: Mechanisms, kind: type[H]) -> H:
    """Return the mechanism for a hook class; raises ModelError when the model has none."""
    try:
        return mechanisms[kind]  # type: ignore[return-value]
    except KeyError:
        raise ModelError(unknown("hook class", kind.__name__, _names(mechanisms))) from None


class World:
    """All entities of one machine, its mechanisms, parts and assumptions."""

    def __init__(
        self,
        entities: Mapping[type[Entity], tuple[Entity, ...]],
        mechanisms: Mechanisms,
        without: frozenset[str],
        assumed: Mapping[str, Choice],
    ) -> None:
        self.entities = entities
        self.mechanisms = mechanisms
        self._without = without
        self._assumed = assumed
        self.switches: dict[str, tuple[Entity, str]] = {}
        self.recorder = Recorder()

    def all(self, kind: type[E]) -> tuple[E, ...]:
        """Return the entities of a class in index order."""
        try:
            return self.entities[kind]  # type: ignore[return-value]
        except KeyError:
            raise ModelError(unknown("entity", kind.__name__, _names(self.entities))) from None

    def the(self, kind: type[E]) -> E:
        """Return the only entity of a class; raises ModelError when there is not exactly one."""
        found = self.all(kind)
        if len(found) != 1:
            raise ModelError(f"the({kind.__name__}): there are {len(found)}")
        return found[0]

    def use(self, kind: type[H]) -> H:
        """Return the mechanism chosen for a hook class."""
        return chosen(self.mechanisms, kind)

    def part(self, name: str) -> bool:
        """Say whether a named part of a mechanism is switched on."""
        if name in self.switches:
            entity, field = self.switches[name]
            return bool(entity.__dict__[field])
        return name not in self._without

    def assume(self, assumption: Assumption) -> Choice:
        """Return the value in force of an assumption."""
        return self._assumed.get(assumption.name, assumption.default)


def _names(kinds: Mapping[type, object]) -> list[str]:
    return [kind.__name__ for kind in kinds]
