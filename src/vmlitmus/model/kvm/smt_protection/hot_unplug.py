"""remove_cpu() of the siblings before VMRUN and add_cpu() after #VMEXIT.

remove_cpu() takes device_hotplug_lock, a mutex, and waits for the hotplug task of the cpu that
goes: it sleeps. svm_vcpu_enter_exit() has IRQs and preemption off. The second class makes the same
calls where sleeping is allowed. Bound tasks of an offline cpu wait here until it is back; the
kernel would move them to other cores, which are not modelled. Pending interrupts of the cpu move
away with it.
Source: the cover letter of 2025-08-07; remove_cpu() in drivers/base, cpu_down() in kernel/cpu.c.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World, when
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.world.smt_protection import Activity, Cpu, Host, Vcpu


def can_die(w: World, cpu: Cpu) -> bool:
    """Say whether a cpu is where stop_machine can take it: not in guest mode, IRQs on."""
    return not cpu.irqs_off and cpu.activity in (
        Activity.IDLE_LOOP,
        Activity.USER,
        Activity.KTHREAD,
        Activity.KERNEL,
        Activity.POLL,
        Activity.HLT,
        Activity.C2,
        Activity.MWAIT,
        Activity.OFFLINE,
    )


def in_run_loop(w: World, cpu: Cpu) -> bool:
    """Say whether a vcpu task that does not sleep is in the middle of its run loop on the cpu."""
    return any(v.cpu is cpu and not v.idle and not v.task.sleeping for v in w.all(Vcpu))


def has_cpu(vcpu: Vcpu) -> bool:
    """Say whether the vcpu's task has its cpu, which another vcpu may have taken offline."""
    return vcpu.cpu.curr is vcpu.task


def remove_siblings(w: World, vcpu: Vcpu) -> Sections:
    """remove_cpu() for every sibling."""
    vcpu.task.sleeping = True
    yield "{vcpu} calls remove_cpu() and waits for device_hotplug_lock"
    when(not w.the(Host).unplugging and has_cpu(vcpu))
    w.the(Host).unplugging = True
    yield "{vcpu} holds device_hotplug_lock and waits for the siblings to die"
    when(
        all(
            o is vcpu.cpu
            or o.core is not vcpu.cpu.core
            or (can_die(w, o) and not in_run_loop(w, o))
            for o in w.all(Cpu)
        )
    )
    for cpu in w.all(Cpu):
        if cpu is not vcpu.cpu and cpu.core is vcpu.cpu.core:
            cpu.activity = Activity.OFFLINE
            cpu.curr = None
            cpu.irq = False
            cpu.nmi = False
            cpu.softirq = False
    w.the(Host).unplugging = False
    vcpu.task.sleeping = False
    yield "{vcpu} sees its siblings offline"


def add_siblings(w: World, vcpu: Vcpu) -> Sections:
    """add_cpu() for every sibling."""
    vcpu.task.sleeping = True
    yield "{vcpu} calls add_cpu() and waits for device_hotplug_lock"
    when(not w.the(Host).unplugging and has_cpu(vcpu))
    for cpu in w.all(Cpu):
        if cpu.activity == Activity.OFFLINE and cpu is not vcpu.cpu and cpu.core is vcpu.cpu.core:
            cpu.activity = Activity.IDLE_LOOP
            cpu.need_resched = True
    vcpu.task.sleeping = False
    yield "{vcpu} sees its siblings online"


class HotUnplug(SmtMechanism):
    """As attempted: around VMRUN, with IRQs off."""

    def before_vmrun(self, w: World, vcpu: Vcpu) -> Sections:
        yield from remove_siblings(w, vcpu)

    def after_vmexit(self, w: World, vcpu: Vcpu) -> Sections:
        yield from add_siblings(w, vcpu)


class HotUnplugOutside(SmtMechanism):
    """The same calls before IRQs are turned off, and after they are on again."""

    def prepare(self, w: World, vcpu: Vcpu) -> Sections:
        yield from remove_siblings(w, vcpu)

    def put(self, w: World, vcpu: Vcpu) -> Sections:
        yield from add_siblings(w, vcpu)
