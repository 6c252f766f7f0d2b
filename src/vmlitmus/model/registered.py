"""The mechanisms of a topic by name: a line for each says which class of which file it is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TypeVar

from vmlitmus.lang import Hooks

Kind = TypeVar("Kind", bound=Hooks)


def registered(kind: type[Kind], package: str, places: Mapping[str, str]) -> dict[str, type[Kind]]:
    """Return classes by the name that a litmus file uses, in the order of the lines.

    A place such as ``"policies.at_exit.AtExit"`` is a file of the package and a class in it. Each
    class is a ``kind``.
    """
    found = {}
    for name, place in places.items():
        file, _, cls = place.rpartition(".")
        found[name] = getattr(import_module(f"{package}.{file}"), cls)
        assert issubclass(found[name], kind), f"{package}.{place} is no {kind.__name__}"
    return found
