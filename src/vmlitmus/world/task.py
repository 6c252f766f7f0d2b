"""Host tasks."""

from __future__ import annotations

from vmlitmus.lang import Entity, Set
from vmlitmus.world.cpu import Cpu
from vmlitmus.world.memory import Page
from vmlitmus.world.vm import Vcpu, Vm


class Task(Entity):
    """A host task in the kernel: a reclaimer, or the VMM in an ioctl."""

    targets: Set[Cpu]  # cpus that have not yet handled its write-back IPI
    awaited: Set[Vcpu]  # vcpus that have not yet answered its TLB flush request
    page: Page | None = None  # the page whose dirty lines its flush must write back
    owed: Set[Cpu]  # cpus that held such lines when the flush was called, and still do
    short: bool = False  # a flush returned while it owed something
    vm: Vm | None = None  # whose mask its write-back IPIs are sent for
    locked: bool = False  # holds the flush mutex
    walks: Vm | None = None  # calls the mmu_notifiers of this VM's mm, one after the other
