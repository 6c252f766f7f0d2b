"""A cpu goes offline and comes back, as far as the detection bit is concerned.

On the way down: the scheduler pushes all tasks away; splitlock_cpu_offline() sets the bit (a
part); the worker pool is unbound; the cpu dies. Works that are pending then run elsewhere: they
release the semaphore but set another cpu's bit. On the way up split_lock_init() sets the bit, the
pool is bound.

Not modelled: failed hotplug. Source: splitlock_cpu_offline(), split_lock_init(); states of
include/linux/cpuhotplug.h.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.hardware.split_lock import set_bit
from vmlitmus.world.split_lock import Cpu, Host, HostMode, Plug, Vcpu, Work

OFFLINE = KernelFile("arch/x86/kernel/cpu/bus_lock.c", "splitlock_cpu_offline()", "7.2.8")
INIT = KernelFile("arch/x86/kernel/cpu/bus_lock.c", "split_lock_init()", "7.2.8")
CALLBACK = "splitlock_cpu_offline()"


def detection_is_on(host: Host) -> bool:
    """Say whether the host detects by #AC: AMD's cpus do not, and of the modes warn and fatal do.

    sld_state_show() registers the callback, and split_lock_init() sets the bit, only then.
    """
    return not host.amd and (host.mode == HostMode.WARN or host.mode == HostMode.FATAL)


def unlocked(w: World) -> bool:
    """cpus_write_lock(): one cpu goes or comes at a time."""
    return all(cpu.idle for cpu in w.all(Cpu))


@sequence(source=OFFLINE, disturbance="hotplug")
def go_offline(w: World, cpu: Cpu) -> Sections:
    when(unlocked(w) and cpu.online and sum(1 for other in w.all(Cpu) if other.online) > 1)
    when(not any(vcpu.cpu is cpu for vcpu in w.all(Vcpu)))
    cpu.plug = Plug.LEAVING
    yield "{cpu} is no longer active: its tasks have been pushed away"
    if detection_is_on(w.the(Host)) and w.part(CALLBACK):
        set_bit(cpu)
        yield "{cpu} executes splitlock_cpu_offline()"
    cpu.bound = False
    yield "the workers of {cpu} are unbound"
    when(not any(work.at is cpu for work in w.all(Work)))
    cpu.plug = Plug.OFFLINE
    yield "{cpu} is dead"


@sequence(source=INIT, disturbance="hotplug")
def come_online(w: World, cpu: Cpu) -> Sections:
    when(unlocked(w) and cpu.plug == Plug.OFFLINE)
    if detection_is_on(w.the(Host)):
        set_bit(cpu)
    cpu.plug = Plug.LEAVING
    yield "{cpu} starts and executes split_lock_init()"
    cpu.bound = True
    for work in w.all(Work):
        if work.at is not None and work.pool is cpu:
            work.at = cpu
    yield "the workers of {cpu} are bound again"
    cpu.plug = Plug.ONLINE
    yield "{cpu} is online again"
