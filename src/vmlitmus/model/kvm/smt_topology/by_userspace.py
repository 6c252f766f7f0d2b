"""Hints that only userspace can decide: it knows the pinning, the CPUID topology and the cookies.

Source: reply of 2019-11-05 in the thread on KVM_HINTS_TRUSTWORTHY_SMT; PR_SCHED_CORE in
kernel/sched/core_sched.c, which fails with ENODEV while no core has two cpus online.
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.model.kvm.smt_topology.hint import Hint, topology_checked
from vmlitmus.model.scheduler.placement import smt_active
from vmlitmus.world.smt_topology import Fact, Vm


class AccurateTopology(Hint):
    """KVM_FEATURE_ACCURATE_TOPOLOGY, set by a VMM that has pinned what it shows."""

    SAYS = Fact.ACCURATE_TOPOLOGY

    def vmm_claims(self, w: World, vm: Vm, reported: bool) -> bool:
        return topology_checked(w, vm)


class NoNonArchCoreSharing(Hint):
    """KVM_FEATURE_NO_NON_ARCH_CORE_SHARING, set by a VMM that gave each guest core a cookie."""

    def vmm_claims(self, w: World, vm: Vm, reported: bool) -> bool:
        return vm.cookies


class EnodevWillDo(NoNonArchCoreSharing):
    """The same; the VMM takes ENODEV from PR_SCHED_CORE to mean that no core can be shared."""

    def vmm_claims(self, w: World, vm: Vm, reported: bool) -> bool:
        return vm.cookies or not smt_active(w, vm.host)
