"""Bit 18 of Hyper-V leaf 0x40000004, NoNonArchitecturalCoreSharing, as QEMU sets it.

Off is the default and is class Hint. On sets it unconditionally. Auto copies what KVM reports, and
blocks migration, because the destination may differ.
Source: kvm_get_hv_cpuid() in KVM; hv-no-nonarch-coresharing in docs/system/i386/hyperv.rst of QEMU.
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.model.kvm.smt_topology.hint import Hint
from vmlitmus.model.kvm.smt_topology.kvm_default import Trustworthy
from vmlitmus.world.smt_topology import Vm


class HypervOn(Hint):
    """hv-no-nonarch-coresharing=on."""

    def vmm_claims(self, w: World, vm: Vm, reported: bool) -> bool:
        return True


class HypervAuto(Trustworthy):
    """hv-no-nonarch-coresharing=auto; hv-passthrough copied as well in an old QEMU, not in 10.2."""

    def may_migrate(self, w: World, vm: Vm) -> bool:
        return False
