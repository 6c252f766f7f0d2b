"""Who runs beside a vcpu, on another cpu of its core, at the same time."""

from __future__ import annotations

from vmlitmus.claims.smt_topology.facts import THREAD, on_one_core
from vmlitmus.claims.smt_topology.hints import beside_a_vcpu
from vmlitmus.lang import World, condition
from vmlitmus.world.smt_topology import Cpu, Fact, Task, TaskKind, Vcpu, Vm


def own_beside(w: World) -> bool:
    """All vcpus of the VM run, two of them on one core."""
    return all(vcpu.running for vcpu in w.all(Vcpu)) and any(
        on_one_core(one, other)
        for one in w.all(Vcpu)
        for other in w.all(Vcpu)
        if one.number < other.number
    )


def deceived(w: World) -> bool:
    """The guest relies on its topology, and what it rules out happens."""
    vm = w.the(Vm)
    if not vm.relies or vm.dead:
        return False
    return own_beside(w) or (vm.says == Fact.NO_SMT and foreign_beside(w))


@condition("own-vcpu-beside-vcpu", "two vcpus of the VM run on one core", source=THREAD)
def own_vcpu_beside(w: World) -> bool:
    return own_beside(w)


@condition(
    "other-vm-beside-vcpu",
    "a vcpu of another VM runs beside a vcpu on its core",
    source=THREAD,
    backed_by=("a-vcpu-runs", "task-runs"),
)
def other_vm_beside(w: World) -> bool:
    return beside_a_vcpu(w, TaskKind.OTHER_VM)


@condition(
    "host-task-beside-vcpu",
    "a host task runs beside a vcpu on its core",
    source=THREAD,
    backed_by=("a-vcpu-runs", "task-runs"),
)
def host_task_beside(w: World) -> bool:
    return beside_a_vcpu(w, TaskKind.HOST)


@condition(
    "emulator-beside-vcpu",
    "QEMU's emulator thread runs beside a vcpu on its core",
    source=THREAD,
    backed_by=("a-vcpu-runs", "task-runs"),
)
def emulator_beside(w: World) -> bool:
    return beside_a_vcpu(w, TaskKind.EMULATOR)


@condition(
    "vhost-beside-vcpu",
    "a vhost worker runs beside a vcpu on its core",
    source=THREAD,
    backed_by=("a-vcpu-runs", "task-runs"),
)
def vhost_beside(w: World) -> bool:
    return beside_a_vcpu(w, TaskKind.VHOST)


@condition(
    "interrupt-beside-vcpu",
    "an interrupt is handled beside a vcpu on its core",
    source=THREAD,
    backed_by=("a-vcpu-runs", "interrupt-handled"),
)
def interrupt_beside(w: World) -> bool:
    return any(
        vcpu.running
        and vcpu.cpu is not None
        and cpu.interrupted
        and cpu is not vcpu.cpu
        and cpu.core is vcpu.cpu.core
        for vcpu in w.all(Vcpu)
        for cpu in w.all(Cpu)
    )


def foreign_beside(w: World) -> bool:
    """Somebody whom the guest has to distrust: another VM, or a host task that is not its VMM."""
    return beside_a_vcpu(w, TaskKind.OTHER_VM) or beside_a_vcpu(w, TaskKind.HOST)


def shared(w: World) -> bool:
    """Contexts that distrust each other run on one core at the same time."""
    return own_beside(w) or foreign_beside(w)


@condition(
    "distrusting-contexts-share",
    "two contexts that distrust each other run on one core at the same time",
    source=THREAD,
)
def distrusting_contexts_share(w: World) -> bool:
    return shared(w)


@condition(
    "shared-though-told",
    "the hint is set, and another vcpu of the VM or of another VM runs on a vcpu's core",
    source=THREAD,
    backed_by=("hint-set-while-running",),
)
def shared_though_told(w: World) -> bool:
    vm = w.the(Vm)
    return vm.booted and vm.told and (own_beside(w) or beside_a_vcpu(w, TaskKind.OTHER_VM))


@condition(
    "deceived-guest",
    "two contexts that distrust each other share a core, and the guest believes that they cannot",
    source=THREAD,
    backed_by=("a-vcpu-runs",),
)
def deceived_guest(w: World) -> bool:
    return deceived(w)


@condition(
    "unprotected-sharing",
    "contexts that distrust each other share a core with STIBP off, and the guest does not rely on "
    "its topology to keep them apart",
    source=THREAD,
)
def unprotected_sharing(w: World) -> bool:
    return shared(w) and not w.the(Vm).stibp and not deceived(w)


@condition(
    "sharing-under-stibp",
    "contexts that distrust each other share a core, with STIBP on",
    source=THREAD,
)
def sharing_under_stibp(w: World) -> bool:
    return w.the(Vm).stibp and shared(w)


@condition("guest-dead", "the guest has killed itself", source=THREAD)
def guest_dead(w: World) -> bool:
    return w.the(Vm).dead


@condition("a-vcpu-runs", "a vcpu is in the guest", source=THREAD)
def a_vcpu_runs(w: World) -> bool:
    return any(vcpu.running for vcpu in w.all(Vcpu))


@condition("task-runs", "another host task runs", source=THREAD)
def task_runs(w: World) -> bool:
    return any(task.cpu is not None for task in w.all(Task))


@condition("interrupt-handled", "an idle cpu handles an interrupt", source=THREAD)
def interrupt_handled(w: World) -> bool:
    return any(cpu.interrupted for cpu in w.all(Cpu))
