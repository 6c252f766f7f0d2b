"""A free page gets a new owner, who writes it.

A cpu write snoops guest-tagged lines only with SME_COHERENT; a device's write never does.
Source: APM vol. 2, 15.34.9; commit d45829b351ee.
"""

from __future__ import annotations

from vmlitmus.lang import World, step, when
from vmlitmus.model.hardware.cache import COHERENCE, DMA_INCOHERENT, forget_clean
from vmlitmus.world import Cpu, Device, Host, Owner, Page


@step("the host reuses {page} and writes it", source=COHERENCE, disturbance="host-reuse")
def host_reuse(w: World, page: Page) -> None:
    when(page.owner == Owner.FREE)
    page.owner = Owner.HOST
    if w.the(Host).sme_coherent:
        for cpu in w.all(Cpu):
            cpu.dirty.discard(page)
            forget_clean(w, cpu, page)


@step("{device} writes {page} by DMA", source=DMA_INCOHERENT, disturbance="dma")
def dma_reuse(w: World, device: Device, page: Page) -> None:
    when(page.owner == Owner.FREE)
    page.owner = Owner.DEVICE
