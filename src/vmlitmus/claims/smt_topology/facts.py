"""The three facts that a host can have, and the second reading of one of them.

NO_SMT covers everybody: where it is true, nothing at all runs beside a vcpu. The others speak of
the vcpus of one VM only: not of other VMs, host tasks, threads of the VMM or interrupt handlers.
"Siblings on the host" are vcpus whose task_cpu() lie on one core, running or not; "sharing" means
running there at the same time.
"""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, Lore, World, condition
from vmlitmus.world.smt_topology import Core, Cpu, Host, Vcpu, Vm

THREAD = Lore(
    "Re: [PATCH RFC] KVM: x86: tell guests if the exposed SMT topology is trustworthy",
    "Sean Christopherson",
    "2019-11-05",
)
HYPERV = KernelCommit(
    "b2d8b167e15b",
    "KVM: x86: hyper-v: set NoNonArchitecturalCoreSharing CPUID bit when SMT is impossible",
)
FALLBACK = KernelFile("kernel/sched/core.c", "select_fallback_rq()", "7.2.8")
SMT_ACTIVE = KernelFile("include/linux/sched/smt.h", "sched_smt_active()", "7.2.8")


def no_smt(w: World, host: Host) -> bool:
    """NO_SMT: no core of the host has two cpus online."""
    return all(
        sum(1 for cpu in w.all(Cpu) if cpu.core is core and cpu.online) < 2
        for core in w.all(Core)
        if core.host is host
    )


def siblings(one: Vcpu, other: Vcpu) -> bool:
    """Say whether two vcpus are threads of one core in the topology that the guest sees."""
    return one.vm.threads == 2 and one.number // 2 == other.number // 2


def on_one_core(one: Vcpu, other: Vcpu) -> bool:
    return one.cpu is not None and other.cpu is not None and one.cpu.core is other.cpu.core


def on_two_cores(one: Vcpu, other: Vcpu) -> bool:
    return one.cpu is not None and other.cpu is not None and one.cpu.core is not other.cpu.core


def accurate(w: World) -> bool:
    """ACCURATE_TOPOLOGY: siblings in the guest are siblings on the host."""
    return not any(
        siblings(one, other) and on_two_cores(one, other)
        for one in w.all(Vcpu)
        for other in w.all(Vcpu)
        if one.number < other.number
    )


def accurate_conversely(w: World) -> bool:
    """The second reading: siblings on the host are siblings in the guest."""
    return not any(
        not siblings(one, other) and on_one_core(one, other)
        for one in w.all(Vcpu)
        for other in w.all(Vcpu)
        if one.number < other.number
    )


def no_non_arch_core_sharing(w: World) -> bool:
    """NO_NON_ARCH_CORE_SHARING: vcpus that are no siblings never run on one core at one time."""
    return not any(
        not siblings(one, other) and on_one_core(one, other) and one.running and other.running
        for one in w.all(Vcpu)
        for other in w.all(Vcpu)
        if one.number < other.number
    )


@condition(
    "not-NO_SMT",
    "a core of the VM's host has two cpus online",
    source=(THREAD, SMT_ACTIVE),
    backed_by=("both-vcpus-ran",),
)
def not_no_smt(w: World) -> bool:
    return not no_smt(w, w.the(Vm).host)


@condition(
    "not-ACCURATE_TOPOLOGY",
    "two vcpus that are siblings in the guest are placed on two cores",
    source=THREAD,
    backed_by=("both-vcpus-ran",),
)
def not_accurate(w: World) -> bool:
    return not accurate(w)


@condition(
    "not-ACCURATE_TOPOLOGY_CONVERSE",
    "two vcpus that are placed on one core are no siblings in the guest",
    source=THREAD,
    backed_by=("both-vcpus-ran",),
)
def not_accurate_conversely(w: World) -> bool:
    return not accurate_conversely(w)


@condition(
    "not-NO_NON_ARCH_CORE_SHARING",
    "two vcpus that are no siblings in the guest run on one core at the same time",
    source=(THREAD, HYPERV),
    backed_by=("both-vcpus-ran",),
)
def non_arch_sharing(w: World) -> bool:
    return not no_non_arch_core_sharing(w)


@condition("both-vcpus-ran", "every vcpu has run", source=THREAD)
def both_ran(w: World) -> bool:
    return all(vcpu.cpu is not None for vcpu in w.all(Vcpu))


@condition(
    "pinning-lost",
    "the affinity that the VMM has set for a vcpu is gone",
    source=FALLBACK,
    backed_by=("host-changed",),
)
def pinning_lost(w: World) -> bool:
    return any(vcpu.loose for vcpu in w.all(Vcpu))
