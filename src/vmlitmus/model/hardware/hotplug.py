"""A cpu leaves the system and comes back.

The online bit is cleared under stop_machine, after the scheduler has moved all tasks away and the
queue of function calls was run; only later, in play_dead, does the cpu report its death and then
execute WBINVD, so the controlling cpu does not wait for the write-back (the order can be flipped,
to see what it would change). In between ``on_each_cpu_mask()`` skips it. What covers that window is
a mechanism (HotplugCover).

Not modelled: failed offlining, cpus that are parked. Source: arch/x86/kernel/smpboot.c.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, Hooks, KernelFile, World, step, when
from vmlitmus.model.hardware.cache import write_back_all
from vmlitmus.world import Cpu, Hotplug, Task, Vcpu

DYING = KernelFile("kernel/cpu.c", "take_cpu_down()", "7.2.13")
PLAY_DEAD = KernelFile("arch/x86/kernel/smpboot.c", "native_play_dead()", "7.2.13")
DEAD_BEFORE_WBINVD = Assumption(
    "dead-before-wbinvd",
    "play_dead_common() reports the cpu dead before hlt_play_dead() executes WBINVD, so cpu_down() "
    "may return and release the hotplug lock while dirty lines are left",
)


class HotplugCover(Hooks):
    """As merged: nothing covers the time between the online bit and the play-dead WBINVD."""

    def dying(self, w: World, cpu: Cpu) -> None:
        """The cpu is about to leave cpu_online_mask, IRQs off, under stop_machine."""

    def before_flush(self, w: World) -> bool:
        """Say whether a flusher may read cpu_online_mask now."""
        return True


class DyingWriteback(HotplugCover):
    """WBINVD in a callback of the dying section, before the online bit is cleared."""

    def dying(self, w: World, cpu: Cpu) -> None:
        write_back_all(w, cpu, True)


class CpusReadLock(HotplugCover):
    """Flushers take cpus_read_lock(), so they wait for a cpu_down() that is under way."""

    def before_flush(self, w: World) -> bool:
        if w.assume(DEAD_BEFORE_WBINVD):
            return True
        return not any(cpu.hotplug == Hotplug.LEAVING for cpu in w.all(Cpu))


@step("{cpu} leaves cpu_online_mask", source=DYING, disturbance="hotplug")
def leave_online_mask(w: World, cpu: Cpu) -> None:
    when(cpu.online and sum(1 for other in w.all(Cpu) if other.online) > 1)
    when(not any(vcpu.cpu is cpu for vcpu in w.all(Vcpu)))
    when(not any(cpu in task.targets for task in w.all(Task)))
    w.use(HotplugCover).dying(w, cpu)
    cpu.hotplug = Hotplug.LEAVING


@step("{cpu} executes the WBINVD of play_dead", source=PLAY_DEAD, disturbance="hotplug")
def play_dead(w: World, cpu: Cpu) -> None:
    when(cpu.hotplug == Hotplug.LEAVING)
    write_back_all(w, cpu, True)
    cpu.hotplug = Hotplug.OFFLINE


@step("{cpu} comes online again", source=DYING, disturbance="hotplug")
def come_online(w: World, cpu: Cpu) -> None:
    when(cpu.hotplug == Hotplug.OFFLINE)
    cpu.hotplug = Hotplug.ONLINE
