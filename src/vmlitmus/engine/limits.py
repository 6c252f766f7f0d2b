"""What a search may use, and what it reports while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Limits:
    """Wall time in seconds and memory in bytes; None is without limit.

    Memory is what the search takes; what the interpreter had before does not count.
    """

    seconds: float | None = None
    memory: int | None = None


Symmetry: TypeAlias = Literal["auto", "on", "off"]  # auto: on for a search that is large


@dataclass(frozen=True)
class Progress:
    """How far a search is: states found, transitions, depth reached, states still to expand."""

    states: int
    transitions: int
    depth: int
    frontier: int
    seconds: float


class Stopped(Exception):
    """A search gave up; ``reason`` is "time", "memory" or "interrupt"."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
