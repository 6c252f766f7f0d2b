"""Encrypted lines in the caches: dirtying, eviction, write-back, coherence.

The same DRAM line can be cached under two tags: the guest's (C=1 and ASID) and the host's (C=0).
Without SME_COHERENT they do not snoop each other. With it, cpu accesses are coherent, DMA is not.
A page stands for its 64 lines, so several cpus may hold dirty lines of it at once.

Not modelled: single lines, cache levels and sharing (a WBINVD reaches what its cpu reaches).
Source: APM vol. 2, 15.34.9; commit d45829b351ee for DMA.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelCommit, World, step, when
from vmlitmus.world import Cpu, Host, Owner, Page, Task, Vcpu, Writeback

COHERENCE = Apm("15.34.9")
DMA_INCOHERENT = KernelCommit(
    "d45829b351ee", "KVM: SVM: Flush when freeing encrypted pages even on SME_COHERENT CPUs"
)


def write_back(w: World, cpu: Cpu, page: Page) -> None:
    """A dirty guest-tagged line goes to memory; harmless only if memory is still that guest's."""
    cpu.dirty.discard(page)
    if page.owner in (Owner.HOST, Owner.DEVICE) or page in cpu.old:
        page.intact = False
    for task in w.all(Task):
        if task.page is page:
            task.owed.discard(cpu)


def write_back_all(w: World, cpu: Cpu, invalidate: bool) -> None:
    """WBINVD, or WBNOINVD, which leaves the lines in the cache."""
    for page in w.all(Page):
        if page in cpu.dirty:
            write_back(w, cpu, page)
            if w.the(Host).clean_lines:
                cpu.clean.add(page)
        if page in cpu.host_dirty:
            write_back_host(cpu, page)
        if invalidate:
            forget_clean(w, cpu, page)


def write_back_host(cpu: Cpu, page: Page) -> None:
    """A dirty host-tagged line goes to memory; it is plaintext, so a guest's page is lost."""
    cpu.host_dirty.discard(page)
    if page.owner == Owner.GUEST:
        page.intact = False


def kvm_writeback(w: World, cpu: Cpu) -> None:
    """What the write-back IPI handler executes."""
    write_back_all(w, cpu, w.the(Host).writeback == Writeback.WBINVD)


def flush_page_everywhere(w: World, page: Page) -> None:
    """VM_PAGE_FLUSH: the page's guest-tagged lines leave all caches."""
    for cpu in w.all(Cpu):
        if page in cpu.dirty:
            write_back(w, cpu, page)
        forget_clean(w, cpu, page)


def forget_clean(w: World, cpu: Cpu, page: Page) -> None:
    """The page's clean lines leave the cache, and with them what another guest left."""
    if w.the(Host).clean_lines:
        cpu.clean.discard(page)
    if w.the(Host).recycles_asid:
        cpu.old.discard(page)


def clflush_host_mapping(w: World, page: Page) -> None:
    """CLFLUSH through the host mapping: all host-tagged lines; guest-tagged ones if coherent."""
    for cpu in w.all(Cpu):
        if page in cpu.host_dirty:
            write_back_host(cpu, page)
    if w.the(Host).sme_coherent:
        flush_page_everywhere(w, page)


@step("{cpu} evicts a dirty encrypted line of {page}", source=COHERENCE, disturbance="eviction")
def evict(w: World, cpu: Cpu, page: Page) -> None:
    when(page in cpu.dirty)
    write_back(w, cpu, page)
    if w.the(Host).noncoherent_dma and not cpu.dirty:
        for vcpu in w.all(Vcpu):
            vcpu.wrote.discard(cpu)


@step("{cpu} evicts a dirty plaintext line of {page}", source=COHERENCE, disturbance="eviction")
def evict_host_line(w: World, cpu: Cpu, page: Page) -> None:
    when(page in cpu.host_dirty)
    write_back_host(cpu, page)
