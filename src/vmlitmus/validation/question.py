"""What to validate, and what was built for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vmlitmus.validation.mapping import TraceMapping


@dataclass(frozen=True)
class Question:
    """What to validate: a mapping, settings of the model besides its own, cores."""

    mapping: TraceMapping
    extra: Mapping[str, Mapping[str, Any]]
    cores: Sequence[frozenset[int]]

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The settings of the model, by table and key."""
        tables = {name: dict(keys) for name, keys in self.mapping.settings.items()}
        for name, keys in self.extra.items():
            tables.setdefault(name, {}).update(keys)
        return tables


@dataclass
class BuiltMachines:
    """What was built already, by what it was built for."""

    machines: dict[object, Any] = field(default_factory=dict)
