"""How a model is written: entities, steps, sequences, conditions, claims, sources.

Knows neither KVM, nor how a model is compiled, nor any engine. An author reads, in this order:
``entity`` and ``domain`` (what exists), ``world`` (what a step sees), ``step`` (what can happen),
``claim`` and ``source``, ``model`` (how it is put together), ``environment`` (what a test allows).
"""

import importlib
from typing import Any

from vmlitmus.lang.amend import Amendment, after, amended, before, instead
from vmlitmus.lang.claim import (
    KINDS,
    Claim,
    eventually,
    leads_to,
    never,
    possible,
    recoverable,
)
from vmlitmus.lang.cpu_event import DRAIN_ASSUMPTIONS, CpuEvent
from vmlitmus.lang.domain import Between, Members
from vmlitmus.lang.entity import Const, Entity, Set, Shared
from vmlitmus.lang.environment import Environment, Limit
from vmlitmus.lang.guard import NotEnabled, when
from vmlitmus.lang.model import (
    Fix,
    Model,
    Setting,
    Settings,
    Setup,
    choice,
    flag,
    mechanism,
    number,
    release,
)
from vmlitmus.lang.source import (
    Apm,
    Assumption,
    Choice,
    Ghcb,
    KernelCommit,
    KernelFile,
    Lore,
    Sdm,
    Source,
    TdxModule,
)
from vmlitmus.lang.step import Condition, Fairness, Sections, Step, condition, sequence, step
from vmlitmus.lang.syntax.exempt_parts import explained
from vmlitmus.lang.world import Hooks, World

__all__ = [
    "DRAIN_ASSUMPTIONS",
    "KINDS",
    "Amendment",
    "Apm",
    "Assumption",
    "Between",
    "Choice",
    "Claim",
    "Condition",
    "Const",
    "CpuEvent",
    "Entity",
    "Environment",
    "Fairness",
    "Fix",
    "Ghcb",
    "Hooks",
    "KernelCommit",
    "KernelFile",
    "Limit",
    "Lore",
    "Members",
    "Model",
    "NotEnabled",
    "Sdm",
    "Sections",
    "Set",
    "Setting",
    "Settings",
    "Setup",
    "Shared",
    "Source",
    "Step",
    "TdxModule",
    "World",
    "after",
    "amended",
    "before",
    "choice",
    "condition",
    "eventually",
    "explained",
    "flag",
    "instead",
    "leads_to",
    "mechanism",
    "never",
    "number",
    "possible",
    "recoverable",
    "release",
    "sequence",
    "step",
    "when",
]

_MOVED = ["Instance", "Machine", "State", "Variable", "build", "scanned"]
__all__ += _MOVED


def __getattr__(name: str) -> Any:
    """Return a name of the compiler, which models written for 0.1 import from here."""
    if name in _MOVED:
        return getattr(importlib.import_module("vmlitmus.compiler"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
