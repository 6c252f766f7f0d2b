"""Whose predictions steer whom."""

from __future__ import annotations

from vmlitmus.lang import Assumption, KernelFile, Sdm, World, condition
from vmlitmus.world.domain_switch import Cpu, Domain, Host, Mode, Rank, Task, Vcpu, beside, harms

LOAD = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_load()", "7.2.8")
NESTED = KernelFile("arch/x86/kvm/x86.h", "kvm_nested_vmexit_handle_ibrs()", "7.2.8")
VMSCAPE = KernelFile("Documentation/admin-guide/hw-vuln/vmscape.rst", "VMSCAPE", "7.2.8")
SPEC_CTRL = KernelFile("Documentation/userspace-api/spec_ctrl.rst", "PR_SPEC_INDIR", "7.2.8")
SPECULATION = Sdm("CPUID.07H:EDX[26], EDX[27] (IBRS and IBPB, STIBP)")
SPECTRE = KernelFile("Documentation/admin-guide/hw-vuln/spectre.rst", "IBPB", "7.2.8")
OFFLINE_STEERS = Assumption(
    "offline-thread-steers",
    "what a thread trained before it went offline can steer its sibling",
    default=False,
    settled_by="a manual that says whether STIBP is needed beside a thread that is offline",
)
GUESTS = (Rank.GUEST, Rank.NESTED)


def runs_guest(cpu: Cpu) -> bool:
    """Say whether a cpu executes a guest."""
    return cpu.running is not None and cpu.running.rank in GUESTS


def runs_user(cpu: Cpu) -> bool:
    """Say whether a cpu executes a process of the host."""
    return cpu.running is not None and cpu.running.rank == Rank.USER


def foreign(cpu: Cpu, domain: Domain) -> bool:
    """Say whether a domain is of another tenant than what the cpu executes."""
    return cpu.running is not None and domain.tenant != cpu.running.tenant


def protected(w: World, cpu: Cpu) -> bool:
    """Say whether STIBP is in force for what the cpu executes now."""
    for vcpu in w.all(Vcpu):
        if vcpu.cpu is cpu and runs_guest(cpu):
            return vcpu.vm.stibp or (cpu.stibp and w.the(Host).stibp_in_guest)
    return cpu.stibp


def steers(w: World, domain: Domain, cpu: Cpu) -> bool:
    """Say whether a domain can steer what the cpu executes."""
    if cpu.running is None or not harms(domain, cpu.running):
        return False
    if w.the(Host).guest_predictions_apart and (domain.rank in GUESTS) != runs_guest(cpu):
        return False
    return domain in cpu.trained or any(
        sibling(w, cpu, other) and domain in other.trained and not protected(w, cpu)
        for other in w.all(Cpu)
    )


def sibling(w: World, cpu: Cpu, other: Cpu) -> bool:
    """Say whether what another thread trained reaches a cpu."""
    if w.assume(OFFLINE_STEERS):
        return other is not cpu and other.core is cpu.core
    return beside(cpu, other)


def ibrs_shields(w: World, cpu: Cpu) -> bool:
    """Say whether a cpu executes a guest that has IBRS set, which covers its own L2."""
    return w.the(Host).same_mode_ibrs and any(
        vcpu.cpu is cpu and (vcpu.vm.asks_ibrs or vcpu.vm.auto_ibrs) for vcpu in w.all(Vcpu)
    )


def a_process_is_steered(w: World) -> bool:
    """Say whether a process executes that another process can steer."""
    return any(
        runs_user(cpu) and d.rank == Rank.USER and foreign(cpu, d) and steers(w, d, cpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


def an_asking_thread_is_steered(w: World) -> bool:
    """Say whether a thread that asked for protection executes and another process can steer it."""
    return any(
        task.spec_ib
        and task.mode == Mode.USER
        and task.cpu is not None
        and d.rank == Rank.USER
        and d.tenant != task.domain.tenant
        and steers(w, d, task.cpu)
        for task in w.all(Task)
        for d in w.all(Domain)
    )


@condition(
    "guest-steered",
    "a guest executes, and predictions of another tenant can steer it",
    source=(LOAD, SPECULATION),
    backed_by=("guest-runs", "another-tenant-trained"),
)
def guest_steered(w: World) -> bool:
    return any(
        runs_guest(cpu) and foreign(cpu, d) and steers(w, d, cpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "guest-steered-by-vcpu",
    "a guest executes, and predictions of another vcpu of its VM can steer it",
    source=LOAD,
    backed_by=("guest-runs", "another-vcpu-trained"),
)
def guest_steered_by_vcpu(w: World) -> bool:
    return any(
        runs_guest(cpu)
        and not foreign(cpu, d)
        and cpu.running is not None
        and d.rank == cpu.running.rank
        and not any(runs_beside_itself(vcpu, cpu, d) for vcpu in w.all(Vcpu))
        and steers(w, d, cpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


def runs_beside_itself(vcpu: Vcpu, cpu: Cpu, domain: Domain) -> bool:
    """Say whether a vcpu executes on a cpu, and a domain is one of its two processes."""
    return vcpu.cpu is cpu and (domain is vcpu.l1 or domain is vcpu.l1_other)


@condition(
    "guest-process-steered",
    "a process of a guest executes, and predictions of another process on the same vcpu "
    "can steer it",
    source=(LOAD, SPECULATION),
    backed_by=("other-process-runs",),
)
def guest_process_steered(w: World) -> bool:
    return any(
        runs_beside_itself(vcpu, cpu, d) and runs_guest(cpu) and steers(w, d, cpu)
        for vcpu in w.all(Vcpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "other-process-runs", "the second process of a guest executes on a vcpu", source=SPECULATION
)
def other_process_runs(w: World) -> bool:
    return any(vcpu.mode == Mode.GUEST and vcpu.runs_other for vcpu in w.all(Vcpu))


@condition(
    "l1-steered-by-l2",
    "L1 executes and predictions of its L2 can steer it",
    source=NESTED,
    backed_by=("l2-runs",),
)
def l1_steered_by_l2(w: World) -> bool:
    return any(
        not ibrs_shields(w, cpu)
        and cpu.running is not None
        and cpu.running.rank == Rank.GUEST
        and d.rank == Rank.NESTED
        and not foreign(cpu, d)
        and steers(w, d, cpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "vmm-steered-by-guest",
    "a VMM executes in user mode, and predictions of its guest can steer it",
    source=VMSCAPE,
    backed_by=("vmm-runs", "guest-runs"),
)
def vmm_steered(w: World) -> bool:
    return any(
        runs_user(cpu) and d.rank in GUESTS and not foreign(cpu, d) and steers(w, d, cpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "process-steered-by-guest",
    "a process of another tenant executes, and predictions of a guest can steer it",
    source=VMSCAPE,
    backed_by=("process-runs", "guest-runs"),
)
def process_steered_by_guest(w: World) -> bool:
    return any(
        runs_user(cpu) and d.rank in GUESTS and foreign(cpu, d) and steers(w, d, cpu)
        for cpu in w.all(Cpu)
        for d in w.all(Domain)
    )


@condition(
    "process-steered",
    "a process executes, and predictions of another process can steer it",
    source=SPECTRE,
    backed_by=("process-runs", "another-process-trained"),
)
def process_steered(w: World) -> bool:
    return a_process_is_steered(w)


@condition(
    "asking-thread-steered",
    "a thread that asked for protection executes and predictions of another process can steer it",
    source=SPEC_CTRL,
    backed_by=("asking-thread-runs", "another-process-trained"),
)
def asking_thread_steered(w: World) -> bool:
    return an_asking_thread_is_steered(w)


def settled(w: World) -> bool:
    """Say whether no cpu is on its way up or down."""
    return all(cpu.idle for cpu in w.all(Cpu))


@condition(
    "process-steered-after-hotplug",
    "_cpu_up() has returned, a process executes, and predictions of another process can steer it",
    source=SPECTRE,
    backed_by=("process-runs", "another-process-trained"),
)
def process_steered_after_hotplug(w: World) -> bool:
    return settled(w) and a_process_is_steered(w)


@condition(
    "asking-thread-steered-after-hotplug",
    "_cpu_up() has returned, a thread that asked for protection executes, and "
    "predictions of another process can steer it",
    source=SPEC_CTRL,
    backed_by=("asking-thread-runs", "another-process-trained"),
)
def asking_thread_steered_after_hotplug(w: World) -> bool:
    return settled(w) and an_asking_thread_is_steered(w)


@condition(
    "needless-ibpb",
    "a cpu executes an IBPB although no code has trained it since the last one",
    source=LOAD,
)
def needless_ibpb(w: World) -> bool:
    return any(cpu.needless for cpu in w.all(Cpu))


@condition("guest-runs", "a guest executes", source=SPECULATION)
def guest_runs(w: World) -> bool:
    return any(runs_guest(cpu) for cpu in w.all(Cpu))


@condition("l2-runs", "L2 executes", source=NESTED)
def l2_runs(w: World) -> bool:
    return any(cpu.running is not None and cpu.running.rank == Rank.NESTED for cpu in w.all(Cpu))


@condition("vmm-runs", "a VMM executes in user mode", source=VMSCAPE)
def vmm_runs(w: World) -> bool:
    return any(vcpu.mode == Mode.USER for vcpu in w.all(Vcpu))


@condition("process-runs", "a process executes that is no VMM", source=SPECTRE)
def process_runs(w: World) -> bool:
    return any(task.mode == Mode.USER for task in w.all(Task))


@condition("asking-thread-runs", "a thread that asked for protection executes", source=SPEC_CTRL)
def asking_thread_runs(w: World) -> bool:
    return any(task.mode == Mode.USER and task.spec_ib for task in w.all(Task))


def trained_where(cpu: Cpu, domain: Domain, other: Cpu) -> bool:
    """Say whether a domain has trained the core of a cpu."""
    return other.core is cpu.core and domain in other.trained


@condition(
    "another-tenant-trained",
    "a core holds predictions, and a vcpu of another tenant than their owner may run there",
    source=LOAD,
)
def another_tenant_trained(w: World) -> bool:
    return any(
        d.tenant != vcpu.l1.tenant and trained_where(vcpu.home, d, cpu)
        for vcpu in w.all(Vcpu)
        for d in w.all(Domain)
        for cpu in w.all(Cpu)
    )


@condition(
    "another-vcpu-trained",
    "a vcpu has trained a core where another one of its VM may run",
    source=LOAD,
)
def another_vcpu_trained(w: World) -> bool:
    return any(
        one is not two and one.vm is two.vm and trained_where(two.home, one.l1, cpu)
        for one in w.all(Vcpu)
        for two in w.all(Vcpu)
        for cpu in w.all(Cpu)
    )


@condition(
    "another-process-trained",
    "a process has trained a core where a thread of another one may run",
    source=SPECTRE,
)
def another_process_trained(w: World) -> bool:
    return any(
        d.rank == Rank.USER and d.tenant != task.domain.tenant and trained_where(task.home, d, cpu)
        for task in w.all(Task)
        for d in w.all(Domain)
        for cpu in w.all(Cpu)
    )
