"""A guest gets access to MMIO of the host while other vcpus run.

kvm_track_host_mmio_mapping() sets the mark of the root, then makes all vcpus leave guest mode and
waits for it, then the SPTE is installed. Each vcpu looks at the mark with IRQs off after it has
set IN_GUEST_MODE, so that a vcpu that missed the mark is waited for.

Source: kvm_track_host_mmio_mapping(), make_spte() in arch/x86/kvm/mmu/spte.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.world.domain_switch import Host, Mode, Vcpu

TRACK = KernelFile("arch/x86/kvm/mmu/spte.c", "kvm_track_host_mmio_mapping()", "7.2.8")
KICK = "vcpus leave guest mode before MMIO is mapped"


@sequence(source=TRACK, disturbance="map-mmio")
def map_mmio(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.idle and vcpu.mode == Mode.LOADED and vcpu.cpu is not None and vcpu.vm.has_device)
    when(w.the(Host).mmio_only and not vcpu.vm.mapped_mmio)
    vcpu.vm.mapped_mmio = True
    yield "{vcpu} faults on MMIO, and KVM sets has_mapped_host_mmio"
    when(not w.part(KICK) or not any(missed(vcpu, other) for other in w.all(Vcpu)))
    vcpu.vm.reaches_mmio = True
    yield "KVM installs the SPTE for the fault of {vcpu}"


def missed(vcpu: Vcpu, other: Vcpu) -> bool:
    """Say whether another vcpu of the VM is in guest mode without a VERW at its entry."""
    inside = other.mode in (Mode.ENTERING, Mode.GUEST)
    return other is not vcpu and other.vm is vcpu.vm and inside and not other.verw
