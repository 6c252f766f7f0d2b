"""What is known of memory order in a machine: which loads may pass which stores of their cpu."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from vmlitmus.compiler.ir.order import Drain
from vmlitmus.lang.store_buffer import Site

Stored: TypeAlias = tuple[str, str, str]  # field, function, place


@dataclass(frozen=True, order=True)
class Pair:
    """A load, or what others can see at once, that may pass a store of the same cpu.

    ``store`` and ``then`` are fields, such as "Vcpu.mode"; each with the function and the place.
    """

    store: str
    store_in: str
    store_at: str
    then: str
    then_in: str
    then_at: str
    is_load: bool

    def __str__(self) -> str:
        does = "reads" if self.is_load else "changes"
        return (
            f"{self.store_in}() stores {self.store} ({self.store_at});"
            f" {self.then_in}() {does} {self.then} ({self.then_at})"
        )


@dataclass(frozen=True)
class Passing:
    """What is known of memory order in a machine.

    ``pairs`` may be out of order, ``drains`` are what drains each store that others can see on the
    way to what follows, by the field stored, the function and the place. ``stores`` are those that
    need a buffer. ``in_use`` says whether the machine has store buffers. ``barriers`` are all that
    drain, also where nothing can be in the buffer.
    """

    pairs: tuple[Pair, ...]
    drains: Mapping[Stored, tuple[Drain, ...]]
    stores: Mapping[Site, frozenset[str]] = field(default_factory=dict)
    in_use: bool = False
    barriers: frozenset[Drain] = frozenset()
