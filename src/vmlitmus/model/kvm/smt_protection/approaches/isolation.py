"""Cpu isolation: isolcpus, irqaffinity and nohz_full for the core, and no change of the scheduler.

No user task is placed on a sibling of a vcpu and no device interrupt is routed there. What remains:
IPIs (TLB flush, text_poke, membarrier), NMIs, softirqs that these raise, ksoftirqd.
Source: the reply of 2025-08-08 expects isolated partitions; Documentation/admin-guide.
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.world.smt_protection import Cpu


class Isolation(SmtMechanism):
    """Siblings of vcpus are kept free of user tasks and device interrupts."""

    isolated = True

    def admits_device_irq(self, w: World, cpu: Cpu) -> bool:
        return False
