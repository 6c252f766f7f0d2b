"""mark_page_dirty_in_slot(): a bit of the memslot's bitmap, or an entry of the vcpu's dirty ring.

It takes no lock. Whoever marks a page has looked the memslot up inside srcu, and goes by the
memslot that it found: one without KVM_MEM_LOG_DIRTY_PAGES has no log.

KVM_RUN ends before the guest runs if the ring has fewer free entries than an exit may need. A push
into a ring that is full takes the place of an entry that nobody has reset. A small ring has one
entry here: a fault needs it, and what comes to a page after another has none left.

Not modelled: that kernel and VMM disagree about the place of the next entry after such a push;
writes of KVM without a running vcpu, which a ring cannot take:
kvm_arch_allow_write_without_running_vcpu() is false on x86.
Source: mark_page_dirty_in_slot() in virt/kvm/kvm_main.c, kvm_dirty_ring_push(),
kvm_dirty_ring_check_request() in virt/kvm/dirty_ring.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World
from vmlitmus.world.dirty_log.guest import Log, Page, Vcpu, Vm

MARK = KernelFile("virt/kvm/kvm_main.c", "mark_page_dirty_in_slot()", "7.2.8")
PUSH = KernelFile("virt/kvm/dirty_ring.c", "kvm_dirty_ring_push()", "7.2.8")
FULL = KernelFile("virt/kvm/dirty_ring.c", "kvm_dirty_ring_check_request()", "7.2.8")


def ring_full(w: World, vcpu: Vcpu) -> bool:
    """Say whether the ring of the vcpu has no room for what a turn of KVM_RUN may push."""
    return w.the(Vm).small_ring and len(vcpu.pushed) + len(vcpu.harvested) > 0


def mark(w: World, vcpu: Vcpu, page: Page) -> None:
    """Put the page into the log of a memslot that has one."""
    vm = w.the(Vm)
    if vm.log == Log.RING:
        if ring_full(w, vcpu):
            vcpu.pushed.clear()
            vcpu.harvested.clear()
        vcpu.pushed.add(page)
    else:
        if vm.bitmap_freed:
            vm.freed_bitmap_written = True
        page.bit = True
