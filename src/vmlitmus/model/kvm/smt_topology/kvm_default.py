"""Hints that follow cpu_smt_possible(), passed on by userspace and checked by nobody.

KVM reports that no core is shared when SMT is impossible: forced off, or not enumerated.
Source: the patch that proposes KVM_HINTS_TRUSTWORTHY_SMT (2019-11-05); commit b2d8b167e15b for the
Hyper-V bit.
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.model.kvm.smt_topology.hint import Hint, smt_possible, topology_checked
from vmlitmus.world.smt_topology import Host, Vm


class Trustworthy(Hint):
    """KVM_HINTS_TRUSTWORTHY_SMT with its feature bit, as KVM reports it by default."""

    def kvm_reports(self, w: World, host: Host) -> bool:
        return not smt_possible(host)

    def vmm_claims(self, w: World, vm: Vm, reported: bool) -> bool:
        return reported


class KnownHints(Trustworthy):
    """The same hint in EDX; a mask in ECX, not a feature bit, shows which hints the host knows."""


class TrustworthyPinned(Trustworthy):
    """The same; a VMM that has pinned its vcpus and shows the right topology sets it as well."""

    def vmm_claims(self, w: World, vm: Vm, reported: bool) -> bool:
        return reported or topology_checked(w, vm)


class FakeSmt(Trustworthy):
    """KVM_FEATURE_FAKE_SMT: one bit, set where the topology may be fake."""

    INVERTED = True
