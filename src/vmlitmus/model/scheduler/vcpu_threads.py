"""The scheduler puts vcpu threads on cpus and takes them off again.

It may do so whenever the thread is preemptible: between the sections of split_lock_warn() too.
Until 5.18 the context switch also wrote the detection bit: __switch_to_xtra() compared TIF_SLD of
the two threads. A switch from one thread to the next is modelled as one to idle and one from
idle.

Not modelled: load, priorities. Source: __switch_to_xtra() in arch/x86/kernel/process.c (Linux
5.7).
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.hardware.split_lock import clear_bit, set_bit
from vmlitmus.model.kvm.split_lock.versions import MISERY
from vmlitmus.world.split_lock import Cpu, Vcpu

SWITCH_TO = KernelFile("arch/x86/kernel/process.c", "__switch_to_xtra()", "5.7, not read")


def switch_in(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """The thread gets the cpu, if nobody else has it."""
    when(vcpu.cpu is None and cpu.online)
    when(not any(other.cpu is cpu for other in w.all(Vcpu)))
    vcpu.cpu = cpu
    if vcpu.tif_sld and not w.part(MISERY.part):
        clear_bit(cpu, vcpu.vm)


@step("the thread of {vcpu} is scheduled on {cpu}", source=SWITCH_TO, disturbance="preemption")
def schedule_home(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(cpu is vcpu.home)
    switch_in(w, vcpu, cpu)


@step("the thread of {vcpu} is migrated to {cpu}", source=SWITCH_TO, disturbance="migration")
def schedule_elsewhere(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(cpu is not vcpu.home)
    switch_in(w, vcpu, cpu)


@step("the thread of {vcpu} is preempted on {cpu}", source=SWITCH_TO, disturbance="preemption")
def preempt(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(vcpu.cpu is cpu and not vcpu.in_guest and not vcpu.preempt_off)
    vcpu.cpu = None
    if vcpu.tif_sld and not w.part(MISERY.part):
        set_bit(cpu)
