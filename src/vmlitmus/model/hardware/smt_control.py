"""smt/control and cpu hotplug: which hardware threads are online.

A write tests two refusals, forceoff and notsupported, and only then takes the lock of cpu hotplug
(a failed trylock starts the write anew). So a write of "on" that is past them and preempted while
another writes forceoff stores "on" all the same. One writer at a time is disturbance "smt-control",
the preempted one is "second-writer"; [[host]] retests tests the refusals again under the lock.

A write compares the number of threads that it asks for with cpu_smt_num_threads, and stores it
there first of all, also if it then fails. So off does nothing, and reports success, once an off has
failed, or after a rescan that failed half way. forceoff is compared with the state as well. In
6.1.176, which has no such number, every write is; with [[host]] compares, off is too.

off and forceoff take the secondary threads down one by one and store the new state last; on stores
it first and then brings them up: those whose primary thread is online, in 6.12 every cpu that is
there. A cpu is in cpu_online_mask before kvm_online_cpu() may refuse it,
and in cpu_active_mask, where tasks may run on it, only after that. A secondary thread can be
brought up by hand only where control is on or says nothing, or once if it has never been booted.
Coming out of hibernation, and when the processor driver is loaded, the kernel brings all siblings
up and down again, forceoff or not: in the first case while user space is frozen, in the second not.
If that fails half way, control stays "on". What it stores in the end it has read at the beginning,
without the lock of smt/control: so it undoes a forceoff that is written in between. And while the
siblings are up control says "on": so a write of "on" passes the refusals, and stores "on" after the
driver has stored forceoff again. With [[host]] rescan_locks the driver holds that lock throughout.

Not modelled: more than two threads a core. Source: __store_smt_control(), cpuhp_smt_disable(),
cpuhp_smt_enable(), cpu_bootable() in kernel/cpu.c; arch_cpu_rescan_dead_smt_siblings() in
arch/x86/kernel/smp.c; arch_resume_nosmt() in arch/x86/power/hibernate.c.
"""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import KernelCommit, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.smt_topology.event import Bans, note_change, permitted
from vmlitmus.model.kvm.smt_topology.hint import Hint
from vmlitmus.model.scheduler.placement import CPUSETS, update_cpusets
from vmlitmus.world.smt_topology import Cpu, Host, SmtControl, Task, Vcpu, Vm

STORE = KernelFile("kernel/cpu.c", "__store_smt_control()", "7.2.8")
DISABLE = KernelFile("kernel/cpu.c", "cpuhp_smt_disable()", "7.2.8")
ENABLE = KernelFile("kernel/cpu.c", "cpuhp_smt_enable()", "7.2.8")
BOOTABLE = KernelFile("kernel/cpu.c", "cpu_bootable()", "7.2.8")
RESCAN = KernelFile("arch/x86/kernel/smp.c", "arch_cpu_rescan_dead_smt_siblings()", "7.2.8")
DRIVER = KernelFile("drivers/acpi/processor_driver.c", "acpi_processor_driver_init()", "7.2.8")
HIBERNATE = KernelFile("arch/x86/power/hibernate.c", "arch_resume_nosmt()", "7.2.8")
NOSMT_HIBERNATE = KernelCommit(
    "ec527c318036", "x86/power: Fix 'nosmt' vs hibernation triple fault during resume"
)


class Bringup(Enum):
    """What comes of bringing siblings up."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"


def move_tasks_away(w: World, cpu: Cpu) -> None:
    """A cpu is no longer active; whoever ran there has to run elsewhere."""
    cpu.inactive = True
    cpu.interrupted = False
    for vcpu in w.all(Vcpu):
        if vcpu.cpu is cpu:
            vcpu.running = False
            vcpu.cpu = None
    for task in w.all(Task):
        if task.cpu is cpu:
            task.cpu = None


def leave_online_mask(w: World, cpu: Cpu) -> None:
    """The cpusets are updated; then the cpu goes, under stop_machine."""
    update_cpusets(w)
    cpu.online = False
    cpu.inactive = False
    note_change(w)


def take_down(w: World, cpu: Cpu) -> None:
    """A cpu has gone offline."""
    move_tasks_away(w, cpu)
    cpu.online = False
    cpu.inactive = False


def enter_online_mask(w: World, cpu: Cpu) -> None:
    """start_secondary() sets the bit; nobody has been asked yet."""
    cpu.online = True
    cpu.inactive = True
    cpu.booted_once = True
    note_change(w)


def core_is_online(w: World, host: Host, cpu: Cpu) -> bool:
    """topology_is_core_online(): of x86 since 7.1; in 6.12 it is true of every cpu."""
    if not host.by_core:
        return True
    return any(o.core is cpu.core and o.thread == 0 and o.online for o in w.all(Cpu))


def bring_siblings_up(w: World, host: Host) -> Sections:
    """cpuhp_smt_enable(), after it has stored the state."""
    for cpu in w.all(Cpu):
        here = cpu.core.host is host and cpu.present and not cpu.online
        if here and core_is_online(w, host, cpu):
            enter_online_mask(w, cpu)
            yield "{host}: {cpu} is in cpu_online_mask and not yet active"
            cpu.online = w.use(Hint).lets_smt_on(w, host)
            cpu.inactive = False
            update_cpusets(w)
            note_change(w)
            yield "{host}: {cpu} is online unless kvm_online_cpu() refuses"


def take_siblings_down(w: World, host: Host) -> Sections:
    """cpuhp_smt_disable(), before it stores the state."""
    for cpu in w.all(Cpu):
        if cpu.core.host is host and cpu.thread > 0 and cpu.online:
            move_tasks_away(w, cpu)
            note_change(w)
            yield "{host}: {cpu} is not active any more"
            leave_online_mask(w, cpu)
            yield "{host}: cpuhp_smt_disable() has taken {cpu} down"


def note_answer(host: Host, off: bool) -> None:
    """History: what the last write to smt/control was told, where writes may fail."""
    if host.takedown_fails or host.bringup_fails:
        host.said_off = off


def does_nothing(host: Host, control: SmtControl) -> bool:
    """Say whether __store_smt_control() finds the number of threads as it is to be."""
    return control == SmtControl.OFF and host.one_thread and not host.compares


def unlocked(host: Host) -> bool:
    """Say whether nobody holds the lock of smt/control, nor brings cpus up or down."""
    return host.idle and (host.rescans == SmtControl.ON or not host.rescan_locks)


def writable(host: Host) -> bool:
    """Say whether smt/control takes a write."""
    return unlocked(host) and host.smt in (SmtControl.ON, SmtControl.OFF)


def concerns(w: World, host: Host) -> bool:
    """Say whether the VM is on the host, or about to come."""
    return any(vm.host is host or not vm.idle for vm in w.all(Vm))


@sequence(source=(STORE, DISABLE), disturbance="smt-control")
def smt_disable(w: World, host: Host, control: SmtControl) -> Sections:
    when(control in (SmtControl.OFF, SmtControl.FORCEOFF) and control != host.smt)
    when(writable(host) and concerns(w, host) and not does_nothing(host, control))
    permitted(w, w.use(Bans).smt_control(w))
    host.one_thread = True
    note_change(w)
    if not w.part("store smt/control last"):
        host.smt = control
    yield "{host}: root writes {control} to smt/control"
    yield from take_siblings_down(w, host)
    host.smt = control
    note_answer(host, off=True)
    yield "{host}: cpuhp_smt_disable() stores {control} in cpu_smt_control"


@step(
    "{host}: root writes {control} to smt/control, which fails because a cpu does not go down",
    source=(STORE, DISABLE),
    disturbance="smt-control",
)
def smt_disable_fails(w: World, host: Host, control: SmtControl) -> None:
    when(control in (SmtControl.OFF, SmtControl.FORCEOFF) and host.takedown_fails)
    when(host.smt == SmtControl.ON and writable(host) and concerns(w, host))
    permitted(w, w.use(Bans).smt_control(w) and not does_nothing(host, control))
    host.one_thread = True
    note_answer(host, off=False)


@step(
    "{host}: root writes off to smt/control, which has one thread already and reports success",
    source=STORE,
    disturbance="smt-control",
)
def smt_disable_does_nothing(w: World, host: Host) -> None:
    when(host.smt == SmtControl.ON and does_nothing(host, SmtControl.OFF))
    when(writable(host) and concerns(w, host))
    permitted(w, w.use(Bans).smt_control(w))
    note_answer(host, off=True)


@sequence("{host}: cpuhp_smt_enable() returns", source=(STORE, ENABLE), disturbance="smt-control")
def smt_enable(w: World, host: Host) -> Sections:
    when(host.one_thread and writable(host) and concerns(w, host))
    permitted(w, w.use(Bans).smt_control(w))
    host.smt = SmtControl.ON
    host.one_thread = False
    note_answer(host, off=False)
    note_change(w)
    yield "{host}: root writes on to smt/control, stored at once"
    yield from bring_siblings_up(w, host)


@step(
    "{host}: root's write of on passes the checks of smt/control and is preempted",
    source=STORE,
    disturbance="second-writer",
)
def pass_refusals(w: World, host: Host) -> None:
    when(host.smt in (SmtControl.ON, SmtControl.OFF) and not host.passed and concerns(w, host))
    permitted(w, w.use(Bans).smt_control(w))
    host.passed = True


@sequence(
    "{host}: cpuhp_smt_enable() returns to the second writer",
    source=(STORE, ENABLE),
    disturbance="second-writer",
)
def store_after_all(w: World, host: Host) -> Sections:
    when(host.passed and unlocked(host) and not any(other.frozen for other in w.all(Host)))
    when(host.one_thread and (writable(host) or not host.retests))
    when(host.smt in (SmtControl.ON, SmtControl.OFF, SmtControl.FORCEOFF))
    host.passed = False
    host.smt = SmtControl.ON
    host.one_thread = False
    note_answer(host, off=False)
    note_change(w)
    yield "{host}: the write of on that was preempted takes the lock and stores on"
    yield from bring_siblings_up(w, host)


@sequence(source=(DISABLE, CPUSETS), disturbance="hotplug")
def cpu_down(w: World, host: Host, cpu: Cpu) -> Sections:
    when(cpu.online and cpu.core.host is host and host.idle and concerns(w, host))
    when(any(other.online and other.core.host is host for other in w.all(Cpu) if other is not cpu))
    permitted(w, w.use(Bans).hotplug(w))
    move_tasks_away(w, cpu)
    note_change(w)
    yield "{host}: root takes {cpu} offline: it is not active any more"
    leave_online_mask(w, cpu)
    yield "{host}: {cpu} is offline"


def bootable(host: Host, cpu: Cpu) -> bool:
    """cpu_bootable() of a cpu that has been booted before."""
    return cpu.thread == 0 or host.smt not in (SmtControl.OFF, SmtControl.FORCEOFF)


@sequence(source=BOOTABLE, disturbance="hotplug")
def cpu_up(w: World, host: Host, cpu: Cpu) -> Sections:
    when(cpu.core.host is host and cpu.present and not cpu.online)
    when(host.idle and concerns(w, host) and (bootable(host, cpu) or not cpu.booted_once))
    permitted(w, w.use(Bans).hotplug(w))
    enter_online_mask(w, cpu)
    yield "{host}: root brings {cpu} online: it is in cpu_online_mask and not yet active"
    cpu.online = bootable(host, cpu) and w.use(Hint).lets_smt_on(w, host)
    cpu.inactive = False
    update_cpusets(w)
    note_change(w)
    yield "{host}: {cpu} is online if it is bootable and kvm_online_cpu() does not refuse"


@step("{cpu} is plugged into the machine", source=BOOTABLE, disturbance="cpu-plug")
def plug_in(w: World, cpu: Cpu) -> None:
    when(not cpu.present and not cpu.booted_once)
    cpu.present = True
    note_change(w)


def rescan(w: World, host: Host, bringup: Bringup, control: SmtControl) -> Sections:
    """arch_cpu_rescan_dead_smt_siblings(): up, and down again unless that has failed."""
    host.smt = SmtControl.ON
    note_answer(host, off=False)
    yield "{host}: arch_cpu_rescan_dead_smt_siblings() stores on"
    yield from bring_siblings_up(w, host)
    if bringup == Bringup.SUCCEEDS:
        yield from take_siblings_down(w, host)
        host.smt = control
        yield "{host}: arch_cpu_rescan_dead_smt_siblings() stores {control} again"


def rescans(w: World, host: Host, bringup: Bringup, control: SmtControl) -> bool:
    """Say whether siblings are down, and this may come of bringing them up."""
    down = control == host.smt and host.smt in (SmtControl.OFF, SmtControl.FORCEOFF)
    return down and (bringup == Bringup.SUCCEEDS or host.bringup_fails)


@sequence(source=(HIBERNATE, RESCAN, NOSMT_HIBERNATE), disturbance="hibernation")
def resume_from_hibernation(
    w: World, host: Host, bringup: Bringup, control: SmtControl
) -> Sections:
    when(rescans(w, host, bringup, control))
    when(any(vm.host is host and vm.booted and vm.idle for vm in w.all(Vm)))
    permitted(w, w.use(Bans).hibernate(w))
    note_change(w)
    if w.part("freeze user space"):
        host.frozen = True
        for vcpu in w.all(Vcpu):
            vcpu.running = False
        for task in w.all(Task):
            task.cpu = None
    yield "{host} is hibernated, with user space frozen"
    yield from rescan(w, host, bringup, control)
    host.frozen = False
    yield "{host} thaws user space"


@step(
    "{host}: the processor driver, which is loaded, has read {control} from cpu_smt_control",
    source=(DRIVER, RESCAN),
    disturbance="processor-driver",
)
def read_for_rescan(w: World, host: Host, control: SmtControl) -> None:
    when(host.rescans == SmtControl.ON and host.smt == control and concerns(w, host))
    when(control in (SmtControl.OFF, SmtControl.FORCEOFF))
    when(unlocked(host) or not host.rescan_locks)
    permitted(w, w.use(Bans).load_driver(w))
    host.rescans = control


@sequence(
    "{host}: the processor driver is loaded",
    source=(DRIVER, RESCAN),
    disturbance="processor-driver",
)
def load_processor_driver(w: World, host: Host, bringup: Bringup, control: SmtControl) -> Sections:
    when(host.rescans == control and control != SmtControl.ON and host.idle)
    when(bringup == Bringup.SUCCEEDS or host.bringup_fails)
    when(not any(other.frozen for other in w.all(Host)))
    host.rescans = SmtControl.ON
    host.loading = True
    note_change(w)
    yield from rescan(w, host, bringup, control)
    host.loading = False


@step(
    "{host}: root's write of on passes the checks of smt/control while the driver has siblings up",
    source=(STORE, DRIVER, RESCAN),
    disturbance="smt-control",
)
def pass_refusals_while_loading(w: World, host: Host) -> None:
    when(host.loading and host.smt == SmtControl.ON and host.one_thread and not host.waits)
    permitted(w, w.use(Bans).smt_control(w))
    host.waits = True


@sequence(
    "{host}: cpuhp_smt_enable() returns to the writer that has waited for the driver",
    source=(STORE, ENABLE, RESCAN),
    disturbance="smt-control",
)
def store_after_loading(w: World, host: Host) -> Sections:
    when(host.waits and unlocked(host) and not any(other.frozen for other in w.all(Host)))
    when(writable(host) or not (host.retests and host.rescan_locks))
    host.waits = False
    host.smt = SmtControl.ON
    host.one_thread = False
    note_answer(host, off=False)
    note_change(w)
    yield "{host}: the write of on that has waited for the driver stores on"
    yield from bring_siblings_up(w, host)
