"""What a hint rule may do: the hooks, and the questions about the host that rules ask.

A rule says what KVM reports, what a VMM that means well does with it, what KVM accepts at
KVM_SET_CPUID2, and whether the hint is in the way of later changes.
Source: kvm_get_hv_cpuid() in arch/x86/kvm/hyperv.c for the order: KVM reports, userspace sets.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, World
from vmlitmus.world.smt_topology import Cpu, Fact, Host, Layout, SmtControl, Vm


class Hint(Hooks):
    """No hint: QEMU hv-no-nonarch-coresharing=off, or a host on which nobody knows the bit."""

    SAYS = Fact.NO_NON_ARCH_CORE_SHARING
    INVERTED = False

    def kvm_reports(self, w: World, host: Host) -> bool:
        """The fact as KVM reports it to userspace as supported."""
        return False

    def vmm_claims(self, w: World, vm: Vm, reported: bool) -> bool:
        """Whether a VMM that means well claims the fact to the guest."""
        return False

    def kvm_accepts(self, w: World, host: Host) -> bool:
        """Whether KVM_SET_CPUID2 accepts the claim; a KVM that checks nothing accepts all."""
        return True

    def may_migrate(self, w: World, vm: Vm) -> bool:
        """Whether the VMM lets the VM be migrated."""
        return True

    def lets_smt_on(self, w: World, host: Host) -> bool:
        """kvm_online_cpu(): whether a cpu may come online while the VM exists."""
        return True


def smt_possible(host: Host) -> bool:
    """cpu_smt_possible(), and the stub without CONFIG_HOTPLUG_SMT, which returns false."""
    return host.smt in (SmtControl.ON, SmtControl.OFF)


def topology_checked(w: World, vm: Vm) -> bool:
    """The VMM has pinned the vcpus to online cpus the way the guest's CPUID shows them."""
    if vm.layout == Layout.SAME_CORE:
        wanted = vm.threads == 2
    else:
        wanted = vm.layout == Layout.OWN_CORES and vm.threads == 1
    return wanted and all(
        cpu.active for cpu in w.all(Cpu) if cpu.core.host is vm.host and _in_layout(vm, cpu)
    )


def _in_layout(vm: Vm, cpu: Cpu) -> bool:
    """Say whether one of the two vcpus is pinned there."""
    if vm.layout == Layout.SAME_CORE:
        return cpu.core.number == 0
    return cpu.core.number < 2 and cpu.thread == cpu.core.number
