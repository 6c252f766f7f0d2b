"""A device without coherent DMA comes or goes: KVM zaps what all memslots map.

The VMM adds the VFIO group of a device to the VM, or takes it away. Where KVM ignores the guest's
PAT unless such a device is there, it zaps all SPTEs for the first and for the last one. If the VM
has had a shadow root, it goes through the memslots that are installed, and through the reverse
maps of each, with mmu_lock held, which it drops where somebody waits for it. The deletion of a
memslot waits for srcu before it frees the memslot, and for no lock. Up to 7.3.1 KVM does not enter
srcu here: the ioctl of a VFIO device does not, as those of a vcpu do.

The shadow root is looked for first, so that no reverse map is missing.

Not modelled: what it finds in the reverse maps and zaps.
Source: kvm_vfio_update_coherency() in virt/kvm/vfio.c, kvm_arch_register_noncoherent_dma() in
arch/x86/kvm/x86.c, kvm_zap_gfn_range() and kvm_rmap_zap_gfn_range() in arch/x86/kvm/mmu/mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.page_state.versions import ZAP_SRCU
from vmlitmus.world.page_state import Host, Place, Slot, Task

COHERENCY = KernelFile("virt/kvm/vfio.c", "kvm_vfio_update_coherency()", "7.2.8")
REGISTER = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_register_noncoherent_dma()", "7.2.8")
ZAP = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_zap_gfn_range()", "7.2.8")
WALK = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_rmap_zap_gfn_range()", "7.2.8")


@sequence(
    source=(COHERENCY, REGISTER, ZAP, WALK, ZAP_SRCU.source), disturbance="device", fair="weak"
)
def device_comes_or_goes(w: World, task: Task, slot: Slot) -> Sections:
    when(w.the(Host).shadow_root)
    when(slot.place == Place.INSTALLED or slot.place == Place.INVALID)
    task.ages = slot
    task.has_copy = slot.place == Place.INVALID
    task.outside = not w.part(ZAP_SRCU.part)
    yield "{task} adds a device or takes it away, and is to zap {slot}, which is {slot.place}"
    task.ages = None
    task.has_copy = False
    task.outside = False
    yield "{task} has gone through the reverse maps of {slot}"
