"""mark_page_dirty_in_slot(): a bit of the memslot's bitmap, or an entry of the vcpu's dirty ring.

It takes no lock. Whoever marks a page has looked the memslot up inside srcu, and goes by the
memslot that it found: one without KVM_MEM_LOG_DIRTY_PAGES has no log.

Not modelled: a ring that is full, before which KVM_RUN ends; writes of KVM without a running vcpu,
which a ring cannot take: kvm_arch_allow_write_without_running_vcpu() is false on x86.
Source: mark_page_dirty_in_slot() in virt/kvm/kvm_main.c, kvm_dirty_ring_push() in
virt/kvm/dirty_ring.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World
from vmlitmus.world.dirty_log.guest import Log, Page, Vcpu, Vm

MARK = KernelFile("virt/kvm/kvm_main.c", "mark_page_dirty_in_slot()", "7.2.8")
PUSH = KernelFile("virt/kvm/dirty_ring.c", "kvm_dirty_ring_push()", "7.2.8")


def mark(w: World, vcpu: Vcpu, page: Page) -> None:
    """Put the page into the log of a memslot that has one."""
    vm = w.the(Vm)
    if vm.log == Log.RING:
        vcpu.pushed.add(page)
    else:
        if vm.bitmap_freed:
            vm.freed_bitmap_written = True
        page.bit = True
