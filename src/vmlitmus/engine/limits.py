"""What a search may use, and what it reports while it runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

from vmlitmus.frozen import Frozen


class Checkpoints(Frozen):
    """The folder in which a search notes how far it is, to go on there with ``resume``.

    ``name`` says what is searched; each name has a folder of its own in it.
    """

    folder: str
    resume: bool = False
    name: tuple[str, ...] = ()

    def of(self, *name: str) -> Checkpoints:
        """Return the checkpoints of one of several searches."""
        return replace(self, name=(*self.name, *name))


class Limits(Frozen):
    """Wall time in seconds and memory in bytes; None is without limit.

    Memory is what the search takes; what the interpreter had before does not count. ``spill`` is a
    folder for a file with the states that a search has found, which then take no memory.
    """

    seconds: float | None = None
    memory: int | None = None
    spill: str | None = None
    checkpoints: Checkpoints | None = None

    def within(self, seconds: float | None) -> Limits:
        """Return the same with another limit of time."""
        return replace(self, seconds=seconds)

    def of(self, *name: str) -> Limits:
        """Return the same for one of several searches."""
        if self.checkpoints is None:
            return self
        return replace(self, checkpoints=self.checkpoints.of(*name))


Symmetry: TypeAlias = Literal["auto", "on", "off"]  # auto: on for a search that is large


class Progress(Frozen):
    """How far a search is: states found, transitions, depth reached, states still to expand."""

    states: int
    transitions: int
    depth: int
    frontier: int
    seconds: float


class Stopped(Exception):
    """A search gave up; ``reason`` is "time", "memory", "interrupt", or a clause that says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
