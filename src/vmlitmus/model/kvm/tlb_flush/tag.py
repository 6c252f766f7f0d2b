"""What tags a TLB entry of a guest, and what KVM does about it: one class for each way.

``load`` is in vcpu_load() on a cpu, ``flush`` serves KVM_REQ_TLB_FLUSH, ``flush_root`` is in
kvm_mmu_load(), ``before_vmrun`` chooses the tag with IRQs off, and hardware does what it is asked.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, World
from vmlitmus.world.tlb import Cpu, Tlb, Vcpu, Vmcb


class Tags(Hooks):
    """Moments at which a tag, or what is held under it, changes."""

    def load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """The vcpu is loaded on a cpu."""

    def flush(self, w: World, vcpu: Vcpu) -> None:
        """Serve a flush request; the vcpu's task is on ``vcpu.cpu``."""

    def flush_root(self, w: World, vcpu: Vcpu) -> None:
        """Flush what there is of the root that is loaded: flush_tlb_current()."""

    def before_vmrun(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """Choose the tag."""

    def nested(self, w: World, vcpu: Vcpu) -> None:
        """The vcpu goes from L1 to L2, or back."""


def vmcb_of(w: World, vcpu: Vcpu) -> Vmcb:
    """Return the VMCB that is current: L1's, or L2's."""
    for vmcb in w.all(Vmcb):
        if vmcb.vcpu is vcpu and vmcb.for_l2 == vcpu.l2:
            return vmcb
    return w.all(Vmcb)[0]


def forget(w: World, cpu: Cpu, tag: int) -> None:
    """Flush what the cpu holds under one tag."""
    for tlb in w.all(Tlb):
        if tlb.cpu is cpu and tlb.tag == tag:
            tlb.pages.clear()
            tlb.of.clear()


def forget_all(w: World, cpu: Cpu) -> None:
    """Flush what the cpu holds under any tag."""
    for tlb in w.all(Tlb):
        if tlb.cpu is cpu:
            tlb.pages.clear()
            tlb.of.clear()
