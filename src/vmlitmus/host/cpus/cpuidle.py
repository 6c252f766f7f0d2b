"""What an idle cpu does: a state that polls executes instructions beside its sibling.

Source: Documentation/admin-guide/pm/cpuidle.rst, "Representation of Idle States".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vmlitmus.host.cpus.topology import CPU
from vmlitmus.host.tree import Tree, text


@dataclass(frozen=True)
class IdleState:
    """One idle state of a cpu; ``disabled`` is None where the file cannot be read."""

    name: str
    disabled: bool | None

    @property
    def polls(self) -> bool:
        return self.name == "POLL"


def read_idle_states(tree: Tree, cpu: int) -> tuple[IdleState, ...]:
    """Return the idle states of a cpu, the shallowest first; none without a driver."""
    place = f"{CPU}/cpu{cpu}/cpuidle"
    found = []
    for name in tree.names(place):
        if re.fullmatch(r"state\d{1,2}", name):
            label = text(tree, f"{place}/{name}/name", 64).value
            disabled = text(tree, f"{place}/{name}/disable", 64).value
            if label:
                found.append(IdleState(label, None if disabled is None else disabled != "0"))
    return tuple(found)
