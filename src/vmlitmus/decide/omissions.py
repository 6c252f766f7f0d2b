"""What the mechanisms that took part in an answer leave out, in the words of their own files.

A mechanism's docstring says so in a paragraph "Not modelled: ...", up to "Source:" or its end.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import lru_cache

from vmlitmus.compiler import Machine
from vmlitmus.outcome import Result

_PARAGRAPH = re.compile(r"Not modelled: (.*?)(?: Source: .*)?$")


def not_modelled(machine: Machine, result: Result) -> tuple[str, ...]:
    """Return "mechanism: what it leaves out" for the steps of the run, or of the whole search.

    The mechanisms that the scenario chooses took part in any case.
    """
    taken = [step.step for step in result.trace or ()]
    ids = taken or [name for name, count in result.coverage.items() if count]
    names = {name.partition(".")[0] for name in ids}
    steps = {instance.step for instance in machine.instances if instance.step.name in names}
    modules = [f.__module__ for step in steps for f in step.functions]
    modules += [type(chosen).__module__ for chosen in machine.world.mechanisms.values()]
    return _said(tuple(sorted(set(modules))))


@lru_cache(maxsize=1024)
def _said(modules: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name.rpartition('.')[2]}: {text}" for name in modules for text in _texts(name))


def _texts(module: str) -> Iterable[str]:
    doc = getattr(sys.modules.get(module), "__doc__", None) or ""
    for paragraph in re.split(r"\n\s*\n", doc):
        joined = " ".join(paragraph.split())
        found = _PARAGRAPH.search(joined)
        if found:
            yield found[1]
