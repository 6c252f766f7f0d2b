"""Lines of a VMSA in a cache: written with the guest's tag at #VMEXIT, written back by an eviction.

With SME_COHERENT a cpu that writes the page takes them out of the cache; a device does not. Only
launch VMSAs that KVM gives back are followed; the topic cache-flush is about the others.
Source: APM vol. 2, 15.34.9; commit d45829b351ee.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelCommit, World, step, when
from vmlitmus.world.memory import Owner
from vmlitmus.world.snp import Host, Page

COHERENCE = Apm("15.34.9")
DMA = KernelCommit(
    "d45829b351ee", "KVM: SVM: Flush when freeing encrypted pages even on SME_COHERENT CPUs"
)


@step("hardware writes a dirty line of {page} back", source=COHERENCE, disturbance="eviction")
def evict_vmsa(w: World, page: Page) -> None:
    when(page.dirty)
    page.dirty = False
    if page.owner in (Owner.HOST, Owner.DEVICE):
        w.the(Host).overwritten = True


@step("a device writes {page}, which it owns now", source=DMA, disturbance="dma")
def device_writes(w: World, page: Page) -> None:
    when(page.owner == Owner.FREE)
    page.owner = Owner.DEVICE
