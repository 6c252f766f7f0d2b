"""Whose data is in L1D or in the buffers while somebody executes who must not read it."""

from __future__ import annotations

from vmlitmus.claims.domain_switch.predictions import (
    foreign,
    runs_beside_itself,
    runs_guest,
    runs_user,
)
from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.domain_switch import Cpu, Domain, Host, Mode, Rank, Task, Vcpu, harms

L1TF = KernelFile("Documentation/admin-guide/hw-vuln/l1tf.rst", "L1D", "7.2.8")
MDS = KernelFile("Documentation/admin-guide/hw-vuln/mds.rst", "CPU buffers", "7.2.8")
MMIO = KernelFile(
    "Documentation/admin-guide/hw-vuln/processor_mmio_stale_data.rst", "MMIO", "7.2.8"
)
OPT_IN = KernelFile("Documentation/admin-guide/hw-vuln/l1d_flush.rst", "PR_SPEC_L1D_FLUSH", "7.2.8")


def in_l1d(w: World, domain: Domain, cpu: Cpu) -> bool:
    """Say whether data of a domain is in the L1D that a cpu uses."""
    return any(other.core is cpu.core and domain in other.l1d for other in w.all(Cpu))


@condition(
    "l1d-exposes-host",
    "a guest executes while secrets of the host are in its L1D",
    source=L1TF,
    backed_by=("guest-runs", "host-data-in-l1d"),
)
def l1d_exposes_host(w: World) -> bool:
    return any(
        runs_guest(cpu) and d.rank == Rank.KERNEL and in_l1d(w, d, cpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "l1d-exposes-tenant",
    "a guest executes while data of another tenant is in its L1D",
    source=L1TF,
    backed_by=("guest-runs", "two-tenants-in-l1d"),
)
def l1d_exposes_tenant(w: World) -> bool:
    return any(
        runs_guest(cpu) and d.rank != Rank.KERNEL and foreign(cpu, d) and in_l1d(w, d, cpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "l1d-exposes-l1",
    "L2 executes while data of its L1 is in its L1D",
    source=L1TF,
    backed_by=("l2-runs",),
)
def l1d_exposes_l1(w: World) -> bool:
    return any(
        cpu.running is not None
        and cpu.running.rank == Rank.NESTED
        and d.rank == Rank.GUEST
        and not foreign(cpu, d)
        and in_l1d(w, d, cpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "l1d-exposes-guest-process",
    "a process of a guest executes while data of another process on the same vcpu is in its L1D",
    source=OPT_IN,
    backed_by=("other-process-runs",),
)
def l1d_exposes_guest_process(w: World) -> bool:
    return any(
        runs_beside_itself(vcpu, cpu, d) and runs_guest(cpu) and apart(cpu, d) and in_l1d(w, d, cpu)
        for vcpu in w.all(Vcpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


def apart(cpu: Cpu, domain: Domain) -> bool:
    """Say whether a domain is not what the cpu executes, but must be kept from it."""
    return cpu.running is not None and harms(domain, cpu.running)


def reads_buffers(w: World, cpu: Cpu) -> bool:
    """Say whether what the cpu executes can read its buffers: with MMIO stale data, by MMIO."""
    reaches = any(v.cpu is cpu and v.vm.reaches_mmio for v in w.all(Vcpu))
    return runs_guest(cpu) and (reaches or not w.the(Host).mmio_only)


@condition(
    "buffers-expose-host",
    "a guest executes while data of the host is in buffers that it can read",
    source=(MDS, MMIO),
    backed_by=("guest-runs", "host-data-in-buffers"),
)
def buffers_expose_host(w: World) -> bool:
    return any(
        reads_buffers(w, cpu) and d.rank == Rank.KERNEL and d in cpu.buffers
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "buffers-expose-tenant",
    "a guest executes while data of another tenant is in buffers that it can read",
    source=(MDS, MMIO),
    backed_by=("guest-runs", "tenant-data-in-buffers"),
)
def buffers_expose_tenant(w: World) -> bool:
    return any(
        reads_buffers(w, cpu) and d.rank != Rank.KERNEL and foreign(cpu, d) and d in cpu.buffers
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "buffers-expose-guest-process",
    "a process of a guest executes while data of another process on the same vcpu is in buffers "
    "that it can read",
    source=(MDS, MMIO),
    backed_by=("other-process-runs",),
)
def buffers_expose_guest_process(w: World) -> bool:
    return any(
        runs_beside_itself(vcpu, cpu, d)
        and reads_buffers(w, cpu)
        and apart(cpu, d)
        and d in cpu.buffers
        for vcpu in w.all(Vcpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "opted-data-exposed",
    "another process executes while data of one that asked for the L1D flush is in its L1D",
    source=OPT_IN,
    backed_by=("opted-task-runs",),
)
def opted_data_exposed(w: World) -> bool:
    return any(
        runs_user(cpu) and d.opted and foreign(cpu, d) and in_l1d(w, d, cpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition("opted-task-runs", "a thread that asked for the L1D flush executes", source=OPT_IN)
def opted_task_runs(w: World) -> bool:
    return any(task.spec_l1d and task.mode == Mode.USER for task in w.all(Task))


@condition("host-data-in-l1d", "secrets of the host are in an L1D", source=L1TF)
def host_data_in_l1d(w: World) -> bool:
    return any(d.rank == Rank.KERNEL and d in cpu.l1d for cpu in w.all(Cpu) for d in w.all(Domain))


@condition("two-tenants-in-l1d", "data of two tenants is in the L1Ds of the host", source=L1TF)
def two_tenants_in_l1d(w: World) -> bool:
    return any(
        one.tenant != two.tenant and one in cpu.l1d and two in other.l1d
        for cpu in w.all(Cpu)
        for other in w.all(Cpu)
        for one in w.all(Domain)
        for two in w.all(Domain)
    ) or any(
        d in cpu.l1d and d.tenant != vcpu.l1.tenant and vcpu.home.core is cpu.core
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
        for vcpu in w.all(Vcpu)
    )


@condition("host-data-in-buffers", "data of the host is in the buffers of a cpu", source=MDS)
def host_data_in_buffers(w: World) -> bool:
    return any(
        d.rank == Rank.KERNEL and d in cpu.buffers for cpu in w.all(Cpu) for d in w.all(Domain)
    )


@condition(
    "tenant-data-in-buffers",
    "data of a tenant is in the buffers of a core where a vcpu of another one may run",
    source=MDS,
)
def tenant_data_in_buffers(w: World) -> bool:
    return any(
        d.rank != Rank.KERNEL
        and d in cpu.buffers
        and d.tenant != vcpu.l1.tenant
        and vcpu.home.core is cpu.core
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
        for vcpu in w.all(Vcpu)
    )
