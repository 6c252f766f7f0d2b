"""What a guest does to its memory: write, and read.

A guest reaches a page through a present SPTE or through a translation still in its TLB.
Source: APM vol. 2, 15.34 (guest accesses are tagged with C=1 and the ASID).
"""

from __future__ import annotations

from vmlitmus.lang import Apm, World, step, when
from vmlitmus.model.hardware.cache import forget_clean
from vmlitmus.world import Host, Page, PageKind, Vcpu

ACCESS = Apm("15.34.9")


def can_access(vcpu: Vcpu, page: Page) -> bool:
    """Say whether a running vcpu reaches a page."""
    return vcpu.running and (page in vcpu.vm.mapped or page in vcpu.tlb)


@step("{vcpu} writes {page}", source=ACCESS, disturbance="guest-write")
def guest_write(w: World, vcpu: Vcpu, page: Page) -> None:
    when(page.kind != PageKind.VMSA and can_access(vcpu, page))
    when(vcpu.cpu is not None)
    vcpu.tlb.add(page)
    if vcpu.cpu is not None:
        vcpu.cpu.dirty.add(page)
        if w.the(Host).noncoherent_dma:
            vcpu.wrote.add(vcpu.cpu)
        forget_clean(w, vcpu.cpu, page)


@step("{vcpu} reads {page}", source=ACCESS, disturbance="guest-read")
def guest_read(w: World, vcpu: Vcpu, page: Page) -> None:
    when(page.kind != PageKind.VMSA and can_access(vcpu, page))
    when(vcpu.cpu is not None)
    vcpu.tlb.add(page)
    if vcpu.cpu is not None:
        if page in vcpu.cpu.old:
            vcpu.saw_stale = True
        elif page not in vcpu.cpu.dirty:
            vcpu.cpu.clean.add(page)
