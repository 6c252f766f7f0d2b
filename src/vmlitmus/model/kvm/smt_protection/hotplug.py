"""A cpu that was offline when kvm_amd was loaded comes online.

sev_hardware_setup() of the RFC writes IDLE_WAKEUP_ICR on the cpus that are online then, once; a cpu
that comes later has none unless the mechanism has a hotplug callback.
Source: the RFC of 2025-08-07.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.world.smt_protection import Activity, Cpu

ONLINE = KernelFile("kernel/cpu.c", "cpuhp_online_idle()", "6.16")


@step("{cpu} comes online", source=ONLINE, disturbance="hotplug")
def come_online(w: World, cpu: Cpu) -> None:
    when(cpu.activity == Activity.OFFLINE)
    w.use(SmtMechanism).online(w, cpu)
    cpu.activity = Activity.IDLE_LOOP
    cpu.need_resched = True
