"""The threads of the VMM that migrate a VM."""

from __future__ import annotations

from vmlitmus.lang import Entity, Set
from vmlitmus.world.dirty_log.guest import Page, Vcpu


class Task(Entity, runs_on="self"):
    """A thread of the VMM, or a task that zaps."""

    got: Set[Page]  # pages that the log named to it
    batch: Set[Page]  # pages whose ring entries its KVM_RESET_DIRTY_RINGS has taken
    awaits: Set[Vcpu]  # who has to leave the guest before it goes on
    signal: bool = False  # a signal is pending
