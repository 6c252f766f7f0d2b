"""Who sends something to a vcpu, and where the vcpu is meanwhile.

Each vcpu has its home cpu and each task one of its own, so that a test has as many store buffers
as actors. What is ``Shared`` is read and written by several cpus without a lock.
"""

from __future__ import annotations

from vmlitmus.lang import Const, Entity, Set, Shared
from vmlitmus.world.snp import Mode


class Cpu(Entity, runs_on="self"):
    """A hardware thread as Linux numbers it."""

    irqs_off: bool = False
    ipi: bool = False  # an IPI for the host is pending: a reschedule, or a function call


class Vcpu(Entity, runs_on="cpu"):
    """A vcpu in KVM_RUN; its task is on ``cpu``, or on none while it is scheduled out."""

    home: Const[Cpu]
    cpu: Cpu | None = None
    mode: Shared[Mode] = Mode.OUTSIDE
    request: Shared[bool] = False  # the bit of one request in vcpu->requests
    running: bool = False  # between VM entry and VM exit
    left: bool = False  # it is on its way back to OUTSIDE_GUEST_MODE
    halted: bool = False  # mp_state is KVM_MP_STATE_HALTED
    waiting: Shared[bool] = False  # rcuwait.task is set
    sleepy: Shared[bool] = False  # the task's state is TASK_INTERRUPTIBLE
    asleep: bool = False  # the scheduler has taken the task off its cpu
    tlb: Set[Page]  # translations that it uses while it is in the guest

    @property
    def at_rest(self) -> bool:
        """True while it is in KVM_RUN, on a cpu, outside guest mode, with nothing begun."""
        return self.cpu is not None and self.idle and not self.running and not self.left


class Page(Entity):
    """A page of KVM's page tables, a shadow page, with the SPTE that points to it."""

    linked: Shared[bool] = True  # the SPTE is present
    walkers: Set[Vcpu]  # who is in it, in a lockless walk
    freed: bool = False


class Task(Entity, runs_on="cpu"):
    """A task of the host, or of the VMM, that has something for a vcpu."""

    cpu: Const[Cpu]
    target: Vcpu | None = None  # for whom it has something
    awaits: Set[Cpu]  # whose answer to its IPI it waits for
