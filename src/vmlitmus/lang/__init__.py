"""How a model is written: entities, steps, sequences, conditions, claims, sources.

Knows neither KVM nor any engine.
"""

from vmlitmus.lang.build import build, scanned
from vmlitmus.lang.claim import (
    KINDS,
    Claim,
    eventually,
    leads_to,
    never,
    possible,
    recoverable,
)
from vmlitmus.lang.domain import Between, Members
from vmlitmus.lang.entity import Const, Entity, Set
from vmlitmus.lang.environment import Environment, Limit
from vmlitmus.lang.explained import explained
from vmlitmus.lang.machine import Instance, Machine, State, Variable
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
)
from vmlitmus.lang.step import Condition, Fairness, Sections, Step, condition, sequence, step
from vmlitmus.lang.world import Hooks, NotEnabled, World, when

__all__ = [
    "KINDS",
    "Apm",
    "Assumption",
    "Between",
    "Choice",
    "Claim",
    "Condition",
    "Const",
    "Entity",
    "Environment",
    "Fairness",
    "Fix",
    "Ghcb",
    "Hooks",
    "Instance",
    "KernelCommit",
    "KernelFile",
    "Limit",
    "Lore",
    "Machine",
    "Members",
    "Model",
    "NotEnabled",
    "Sdm",
    "Sections",
    "Set",
    "Setting",
    "Settings",
    "Setup",
    "Source",
    "State",
    "Step",
    "Variable",
    "World",
    "build",
    "choice",
    "condition",
    "eventually",
    "explained",
    "flag",
    "leads_to",
    "mechanism",
    "never",
    "number",
    "possible",
    "recoverable",
    "release",
    "scanned",
    "sequence",
    "step",
    "when",
]
