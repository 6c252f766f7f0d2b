"""A cpu leaves the system and comes back.

The scheduler moves all tasks away, KVM's callback runs; then the online bit is cleared under
stop_machine, after the queue of function calls was run; only later, in play_dead, does the cpu
report its death and then execute WBINVD, so the controlling cpu does not wait for the write-back.
In between ``on_each_cpu_mask()`` skips it. What covers that window is a mechanism (HotplugCover).

Not modelled: failed offlining, cpus that are parked. Source: arch/x86/kernel/smpboot.c.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, World, step, when
from vmlitmus.model.hardware.cache import write_back_all
from vmlitmus.world import Cpu, Hotplug, Task, Vcpu

OFFLINE = KernelFile("virt/kvm/kvm_main.c", "kvm_offline_cpu()", "7.2.8")
DYING = KernelFile("kernel/cpu.c", "take_cpu_down()", "7.2.8")
PLAY_DEAD = KernelFile("arch/x86/kernel/smpboot.c", "native_play_dead()", "7.2.8")
DEATH = KernelFile("arch/x86/kernel/smpboot.c", "play_dead_common()", "7.2.8")


class HotplugCover(Hooks):
    """As merged: nothing covers the time between the online bit and the play-dead WBINVD."""

    def dying(self, w: World, cpu: Cpu) -> None:
        """The cpu is about to leave cpu_online_mask, IRQs off, under stop_machine."""

    def offline(self, w: World, cpu: Cpu) -> None:
        """kvm_offline_cpu(): no task can run on the cpu any more; it still handles IPIs."""

    def before_flush(self, w: World) -> bool:
        """Say whether a flusher may read cpu_online_mask now."""
        return True


class DyingWriteback(HotplugCover):
    """WBINVD in a callback of the dying section, before the online bit is cleared."""

    def dying(self, w: World, cpu: Cpu) -> None:
        write_back_all(w, cpu, True)


class OfflineCallback(HotplugCover):
    """WBINVD in kvm_offline_cpu(): IRQs on, after all tasks have been moved away, still online."""

    def offline(self, w: World, cpu: Cpu) -> None:
        write_back_all(w, cpu, True)


class CpusReadLock(HotplugCover):
    """Flushers take cpus_read_lock(), so they wait for a cpu_down() that is under way."""

    def before_flush(self, w: World) -> bool:
        """cpu_down() returns once the cpu is reported dead, which is before its WBINVD."""
        return True


class LateDeath(CpusReadLock):
    """The same on a kernel where a cpu executes WBINVD first and then reports its death."""

    def before_flush(self, w: World) -> bool:
        return not any(cpu.hotplug == Hotplug.LEAVING for cpu in w.all(Cpu))


@step("{cpu} has no task left: all were moved to other cpus", source=OFFLINE, disturbance="hotplug")
def drain(w: World, cpu: Cpu) -> None:
    when(cpu.active and sum(1 for other in w.all(Cpu) if other.active) > 1)
    when(not any(other.hotplug == Hotplug.DRAINED for other in w.all(Cpu)))
    when(not any(vcpu.cpu is cpu for vcpu in w.all(Vcpu)))
    w.use(HotplugCover).offline(w, cpu)
    cpu.hotplug = Hotplug.DRAINED


@step("{cpu} leaves cpu_online_mask", source=DYING, disturbance="hotplug")
def leave_online_mask(w: World, cpu: Cpu) -> None:
    when(cpu.hotplug == Hotplug.DRAINED)
    when(not any(cpu in task.targets for task in w.all(Task)))
    w.use(HotplugCover).dying(w, cpu)
    cpu.hotplug = Hotplug.LEAVING


@step("{cpu} executes the WBINVD of play_dead", source=(DEATH, PLAY_DEAD), disturbance="hotplug")
def play_dead(w: World, cpu: Cpu) -> None:
    when(cpu.hotplug == Hotplug.LEAVING)
    write_back_all(w, cpu, True)
    cpu.hotplug = Hotplug.OFFLINE


@step("{cpu} comes online again", source=DYING, disturbance="hotplug")
def come_online(w: World, cpu: Cpu) -> None:
    when(cpu.hotplug == Hotplug.OFFLINE)
    cpu.hotplug = Hotplug.ONLINE
