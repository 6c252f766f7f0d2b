"""What may happen to tasks of a host as an audit found it, beyond what happens to any VM.

Affinities end like those of vcpus: sched_setaffinity() moves a task within its cpuset, a change of
the cpuset or the last allowed cpu going offline takes it anywhere. A VM may be started that is not
there yet, and a vcpu plugged.

Not modelled: kernel threads bound to a cpu, which run beside everybody.
Source: sched_setaffinity() in kernel/sched/syscalls.c, select_fallback_rq() in kernel/sched/core.c,
cpuset_write_resmask() in kernel/cgroup/cpuset.c.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, KernelFile, World, step, when
from vmlitmus.model.kvm.smt_topology.event import Banned, Bans, note_change, permitted
from vmlitmus.model.scheduler.placement import FALLBACK, smt_active, task_allowed
from vmlitmus.model.vmm.replacement import AFFINITY
from vmlitmus.model.vmm.start import COOKIE
from vmlitmus.world.smt_topology import Cpu, Task, TaskKind, Vcpu, Vm

CPUSET = KernelFile("kernel/cgroup/cpuset.c", "cpuset_write_resmask()", "7.2.8")
UNPINNED = Assumption(
    "started-later-unpinned",
    "a VM that is started later has no cookie and may run on every cpu outside of partitions",
)


class BannedHere(Banned):
    """Everything is forbidden that may happen to a host as it was found, one part each."""

    def cpuset(self, w: World) -> bool:
        return not w.part("forbid cpuset changes")

    def start_vm(self, w: World) -> bool:
        return not w.part("forbid another VM")

    def plug(self, w: World) -> bool:
        return not w.part("forbid vcpu hotplug")


@step(
    "root changes the affinity of {task} within its cpuset",
    source=AFFINITY,
    disturbance="repinning",
)
def repin_task(w: World, task: Task) -> None:
    when(task.found and not task.repinned)
    permitted(w, w.use(Bans).repin(w))
    task.repinned = True
    note_change(w)


@step("root changes cpuset.cpus of {vcpu}'s cgroup", source=CPUSET, disturbance="cpuset")
def change_cpuset(w: World, vcpu: Vcpu) -> None:
    when(vcpu.vm.booted and not vcpu.loose)
    permitted(w, w.use(Bans).cpuset(w))
    vcpu.loose = True
    note_change(w)


@step("root changes cpuset.cpus of {task}'s cgroup", source=CPUSET, disturbance="cpuset")
def change_cpuset_of_task(w: World, task: Task) -> None:
    when(task.found and not task.loose)
    permitted(w, w.use(Bans).cpuset(w))
    task.loose = True
    note_change(w)


@step(
    "{task} has no allowed cpu left, and select_fallback_rq() breaks its affinity", source=FALLBACK
)
def break_affinity_of_task(w: World, task: Task) -> None:
    when(task.found and not task.loose and task.exists and task.cpu is None)
    host = w.the(Vm).host
    when(
        not any(
            cpu.online and cpu.core.host is host and task_allowed(task, cpu) for cpu in w.all(Cpu)
        )
    )
    task.loose = True


@step("root takes {task}'s cookie away", source=COOKIE, disturbance="cookies")
def untag_task(w: World, task: Task) -> None:
    when(task.found and task.cookie > 0 and task.tagged and smt_active(w, w.the(Vm).host))
    permitted(w, w.use(Bans).cookies(w))
    task.tagged = False
    note_change(w)


@step(
    "another VM ({task}) is started",
    source=(AFFINITY, UNPINNED),
    disturbance="another-vm",
)
def start_another_vm(w: World, task: Task) -> None:
    when(task.kind == TaskKind.OTHER_VM and not task.exists and bool(w.assume(UNPINNED)))
    permitted(w, w.use(Bans).start_vm(w))
    task.exists = True
    note_change(w)


@step("{vcpu} is plugged", source=AFFINITY, disturbance="vcpu-hotplug")
def plug_vcpu(w: World, vcpu: Vcpu) -> None:
    when(vcpu.vm.booted and vcpu.parked)
    permitted(w, w.use(Bans).plug(w))
    vcpu.parked = False
    note_change(w)
