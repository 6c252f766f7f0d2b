"""Who owns a private page, and do RMP, guest_memfd, SPTEs and firmware agree?"""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelFile, World, condition
from vmlitmus.world.memory import Owner
from vmlitmus.world.page_state import Host, Page, Rmp, Task, Vcpu

FREE = KernelFile("arch/x86/kvm/svm/sev.c", "sev_gmem_invalidate()", "7.2.8")
RECLAIM = KernelFile("arch/x86/kvm/svm/sev.c", "snp_page_reclaim()", "7.2.8")
PREPARE = KernelFile("arch/x86/kvm/svm/sev.c", "sev_gmem_prepare()", "7.2.8")
ATTRIBUTES = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_set_mem_attributes()", "7.2.8")
PSC = KernelFile("arch/x86/kvm/svm/sev.c", "snp_begin_psc()", "7.2.8")
HAS_FILE = "{task} takes the invalidate_lock and waits for mmap_lock"
HAS_MM = "{task} faults on its mapping of guest_memfd and holds mmap_lock"
TRUNCATED = "{task} truncates {page}, which is freed with its last reference"
POPULATE = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_populate()", "7.2.8")


@condition("page-mapped", "an SPTE maps a private page", source=PREPARE)
def page_mapped(w: World) -> bool:
    return any(page.mapped for page in w.all(Page))


@condition("page-freed", "guest_memfd has freed a page", source=FREE)
def page_freed(w: World) -> bool:
    return any(page.owner != Owner.GUEST for page in w.all(Page))


@condition("page-reused", "the host has written a page that guest_memfd freed", source=FREE)
def page_reused(w: World) -> bool:
    return any(page.owner == Owner.HOST for page in w.all(Page))


@condition(
    "host-rmp-fault",
    "the host writes a page that its RMP entry gives to a guest or to firmware",
    source=Apm("15.36.10"),
)
def host_rmp_fault(w: World) -> bool:
    return w.the(Host).rmp_fault


@condition(
    "freed-page-assigned",
    "a page is free while its RMP entry gives it to a guest or to firmware",
    source=FREE,
    backed_by=("page-freed",),
)
def freed_page_assigned(w: World) -> bool:
    return any(p.owner == Owner.FREE and p.rmp != Rmp.SHARED for p in w.all(Page))


@condition(
    "freed-page-mapped",
    "an SPTE maps a page that guest_memfd has freed",
    source=FREE,
    backed_by=("page-freed", "page-mapped"),
)
def freed_page_mapped(w: World) -> bool:
    return any(p.owner != Owner.GUEST and p.mapped for p in w.all(Page))


@condition(
    "mapped-unassigned",
    "an SPTE maps as private a page that is not the guest's in the RMP",
    source=PREPARE,
    backed_by=("page-mapped",),
)
def mapped_unassigned(w: World) -> bool:
    return any(p.mapped and p.rmp != Rmp.GUEST for p in w.all(Page))


@condition(
    "private-mapping-of-shared",
    "an SPTE maps a page as private although its attribute is shared",
    source=ATTRIBUTES,
    backed_by=("page-mapped", "page-shared"),
)
def private_mapping_of_shared(w: World) -> bool:
    return any(p.mapped and not p.private for p in w.all(Page))


@condition("page-shared", "the attribute of a page is shared", source=ATTRIBUTES)
def page_shared(w: World) -> bool:
    return any(not p.private for p in w.all(Page))


@condition("conversion-failed", "firmware has refused a page", source=RECLAIM)
def conversion_failed(w: World) -> bool:
    return any(p.failed for p in w.all(Page))


@condition(
    "page-stuck",
    "a page that firmware refused stays with firmware: no task handles it, and it is not leaked",
    source=RECLAIM,
    backed_by=("conversion-failed",),
)
def page_stuck(w: World) -> bool:
    return any(
        p.failed and p.rmp == Rmp.FIRMWARE and not w.the(Host).slots_lock and not p.leaked
        for p in w.all(Page)
    )


@condition("page-allocated-again", "a page was punched and allocated again", source=PREPARE)
def allocated_again(w: World) -> bool:
    return any(page.again for page in w.all(Page))


@condition(
    "hole-open",
    "a page has been truncated, and its PUNCH_HOLE has not returned",
    source=KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_punch_hole()", "7.2.8"),
)
def hole_open(w: World) -> bool:
    return any(t.stands_at(TRUNCATED) for t in w.all(Task))


@condition(
    "freed-page-referenced",
    "guest_memfd has freed a page to which a fault has a reference",
    source=FREE,
    backed_by=("page-freed",),
)
def freed_page_referenced(w: World) -> bool:
    return any(
        v.holds and p.owner != Owner.GUEST for v in w.all(Vcpu) for p in w.all(Page) if v.fault is p
    )


@condition("page-populated", "a page has been measured", source=POPULATE)
def page_populated(w: World) -> bool:
    return any(p.populated for p in w.all(Page))


@condition(
    "measured-page-replaced", "a page that was measured belongs to firmware", source=POPULATE
)
def measured_page_replaced(w: World) -> bool:
    return any(p.populated and p.rmp == Rmp.FIRMWARE for p in w.all(Page))


@condition("psc-out-of-bounds", "KVM uses an entry outside the buffer", source=PSC)
def psc_out_of_bounds(w: World) -> bool:
    return w.the(Host).out_of_bounds


@condition(
    "lock-waited-for", "a task holds one of two locks and waits for the other", source=POPULATE
)
def lock_waited_for(w: World) -> bool:
    return any(t.stands_at(HAS_FILE) or t.stands_at(HAS_MM) for t in w.all(Task))


@condition(
    "no-lock-waited-for", "no task holds one lock while it waits for the other", source=POPULATE
)
def no_lock_waited_for(w: World) -> bool:
    return not any(t.stands_at(HAS_FILE) or t.stands_at(HAS_MM) for t in w.all(Task))
