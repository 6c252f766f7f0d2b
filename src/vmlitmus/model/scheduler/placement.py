"""Which cpu runs whom: affinity, core scheduling, and who else may be on the core.

A task runs on an online cpu that its affinity allows and that runs nobody else. Where a cookie is
involved, the tasks of one core that run at the same time have equal cookies: the core-wide pick.
When no cpu that its affinity allows is left, select_fallback_rq() widens the affinity, drops what
the user had asked for, and so does not narrow it again when the cpu comes back.

sched_cpu_deactivate() clears cpu_active first and updates the cpusets last. Tasks of a child cpuset
are then given the cpuset's mask, and what the user asked for is kept: so a vcpu that sleeps until
then is pinned again when its cpu is back. One that runs, or wakes up in between, meets
select_fallback_rq() first. Tasks of the root cpuset are left alone.

Not modelled: that in version 2 a cpuset with cpus of its own gives those before all others, as long
as one of them is active (cpuset_cpus_allowed_fallback()); the time between a cpu that becomes
active and the update of the cpusets, the time between a change of cookie and the next pick,
priorities.
Source: is_cpu_allowed(), select_fallback_rq(), sched_cpu_deactivate(), __set_cpus_allowed_ptr() and
pick_next_task() in kernel/sched/core.c, hotplug_update_tasks() in kernel/cgroup/cpuset.c.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, KernelFile, World, step, when
from vmlitmus.model.guest.smt_policy import GuestPolicy
from vmlitmus.world.smt_topology import Core, Cpu, Host, Layout, Task, TaskKind, Vcpu, Vm

SCHEDULE = KernelFile("kernel/sched/core.c", "pick_next_task()", "7.2.8")
FALLBACK = KernelFile("kernel/sched/core.c", "select_fallback_rq()", "7.2.8")
CPUSETS = KernelFile("kernel/cgroup/cpuset.c", "hotplug_update_tasks()", "7.2.8")
INTERRUPT = KernelFile("kernel/softirq.c", "irq_exit_rcu()", "7.2.8")
VHOST_COOKIE = Assumption(
    "vmm-threads-untagged",
    "the VMM tags its vcpu threads one by one, so its emulator thread and the vhost workers have "
    "no cookie; otherwise they share that of the first guest core",
    settled_by="the VMM that is asked about: a thread has the cookie of the one that creates it "
    "(sched_core_fork(), vhost_task_create())",
)


def guest_core(vcpu: Vcpu) -> int:
    """The core that the vcpu belongs to in the topology which its guest sees."""
    return vcpu.number // 2 if vcpu.vm.threads == 2 else vcpu.number


def pinned(vcpu: Vcpu, cpu: Cpu) -> bool:
    """Say whether the VMM's layout puts the vcpu on the cpu."""
    if vcpu.vm.layout == Layout.FOUND:
        return cpu in vcpu.allowed
    if vcpu.vm.layout == Layout.SAME_CORE:
        return cpu.core.number == 0 and cpu.thread == vcpu.number
    if vcpu.vm.layout == Layout.OWN_CORES:
        return cpu.core.number == vcpu.number and cpu.thread == vcpu.number % 2
    if vcpu.vm.layout == Layout.FIRST_ONLY:
        return vcpu.number > 0 or (cpu.core.number == 0 and cpu.thread == 0)
    return not vcpu.vm.found or cpu in vcpu.cpuset


def smt_active(w: World, host: Host) -> bool:
    """sched_smt_active(): some core has two active cpus."""
    return any(
        sum(1 for cpu in w.all(Cpu) if cpu.core is core and cpu.active) > 1
        for core in w.all(Core)
        if core.host is host
    )


def idle(w: World, cpu: Cpu) -> bool:
    """Say whether nobody runs on an online cpu."""
    busy = any(vcpu.cpu is cpu and vcpu.running for vcpu in w.all(Vcpu))
    return cpu.active and not busy and not any(task.cpu is cpu for task in w.all(Task))


def vcpu_cookie(vcpu: Vcpu) -> int:
    if vcpu.vm.found:
        return vcpu.cookie if vcpu.vm.cookies else 0
    if not vcpu.vm.cookies:
        return 0
    return 1 if vcpu.vm.one_cookie else guest_core(vcpu) + 1


def task_cookie(w: World, task: Task) -> int:
    """A task of the VMM may share a cookie with the vcpus; nobody else does."""
    if task.found:
        return task.cookie if task.tagged else 0
    of_vmm = task.kind in (TaskKind.EMULATOR, TaskKind.VHOST)
    if of_vmm and w.the(Vm).cookies and not w.assume(VHOST_COOKIE):
        return 1
    return 0


def picked(w: World, cpu: Cpu, cookie: int) -> bool:
    """Say whether the core-wide pick lets a task with this cookie run beside the others."""
    vcpus = all(
        vcpu_cookie(vcpu) == cookie
        for vcpu in w.all(Vcpu)
        if vcpu.running and vcpu.cpu is not None and vcpu.cpu.core is cpu.core
    )
    return vcpus and all(
        task_cookie(w, task) == cookie
        for task in w.all(Task)
        if task.cpu is not None and task.cpu.core is cpu.core
    )


@step("{vcpu} enters the guest on {cpu}", source=SCHEDULE)
def schedule_vcpu(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    vm = vcpu.vm
    when(vm.booted and not vm.dead and not vm.paused and not vcpu.running and not vcpu.parked)
    when(cpu.core.host is vm.host and not vm.host.frozen)
    when(vcpu.loose or vcpu.widened or pinned(vcpu, cpu) or vm.kernel_liar)
    when(idle(w, cpu) and not cpu.interrupted)
    when(picked(w, cpu, vcpu_cookie(vcpu)) or vm.kernel_liar)
    when(w.use(GuestPolicy).runs(w, vcpu))
    vcpu.cpu = cpu
    vcpu.running = True


@step("{vcpu} leaves the guest and is scheduled out", source=SCHEDULE)
def unschedule_vcpu(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running)
    vcpu.running = False


@step(
    "{vcpu} has no allowed cpu left, and select_fallback_rq() breaks its affinity", source=FALLBACK
)
def break_affinity(w: World, vcpu: Vcpu) -> None:
    when(vcpu.vm.booted and not vcpu.running and not vcpu.loose and not vcpu.widened)
    when(vcpu.vm.host.idle or not vcpu.vm.sleeps)
    when(not has_cpu(w, vcpu))
    vcpu.loose = True


def has_cpu(w: World, vcpu: Vcpu) -> bool:
    """Say whether a cpu to which the user has pinned the vcpu is active."""
    return any(cpu.active and allowed_at(vcpu, cpu) for cpu in w.all(Cpu))


def update_cpusets(w: World) -> None:
    """cpuset_handle_hotplug(): child cpusets only; who is loose has nothing to go back to."""
    for vcpu in w.all(Vcpu):
        if vcpu.vm.child_cpuset and not vcpu.loose:
            vcpu.widened = not has_cpu(w, vcpu)
            if vcpu.running and vcpu.cpu is not None and not vcpu.widened:
                vcpu.running = pinned(vcpu, vcpu.cpu)


def allowed_at(vcpu: Vcpu, cpu: Cpu) -> bool:
    return cpu.core.host is vcpu.vm.host and pinned(vcpu, cpu)


def task_allowed(task: Task, cpu: Cpu) -> bool:
    """Say whether a task may run on a cpu; one that was not found on a host may on all."""
    if not task.found or task.loose:
        return True
    return cpu in task.cpuset if task.repinned else cpu in task.allowed


def place(w: World, task: Task, cpu: Cpu, kind: TaskKind) -> None:
    """A host task starts to run on an idle cpu of the VM's host."""
    when(task.kind == kind and task.cpu is None and task.exists and task_allowed(task, cpu))
    when(cpu.core.host is w.the(Vm).host and not cpu.core.host.frozen)
    when(idle(w, cpu) and not cpu.interrupted and picked(w, cpu, task_cookie(w, task)))
    task.cpu = cpu


@step("a vcpu of another VM ({task}) runs on {cpu}", source=SCHEDULE, disturbance="other-vm")
def run_other_vm(w: World, task: Task, cpu: Cpu) -> None:
    place(w, task, cpu, TaskKind.OTHER_VM)


@step("a host task ({task}) runs on {cpu}", source=SCHEDULE, disturbance="host-task")
def run_host_task(w: World, task: Task, cpu: Cpu) -> None:
    place(w, task, cpu, TaskKind.HOST)


@step("QEMU's emulator thread ({task}) runs on {cpu}", source=SCHEDULE, disturbance="emulator")
def run_emulator(w: World, task: Task, cpu: Cpu) -> None:
    place(w, task, cpu, TaskKind.EMULATOR)


@step("a vhost worker ({task}) runs on {cpu}", source=SCHEDULE, disturbance="vhost")
def run_vhost(w: World, task: Task, cpu: Cpu) -> None:
    place(w, task, cpu, TaskKind.VHOST)


@step("{task} is scheduled out", source=SCHEDULE)
def unschedule_task(w: World, task: Task) -> None:
    when(task.cpu is not None)
    task.cpu = None


@step("{cpu} takes an interrupt while idle", source=INTERRUPT, disturbance="interrupt")
def interrupt(w: World, cpu: Cpu) -> None:
    when(cpu.core.host is w.the(Vm).host and idle(w, cpu) and not cpu.interrupted)
    cpu.interrupted = True


@step("{cpu} returns from the interrupt", source=INTERRUPT, disturbance="interrupt")
def return_from_interrupt(w: World, cpu: Cpu) -> None:
    when(cpu.interrupted)
    cpu.interrupted = False
