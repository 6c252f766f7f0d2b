"""What a search hands back: the same for the reference engine and the compiled one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from vmlitmus.compiler import State
from vmlitmus.engine.limits import Progress
from vmlitmus.engine.reference.lasso import Lasso
from vmlitmus.frozen import Frozen

Watch: TypeAlias = Callable[[Progress], None]


class Alike(Frozen):
    """Which entities were found interchangeable, and which not, in words.

    ``orbits`` counts the states that were searched, each for all that are like it; None where all
    states were.
    """

    interchangeable: tuple[str, ...]
    different: tuple[str, ...]
    orbits: int | None


class Finding(Frozen):
    """What a search found, the same for both engines.

    ``path`` leads from the initial state to the one that decides the claim, ``lasso`` is the run
    that violates a liveness claim; ``observed`` holds the conditions seen in some counted state;
    ``stopped`` says why a search gave up; ``alike`` is there where symmetry was looked for.
    """

    engine: str
    states: int
    transitions: int
    depth: int
    coverage: Mapping[str, int]
    observed: frozenset[str]
    path: tuple[State, ...] | None = None
    lasso: Lasso | None = None
    stopped: str | None = None
    alike: Alike | None = None
    notes: tuple[str, ...] = ()
