"""A shipped sequence with some of its sections changed: put before, after or instead of others.

A sub-sequence is a function with yields. Its first parameter is the world; the others take the
values of the sequence's parameters and locals of the same names::

    def early_flush(w: World, task: Task, page: Page) -> Sections:
        task.targets = ever_ran(w, page.vm)
        yield "{task} flushes before the zap"

    MY_RECLAIM = amended(reclaim, before("{task} zaps the mapping of {page}", early_flush))
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from vmlitmus.errors import ModelError
from vmlitmus.lang.step import Step
from vmlitmus.lang.syntax.trees import is_generator, place

Where: TypeAlias = Literal["before", "after", "instead"]
SubSequence: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Amendment:
    """A sub-sequence, and where it goes: ``label`` is the text of a yield of the sequence."""

    where: Where
    label: str
    function: types.FunctionType


def before(label: str, function: SubSequence) -> Amendment:
    """Put a sub-sequence before the section with this label."""
    return _amendment("before", label, function)


def after(label: str, function: SubSequence) -> Amendment:
    """Put a sub-sequence after the section with this label."""
    return _amendment("after", label, function)


def instead(label: str, function: SubSequence) -> Amendment:
    """Put a sub-sequence in the place of the section with this label."""
    return _amendment("instead", label, function)


def amended(step: Step, *amendments: Amendment) -> Step:
    """Return a sequence with amendments; its name, sources and fairness stay.

    Raises ModelError when ``step`` has no sections, or when two amendments are about one label.
    A label that the sequence does not have is reported when a machine is built.
    """
    if not step.is_sequence:
        raise ModelError(f"{step.name}() is one atomic step: it has no sections to amend")
    all_of_it = (*step.amendments, *amendments)
    labels = [(a.where, a.label) for a in all_of_it]
    for amendment in amendments:
        if labels.count((amendment.where, amendment.label)) > 1:
            raise ModelError(
                f"{step.name}(): two amendments {amendment.where} {amendment.label!r}",
                place(amendment.function),
            )
    return replace(step, amendments=all_of_it)


def _amendment(where: Where, label: str, function: SubSequence) -> Amendment:
    if not isinstance(function, types.FunctionType) or not is_generator(function):
        name = getattr(function, "__name__", repr(function))
        raise ModelError(f"{name}: an amendment is a function with yields")
    return Amendment(where, label, function)
