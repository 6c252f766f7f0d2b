"""Before and at the start of the VM: how the host was booted, what the VMM set up, the hint.

The VMM reads what KVM reports, decides whether to claim the fact, and passes the CPUID to
KVM_SET_CPUID2, which may refuse; then the guest boots and reads the hint.

A VMM pins its vcpus or tags them, not both, unless the scenario starts with both. A kernel without
CONFIG_HOTPLUG_SMT runs one cpu: on x86 SMP selects it. A KVM that does not know a hint reports
nothing and checks nothing; each host has a KVM of its own.

Not modelled: that userspace may change the CPUID before the first KVM_RUN once more.
Source: kvm_set_cpuid() in arch/x86/kvm/cpuid.c; pinning and topology as a manager does it.
"""

from __future__ import annotations

from vmlitmus.claims.smt_topology.facts import THREAD
from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.guest.smt_policy import GuestPolicy
from vmlitmus.model.hardware.smt_control import take_down
from vmlitmus.model.kvm.smt_topology.event import CPUID, Bans
from vmlitmus.model.kvm.smt_topology.hint import Hint
from vmlitmus.model.scheduler.placement import smt_active
from vmlitmus.world.smt_topology import Cpu, Host, Layout, SmtControl, Vcpu, Vm

NOSMT = KernelFile("kernel/cpu.c", "cpu_smt_disable()", "7.2.8")
REPORTS = KernelFile("arch/x86/kvm/hyperv.c", "kvm_get_hv_cpuid()", "7.2.8")
COOKIE = KernelFile("kernel/sched/core_sched.c", "sched_core_share_pid()", "7.2.8")


def starts_with(w: World, host: Host, control: SmtControl) -> None:
    """What the boot parameters, the firmware or the kernel configuration make of the cpus."""
    host.smt = control
    host.one_thread = control != SmtControl.ON
    for cpu in w.all(Cpu):
        if cpu.core.host is host and control != SmtControl.NOTIMPLEMENTED and cpu.thread > 0:
            take_down(w, cpu)
            cpu.present = control != SmtControl.NOTSUPPORTED
        if cpu.core.host is host and control == SmtControl.NOTIMPLEMENTED:
            if cpu.thread > 0 or cpu.core.number > 0:
                take_down(w, cpu)
                cpu.present = False


@step(
    "{host} has been booted with smt/control {control}", source=NOSMT, disturbance="configuration"
)
def boot_host(w: World, host: Host, control: SmtControl) -> None:
    vm = w.the(Vm)
    when(host is vm.host and not vm.booted and vm.idle and not host.used)
    when(host.idle and host.smt == SmtControl.ON and control != SmtControl.ON)
    starts_with(w, host, control)


@step("{vm}'s VMM pins the vcpus {layout}", source=CPUID, disturbance="configuration")
def lay_out(w: World, vm: Vm, layout: Layout) -> None:
    when(not vm.booted and vm.idle and vm.layout == Layout.FREE and layout != Layout.FREE)
    when(not vm.cookies and layout not in (Layout.FOUND, Layout.FIRST_ONLY))
    vm.layout = layout


@step(
    "{vm}'s VMM shows the vcpus as two threads of one core",
    source=CPUID,
    disturbance="configuration",
)
def show_siblings(w: World, vm: Vm) -> None:
    when(not vm.booted and vm.idle and vm.threads == 1)
    vm.threads = 2


@step(
    "{vm}'s VMM gives each guest core a cookie by PR_SCHED_CORE",
    source=COOKIE,
    disturbance="configuration",
)
def tag(w: World, vm: Vm) -> None:
    when(not vm.booted and vm.idle and not vm.cookies and smt_active(w, vm.host))
    when(vm.layout == Layout.FREE)
    vm.cookies = True


@step(
    "{vm}'s VMM will claim the fact, true or not",
    source=THREAD,
    disturbance="lying-userspace",
)
def mean_to_lie(w: World, vm: Vm) -> None:
    when(not vm.booted and vm.idle and not vm.liar)
    when(w.use(Bans).lie(w))
    vm.liar = True


@step(
    "{vm}'s host kernel guarantees the fact and places vcpus as it likes",
    source=THREAD,
    disturbance="lying-kernel",
)
def kernel_means_to_lie(w: World, vm: Vm) -> None:
    when(not vm.booted and vm.idle and not vm.kernel_liar)
    vm.kernel_liar = True


def reported(w: World, vm: Vm) -> bool:
    """What KVM reports: the fact as its rule sees it, if it knows the hint and does not lie."""
    return vm.kernel_liar or (vm.host.knows and w.use(Hint).kvm_reports(w, vm.host))


def accepted(w: World, vm: Vm, host: Host) -> bool:
    """Whether KVM of a host lets the claim through."""
    return vm.kernel_liar or not host.knows or w.use(Hint).kvm_accepts(w, host)


@sequence(source=(CPUID, REPORTS))
def start(w: World, vm: Vm) -> Sections:
    when(not vm.booted)
    vm.claims = vm.liar or w.use(Hint).vmm_claims(w, vm, reported(w, vm))
    yield "{vm}'s VMM reads what KVM reports and decides what to claim"
    if vm.claims and accepted(w, vm, vm.host):
        vm.bit = not vm.inverted
        vm.known = True
    else:
        vm.known = vm.host.knows
        vm.bit = vm.inverted and vm.known
    vm.claims = False
    vm.host.used = True
    vm.booted = True
    w.use(GuestPolicy).decide(w, vm)
    yield "{vm} passes KVM_SET_CPUID2, is started, and its guest boots"


def pause(w: World, vm: Vm) -> None:
    """No vcpu runs any more."""
    vm.paused = True
    for vcpu in w.all(Vcpu):
        vcpu.running = False
