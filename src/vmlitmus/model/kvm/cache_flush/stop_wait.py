"""When kexec takes another cpu for stopped.

Source: native_stop_other_cpus() in arch/x86/kernel/smp.c.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, World
from vmlitmus.model.kvm.cache_flush.versions import STOP_MASK
from vmlitmus.world import Cpu


class StopWait(Hooks):
    """As merged: a cpu is gone when it has cleared its bit in cpus_stop_mask; see versions."""

    def gone(self, w: World, cpu: Cpu) -> bool:
        """Say whether the waiting cpu takes another one for stopped."""
        if w.part(STOP_MASK.part):
            return not cpu.stopping
        return not cpu.online


class OnlineCount(StopWait):
    """Until 1f5e7eb7868e: when it is no longer in cpu_online_mask."""

    def gone(self, w: World, cpu: Cpu) -> bool:
        return not cpu.online


class GivesUp(StopWait):
    """The wait ends after a while, as on reboot where nobody asked to wait."""

    def gone(self, w: World, cpu: Cpu) -> bool:
        return True
