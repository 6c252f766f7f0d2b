"""remove_cpu() of the siblings before VMRUN and add_cpu() after #VMEXIT.

Both take device_hotplug_lock, the mutex of the cpu's device and cpu_add_remove_lock, in this order
and under vcpu->mutex, which KVM_RUN holds; then they wait for the hotplug task of the cpu that
goes, or for the cpu that comes: they sleep. svm_vcpu_enter_exit() runs between CLGI and STGI, with
preemption off: a task that sleeps there leaves its cpu without interrupts, since schedule() turns
on IF but not GIF. The reschedule IPI that is to wake the task stays pending then, and the cpu halts
for ever; only an idle loop that polls, or a MWAIT, which the store to need_resched ends, goes on.
The second class makes the same calls where sleeping is allowed. Nobody waits for the second and the
third lock: whoever takes them here has the first, so no order can be wrong.

The hotplug task of a cpu has to run there: the cpu is woken by an IPI, which hardware may hold
beside a protected vcpu, and goes before it picks again.

Since 6.5 cpu0 does not go offline: device_offline() fails with EPERM. Bound tasks of an offline cpu
wait here until it is back; the kernel would move them to other cores, which are not modelled.
Pending interrupts of the cpu move away with it. Not modelled: one call after another for more than
one sibling, cpu_hotplug_lock, EBUSY while hotplug is disabled, stop_machine() on the other cpus,
other tasks on a cpu whose vcpu task sleeps in the VMRUN path.
Source: the cover letter of 2025-08-07, whose log has the four locks; remove_cpu() in kernel/cpu.c,
device_offline() in drivers/base/core.c, svm_vcpu_run(); APM vol. 2, 15.17, on GIF; for cpu0
e59e74dc48a3 ("x86/topology: Remove CPU0 hotplug option").
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World, when
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.model.scheduler.core_scheduling import resched
from vmlitmus.world.smt_protection import Activity, Cpu, Event, Host, IdleState, Vcpu


def can_die(w: World, cpu: Cpu) -> bool:
    """Say whether a cpu is where its hotplug task and the stopper run: awake, IRQs on."""
    return not cpu.irqs_off and cpu.activity in (
        Activity.IDLE_LOOP,
        Activity.USER,
        Activity.KTHREAD,
        Activity.KERNEL,
        Activity.OFFLINE,
    )


def can_wake(w: World, cpu: Cpu) -> bool:
    """Say whether a task that sleeps on a cpu is woken: GIF holds back the IPI, but no store."""
    return not cpu.irqs_off or w.the(Host).idle_state in (IdleState.POLL, IdleState.MWAIT)


def in_run_loop(w: World, cpu: Cpu) -> bool:
    """Say whether a vcpu task that does not sleep is in the middle of its run loop on the cpu."""
    return any(v.cpu is cpu and not v.idle and not v.task.sleeping for v in w.all(Vcpu))


def has_cpu(vcpu: Vcpu) -> bool:
    """Say whether the vcpu's task has its cpu, which another vcpu may have taken offline."""
    return vcpu.cpu.curr is vcpu.task


def wake_hotplug_task(cpu: Cpu) -> None:
    """cpuhp_kick_ap(): the cpu's hotplug task, and then the stopper, run before its other tasks."""
    cpu.dying = True
    resched(cpu)


def die(cpu: Cpu) -> None:
    """takedown_cpu(): the cpu goes to play_dead."""
    cpu.dying = False
    cpu.activity = Activity.OFFLINE
    cpu.curr = None
    cpu.need_resched = False
    cpu.irq = False
    cpu.event = Event.NONE
    cpu.softirq = False


def goes_offline(w: World, vcpu: Vcpu, cpu: Cpu) -> bool:
    """Say whether a cpu is a sibling that remove_cpu() works on; cpu0 is refused with EPERM."""
    sibling = cpu is not vcpu.cpu and cpu.core is vcpu.cpu.core
    return sibling and not (cpu.index == 0 and w.the(Host).boot_cpu)


def lock_hotplug(w: World, vcpu: Vcpu) -> Sections:
    """Take the three locks that remove_cpu() and add_cpu() take."""
    vcpu.task.sleeping = True
    yield "{vcpu} waits for device_hotplug_lock, and holds vcpu->mutex"
    when(not w.the(Host).device_hotplug_lock and has_cpu(vcpu))
    w.the(Host).device_hotplug_lock = True
    yield "{vcpu} holds device_hotplug_lock"
    when(not any(goes_offline(w, vcpu, o) and o.dev_mutex for o in w.all(Cpu)))
    for cpu in w.all(Cpu):
        if goes_offline(w, vcpu, cpu):
            cpu.dev_mutex = True
    yield "{vcpu} holds the mutex of the sibling's device"
    when(not w.the(Host).cpu_add_remove_lock)
    w.the(Host).cpu_add_remove_lock = True


def unlock_hotplug(w: World) -> None:
    """Release them; whoever calls this has device_hotplug_lock, so nobody has the others."""
    w.the(Host).cpu_add_remove_lock = False
    for cpu in w.all(Cpu):
        cpu.dev_mutex = False
    w.the(Host).device_hotplug_lock = False


def remove_siblings(w: World, vcpu: Vcpu) -> Sections:
    """remove_cpu() for every sibling."""
    yield from lock_hotplug(w, vcpu)
    for cpu in w.all(Cpu):
        if goes_offline(w, vcpu, cpu):
            wake_hotplug_task(cpu)
    yield "{vcpu} holds cpu_add_remove_lock and waits for the sibling to die"
    when(can_wake(w, vcpu.cpu))
    when(
        all(
            not goes_offline(w, vcpu, o) or (can_die(w, o) and not in_run_loop(w, o))
            for o in w.all(Cpu)
        )
    )
    for cpu in w.all(Cpu):
        if goes_offline(w, vcpu, cpu):
            die(cpu)
    unlock_hotplug(w)
    vcpu.task.sleeping = False
    yield "{vcpu} sees its siblings offline"


def add_siblings(w: World, vcpu: Vcpu) -> Sections:
    """add_cpu() for every sibling."""
    yield from lock_hotplug(w, vcpu)
    yield "{vcpu} holds cpu_add_remove_lock and waits for the sibling to come"
    when(can_wake(w, vcpu.cpu))
    for cpu in w.all(Cpu):
        if goes_offline(w, vcpu, cpu):
            come_back(cpu)
    unlock_hotplug(w)
    vcpu.task.sleeping = False
    yield "{vcpu} sees its siblings online"


def come_back(cpu: Cpu) -> None:
    """add_cpu() of a cpu, which may be online already."""
    if cpu.activity == Activity.OFFLINE:
        cpu.event = Event.NONE
        cpu.activity = Activity.IDLE_LOOP
        cpu.need_resched = True


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
