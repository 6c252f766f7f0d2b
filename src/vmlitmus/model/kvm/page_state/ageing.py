"""The host asks whether the guest has accessed memory of a memslot: the ageing notifier.

A memslot with guest_memfd also has memory of the VMM, which the host ages. It looks the memslot up
inside srcu, and then at its reverse maps if the VM has had a shadow root. Nothing else keeps the
memslot installed meanwhile: a change of memslots waits for invalidations alone before it installs
another object, and for srcu after that. The object that was found may be one whose reverse maps the
first shadow root has not allocated.

Up to 6.14 it walks the reverse maps as a zap does, and ends at once at the first page of the
memslot. Since 6.15 it takes no mmu_lock, looks at each reverse map by itself, and does so if the VM
has a shadow page. The first one is counted by the vcpu that allocates the root, and here with it.

Not load-bearing: "ageing looks at each reverse map by itself": its lack mends the first page of a
memslot only.

Not modelled: what it finds in the reverse maps, each of which has a lock of its own: a shadow page
is freed when its SPTEs have left them.
Source: kvm_handle_hva_range() in virt/kvm/kvm_main.c, kvm_age_gfn() and kvm_rmap_age_gfn_range() in
arch/x86/kvm/mmu/mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.page_state.bindings import walk_missing
from vmlitmus.model.kvm.page_state.versions import BY_GFN
from vmlitmus.world.page_state import Page, Place, Slot, Task

HANDLE = KernelFile("virt/kvm/kvm_main.c", "kvm_handle_hva_range()", "7.2.8")
AGE = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_age_gfn()", "7.2.8")
WALK = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_rmap_age_gfn_range()", "7.2.8")


@sequence(source=(HANDLE, AGE, WALK, BY_GFN.source), disturbance="age", fair="weak")
def age(w: World, task: Task, slot: Slot, page: Page) -> Sections:
    when(slot.place == Place.INSTALLED or slot.place == Place.INVALID)
    task.ages = slot
    task.has_copy = slot.place == Place.INVALID
    yield "{task} is to age memory of the VM, enters srcu and finds {slot}, which is {slot.place}"
    present = slot.copy_rmaps if task.has_copy else slot.rmaps
    if not present and (w.part(BY_GFN.part) or not page.starts_slot):
        walk_missing(w)
    task.ages = None
    task.has_copy = False
    yield "{task} looks for {page} in the reverse maps of {slot}, if there may be any"
