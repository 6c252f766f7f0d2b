"""smt/control and cpu hotplug: which hardware threads are online.

smt/control off and forceoff take the secondary threads down one by one and store the new state
last; on stores it first and then brings them up. forceoff and notsupported refuse every later
write. A secondary thread can be brought up by hand only where control is on or says nothing. Coming
out of hibernation, the kernel brings all siblings up and down again, forceoff or not, while user
space is frozen.

Not modelled: failing hotplug, more than two threads a core.
Source: cpuhp_smt_disable(), cpuhp_smt_enable(), cpu_bootable(), __store_smt_control() in
kernel/cpu.c; arch_resume_nosmt() in arch/x86/power/hibernate.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.smt_topology.event import Bans, note_change, permitted
from vmlitmus.model.kvm.smt_topology.hint import Hint
from vmlitmus.world.smt_topology import Cpu, Host, SmtControl, Task, Vcpu, Vm

DISABLE = KernelFile("kernel/cpu.c", "cpuhp_smt_disable()", "7.2.8")
ENABLE = KernelFile("kernel/cpu.c", "cpuhp_smt_enable()", "7.2.8")
BOOTABLE = KernelFile("kernel/cpu.c", "cpu_bootable()", "7.2.8")
HIBERNATE = KernelFile("arch/x86/power/hibernate.c", "arch_resume_nosmt()", "7.2.8")
NOSMT_HIBERNATE = KernelCommit(
    "ec527c318036", "x86/power: Fix 'nosmt' vs hibernation triple fault during resume"
)


def take_down(w: World, cpu: Cpu) -> None:
    """A cpu goes offline; whoever ran there has to run elsewhere."""
    cpu.online = False
    cpu.interrupted = False
    for vcpu in w.all(Vcpu):
        if vcpu.cpu is cpu:
            vcpu.running = False
            vcpu.cpu = None
    for task in w.all(Task):
        if task.cpu is cpu:
            task.cpu = None


def writable(host: Host) -> bool:
    """Say whether smt/control takes a write."""
    return host.idle and host.smt in (SmtControl.ON, SmtControl.OFF)


def concerns(w: World, host: Host) -> bool:
    """Say whether the VM is on the host, or about to come."""
    return any(vm.host is host or not vm.idle for vm in w.all(Vm))


@sequence(source=DISABLE, disturbance="smt-control")
def smt_disable(w: World, host: Host, control: SmtControl) -> Sections:
    when(control in (SmtControl.OFF, SmtControl.FORCEOFF) and control != host.smt)
    when(writable(host) and concerns(w, host))
    permitted(w, w.use(Bans).smt_control(w))
    note_change(w)
    if not w.part("store smt/control last"):
        host.smt = control
    yield "{host}: root writes {control} to smt/control"
    for cpu in w.all(Cpu):
        if cpu.core.host is host and cpu.thread > 0 and cpu.online:
            take_down(w, cpu)
            note_change(w)
            yield "{host}: cpuhp_smt_disable() takes {cpu} down"
    host.smt = control
    yield "{host}: cpuhp_smt_disable() stores {control} in cpu_smt_control"


@sequence("{host}: cpuhp_smt_enable() returns", source=ENABLE, disturbance="smt-control")
def smt_enable(w: World, host: Host) -> Sections:
    when(host.smt == SmtControl.OFF and writable(host) and concerns(w, host))
    permitted(w, w.use(Bans).smt_control(w))
    host.smt = SmtControl.ON
    note_change(w)
    yield "{host}: root writes on to smt/control, stored at once"
    for cpu in w.all(Cpu):
        if cpu.core.host is host and cpu.present and not cpu.online:
            cpu.online = w.use(Hint).lets_smt_on(w, host)
            note_change(w)
            yield "{host}: cpuhp_smt_enable() brings {cpu} up if kvm_online_cpu() lets it"


@step("{cpu}: root takes it offline", source=DISABLE, disturbance="hotplug")
def cpu_down(w: World, cpu: Cpu) -> None:
    host = cpu.core.host
    when(cpu.online and host.idle and concerns(w, host))
    when(any(other.online and other.core.host is host for other in w.all(Cpu) if other is not cpu))
    permitted(w, w.use(Bans).hotplug(w))
    take_down(w, cpu)
    note_change(w)


@step("{cpu}: root brings it online", source=BOOTABLE, disturbance="hotplug")
def cpu_up(w: World, cpu: Cpu) -> None:
    host = cpu.core.host
    when(cpu.present and not cpu.online and host.idle and concerns(w, host))
    when(cpu.thread == 0 or host.smt not in (SmtControl.OFF, SmtControl.FORCEOFF))
    when(w.use(Hint).lets_smt_on(w, host))
    permitted(w, w.use(Bans).hotplug(w))
    cpu.online = True
    note_change(w)


@sequence(source=(HIBERNATE, NOSMT_HIBERNATE), disturbance="hibernation")
def resume_from_hibernation(w: World, host: Host) -> Sections:
    when(host.smt in (SmtControl.OFF, SmtControl.FORCEOFF))
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
    for cpu in w.all(Cpu):
        if cpu.core.host is host and cpu.present:
            cpu.online = True
    yield "{host}: arch_resume_nosmt() brings all siblings up"
    for cpu in w.all(Cpu):
        if cpu.core.host is host and cpu.thread > 0 and cpu.online:
            take_down(w, cpu)
    yield "{host}: arch_resume_nosmt() takes all siblings down again"
    host.frozen = False
    yield "{host} thaws user space"
