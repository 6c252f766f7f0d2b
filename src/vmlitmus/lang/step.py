"""Decorators that turn functions into steps, sequences and conditions."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeAlias, TypeVar

from vmlitmus.errors import ModelError, unknown
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.source import Source, Sources, as_tuple
from vmlitmus.lang.syntax.trees import is_generator, place
from vmlitmus.lang.world import World

Sections: TypeAlias = Iterator[str]
Fairness: TypeAlias = Literal["weak", "strong"]
F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, eq=False)
class Step:
    """One atomic action; or, when ``is_sequence``, several with yields between them."""

    function: types.FunctionType
    label: str | None
    sources: tuple[Source, ...]
    disturbance: str | None
    fair: Fairness | None
    is_sequence: bool
    amendments: tuple[Any, ...] = ()  # of ``amend``: what was changed of its sections
    hardware: bool = False  # no instructions of a cpu: it reads and writes memory at once

    @property
    def functions(self) -> tuple[types.FunctionType, ...]:
        """The step's own function, and those of its amendments."""
        return (self.function, *(a.function for a in self.amendments))

    @property
    def name(self) -> str:
        return self.function.__name__

    def __call__(self, *args: object) -> object:
        return self.function(*args)

    def parameters(self, names: dict[str, Any]) -> dict[str, type[Any]]:
        """Return each parameter after ``w`` with its entity or enum class."""
        hints = _hints(self.function, names)
        _, *rest = inspect.signature(self.function).parameters
        found = {}
        for name in rest:
            kind = hints.get(name)
            if not (isinstance(kind, type) and issubclass(kind, Entity | Enum)):
                raise ModelError(
                    f"{self.name}(): parameter {name!r} needs an entity or an enum as annotation",
                    place(self.function),
                )
            found[name] = kind
        return found


@dataclass(frozen=True, eq=False)
class Condition:
    """A named statement about one state; claims quantify over it.

    ``backed_by`` names the conditions that must be reachable for "never" to mean anything.
    """

    function: types.FunctionType
    name: str
    text: str
    sources: tuple[Source, ...]
    backed_by: tuple[str, ...]

    def __call__(self, w: World) -> bool:
        return bool(self.function(w))


def step(
    label: str,
    *,
    source: Sources | None = None,
    disturbance: str | None = None,
    fair: Fairness | None = None,
    hardware: bool = False,
) -> Callable[[F], Step]:
    """Declare an atomic action.

    ``label`` is an English clause with the parameters in braces; ``disturbance`` names what a
    scenario must allow for the step to exist; ``fair`` is what liveness claims may rely on: each
    instance that can happen for ever ("weak"), or again and again ("strong"), does. What is done by
    ``hardware`` or firmware, such as a page walk or a posted interrupt, has no store buffer. Raises
    ModelError without a source.
    """

    def declare(function: F) -> Step:
        assert isinstance(function, types.FunctionType)
        if is_generator(function):
            raise ModelError(f"{function.__name__}() has yields: use @sequence", place(function))
        sources = _sources(function, source)
        return Step(
            function, label, sources, disturbance, _fairness(function, fair), False, (), hardware
        )

    return declare


def sequence(
    label: str | None = None,
    *,
    source: Sources | None = None,
    disturbance: str | None = None,
    fair: Fairness | None = None,
    hardware: bool = False,
) -> Callable[[F], Step]:
    """Declare a sequence of atomic sections, cut at its yields.

    The first parameter is the actor. ``label`` names the last section when no yield ends it.
    ``fair`` holds for each section, see ``step``, and ``hardware`` for all.
    """

    def declare(function: F) -> Step:
        assert isinstance(function, types.FunctionType)
        if not is_generator(function):
            raise ModelError(f"{function.__name__}() has no yield: use @step", place(function))
        sources = _sources(function, source)
        return Step(
            function, label, sources, disturbance, _fairness(function, fair), True, (), hardware
        )

    return declare


def condition(
    name: str, text: str, *, source: Sources | None = None, backed_by: tuple[str, ...] = ()
) -> Callable[[F], Condition]:
    """Declare a named statement about one state."""

    def declare(function: F) -> Condition:
        assert isinstance(function, types.FunctionType)
        return Condition(function, name, text, _sources(function, source), backed_by)

    return declare


def _sources(function: types.FunctionType, source: Sources | None) -> tuple[Source, ...]:
    if source is None or source == ():
        raise ModelError(
            f"{function.__name__}() has neither a source nor an assumption", place(function)
        )
    return as_tuple(source)


def _fairness(function: types.FunctionType, fair: Fairness | None) -> Fairness | None:
    if fair not in (None, "weak", "strong"):
        message = unknown("fairness", str(fair), ("weak", "strong"))
        raise ModelError(f"{function.__name__}(): {message}", place(function))
    return fair


def _hints(function: types.FunctionType, names: dict[str, Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, {**names, **function.__globals__}, names)
    except NameError as error:
        raise ModelError(f"{function.__name__}(): {error}", place(function)) from None
