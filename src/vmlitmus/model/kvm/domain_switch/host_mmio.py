"""A guest gets access to MMIO of the host while other vcpus run.

kvm_track_host_mmio_mapping() sets the mark of the root, then makes all vcpus leave guest mode and
waits for it, then the SPTE is installed. Each vcpu looks at the mark of its root with IRQs off
after it has set IN_GUEST_MODE, so that a vcpu that missed the mark is waited for. make_spte() calls
it only where the mark is not set: who finds the mark of another vcpu does not wait, although that
one may still do so. Faults of the TDP MMU share mmu_lock; with shadow paging they have it alone.

With shadow paging a root is that of one CR3 of the guest, or of one of L1's EPTs, and the tables
below it are found by gfn and role, whatever root they were made for. The mark stays with the root
that was in use when the SPTE was made. Here each vcpu has a root of its own then.

In 6.12.107 VERW is for all vcpus of a VM with an assigned device.

Not modelled: faults that are tried again; roots that are zapped, and begin without a mark.
Source: kvm_track_host_mmio_mapping(), make_spte() in arch/x86/kvm/mmu/spte.c,
kvm_vcpu_can_access_host_mmio() in spte.h, kvm_mmu_find_shadow_page() in mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.world.domain_switch import Host, MmioMark, Mode, Vcpu

MMU = "arch/x86/kvm/mmu"
TRACK = KernelFile(f"{MMU}/spte.c", "kvm_track_host_mmio_mapping()", "7.2.8")
MAKE_SPTE = KernelFile(f"{MMU}/spte.c", "make_spte()", "7.2.8")
ACCESS = KernelFile(f"{MMU}/spte.h", "kvm_vcpu_can_access_host_mmio()", "7.2.8")
SHARED_TABLES = KernelFile(f"{MMU}/mmu.c", "kvm_mmu_find_shadow_page()", "7.2.8")
KICK = "vcpus leave guest mode before MMIO is mapped"


@sequence(source=(MAKE_SPTE, TRACK, ACCESS, SHARED_TABLES), disturbance="map-mmio")
def map_mmio(w: World, vcpu: Vcpu) -> Sections:
    host = w.the(Host)
    when(vcpu.idle and vcpu.mode == Mode.LOADED and vcpu.cpu is not None and vcpu.vm.has_device)
    when(host.mmio_only and not vcpu.vm.reaches_mmio)
    when(not host.shadow_paging or not any(v.mapping for v in w.all(Vcpu) if v.vm is vcpu.vm))
    vcpu.mapping = True
    if not vcpu.mmio_marked or host.mmio_mark == MmioMark.WAITS:
        track(w, vcpu)
        yield "{vcpu} faults on MMIO under mmu_lock, and KVM sets has_mapped_host_mmio"
        when(not vcpu.awaits)
    else:
        yield "{vcpu} faults on MMIO under mmu_lock, and KVM finds has_mapped_host_mmio set"
    vcpu.mapping = False
    vcpu.vm.reaches_mmio = True
    yield "KVM installs the SPTE for the fault of {vcpu}"


def track(w: World, vcpu: Vcpu) -> None:
    """kvm_track_host_mmio_mapping(): the mark, and the request to all vcpus."""
    whole = not w.the(Host).shadow_paging or w.the(Host).mmio_mark == MmioMark.VM
    for other in w.all(Vcpu):
        if other is vcpu or (whole and other.vm is vcpu.vm):
            other.mmio_marked = True
        if other.vm is vcpu.vm and other.mode in (Mode.ENTERING, Mode.GUEST) and w.part(KICK):
            vcpu.awaits.add(other)


def answer(w: World, vcpu: Vcpu) -> None:
    """The vcpu has left the guest: nobody waits for it any more."""
    for other in w.all(Vcpu):
        other.awaits.discard(vcpu)
