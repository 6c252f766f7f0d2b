"""Who executes beside whom on one core."""

from __future__ import annotations

from vmlitmus.claims.domain_switch.data import OPT_IN
from vmlitmus.claims.domain_switch.predictions import foreign, runs_guest, runs_user
from vmlitmus.lang import KernelCommit, KernelFile, World, condition
from vmlitmus.world.domain_switch import Cpu, Domain, Mode, Task, beside, harms

MDS = KernelFile("Documentation/admin-guide/hw-vuln/mds.rst", "SMT control", "7.2.8")
CROSS_THREAD = KernelCommit(
    "6f0f2d5ef895", "KVM: x86: Mitigate the cross-thread return address predictions bug"
)


@condition(
    "guest-beside-tenant",
    "a guest executes beside a guest of another tenant",
    source=MDS,
    backed_by=("guest-runs", "two-tenants-run"),
)
def guest_beside_tenant(w: World) -> bool:
    return any(
        runs_guest(one) and runs_guest(two) and beside(one, two) and differ(one, two)
        for one in w.all(Cpu)
        for two in w.all(Cpu)
    )


def differ(one: Cpu, two: Cpu) -> bool:
    """Say whether two cpus execute for two tenants."""
    return two.running is not None and foreign(one, two.running)


@condition(
    "guest-beside-process",
    "a guest executes beside a process of another tenant",
    source=MDS,
    backed_by=("guest-runs", "process-runs"),
)
def guest_beside_process(w: World) -> bool:
    return any(
        runs_guest(one) and runs_user(two) and beside(one, two) and differ(one, two)
        for one in w.all(Cpu)
        for two in w.all(Cpu)
    )


@condition(
    "guest-beside-host",
    "a guest executes beside a handler of the host",
    source=MDS,
    backed_by=("guest-runs", "host-handles"),
)
def guest_beside_host(w: World) -> bool:
    return any(
        runs_guest(one) and two.busy and beside(one, two)
        for one in w.all(Cpu)
        for two in w.all(Cpu)
    )


@condition(
    "both-threads-run-guests",
    "both threads of a core execute guests",
    source=MDS,
)
def both_run(w: World) -> bool:
    return any(
        runs_guest(one) and runs_guest(two) and beside(one, two)
        for one in w.all(Cpu)
        for two in w.all(Cpu)
    )


@condition("two-tenants-run", "a core is used by guests of two tenants", source=MDS)
def two_tenants_run(w: World) -> bool:
    return any(
        runs_guest(one) and d.tenant != 0 and foreign(one, d) and waits(w, d)
        for one in w.all(Cpu)
        for d in w.all(Domain)
    )


def waits(w: World, domain: Domain) -> bool:
    """Say whether a domain is a guest's."""
    return not any(task.domain is domain for task in w.all(Task))


@condition("host-handles", "the host handles an interrupt", source=MDS)
def host_handles(w: World) -> bool:
    return any(cpu.busy for cpu in w.all(Cpu))


@condition(
    "returns-steered",
    "a cpu executes a guest or a process, and return predictions of the sibling can steer it",
    source=CROSS_THREAD,
    backed_by=("both-threads-run-guests",),
)
def returns_steered(w: World) -> bool:
    return any(
        cpu.running is not None and d in cpu.returns and harms(d, cpu.running)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "opted-task-beside",
    "a thread that asked for the L1D flush executes beside somebody of another process",
    source=OPT_IN,
    backed_by=("opted-task-runs",),
)
def opted_task_beside(w: World) -> bool:
    return any(
        task.spec_l1d
        and task.mode == Mode.USER
        and task.cpu is not None
        and beside(task.cpu, other)
        and differ(task.cpu, other)
        for task in w.all(Task)
        for other in w.all(Cpu)
    )
