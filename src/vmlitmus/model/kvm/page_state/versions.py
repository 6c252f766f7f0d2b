"""The fixes around private pages, and which version has which.

6.12.107 remembers by PG_uptodate that a folio was prepared, and takes mmap_lock for the source page
under the invalidate_lock; 7.1.13 and later ask the RMP, and get the source page first. 7.3.4 asks
it in sev_gmem_make_private(), which sev_gmem_prepare() was before, and for private memory only:
a guest_memfd that begins as shared is none for a VM with private memory. 7.3.4 and 6.12.118 bind a
memslot later, and unbind it under the invalidate_lock always.
"""

from __future__ import annotations

from vmlitmus.lang import Fix, KernelCommit, KernelFile

GMEM = "virt/kvm/guest_memfd.c"
MMU = "arch/x86/kvm/mmu/mmu.c"
LATE = Fix(
    "a folio is prepared when it is mapped, not when it is allocated",
    KernelCommit(
        "b85524314a3d",
        "KVM: guest_memfd: delay kvm_gmem_prepare_folio() until the memory is passed to the guest",
    ),
    "6.11",
)
ONCE = Fix(
    "the indices of a page-state change are read once",
    KernelCommit("7588dbcebcbf", "KVM: SEV: only access GHCB fields once"),
    "6.5",
)
BY_RMP = Fix(
    "the RMP says whether a folio is prepared",
    KernelFile(GMEM, "kvm_gmem_get_pfn()", "7.1.13"),
    "7.0",
)
SOURCE_FIRST = Fix(
    "populate gets its source page before the invalidate_lock",
    KernelCommit(
        "2a62345b3052", "KVM: guest_memfd: GUP source pages prior to populating guest memory"
    ),
    "7.0",
)
MAPPABLE = Fix(
    "userspace may map guest_memfd",
    KernelFile(GMEM, "kvm_gmem_fault_user_mapping()", "7.1.13"),
    "6.18",
)
BIND_LATE = Fix(
    "a memslot is bound when its metadata is there",
    KernelFile(GMEM, "kvm_gmem_commit_memory_region()", "7.3.4"),
    "7.3.2, 6.12.118",
)
LOCK_DYING = Fix(
    "unbind takes the invalidate_lock of a dying guest_memfd too",
    KernelFile(GMEM, "kvm_gmem_unbind()", "7.3.4"),
    "7.3.2, 6.12.118",
)
ZAP_SRCU = Fix(
    "kvm_zap_gfn_range() is inside srcu",
    KernelFile(MMU, "kvm_zap_gfn_range()", "7.3.4"),
    "7.3.2, 6.12.117",
)
BY_GFN = Fix(
    "ageing looks at each reverse map by itself",
    KernelFile(MMU, "kvm_rmap_age_gfn_range()", "7.1.13"),
    "6.15",
)
DIRTY_LOCKED = Fix(
    "KVM takes the lock of the source page to mark it dirty",
    KernelFile("arch/x86/kvm/svm/sev.c", "sev_gmem_post_populate()", "7.2.13"),
    "7.3, 7.2.13",
)
UP_TO_7_2 = (LATE, ONCE, BY_GFN, MAPPABLE, BY_RMP, SOURCE_FIRST)
FIXES = (*UP_TO_7_2, DIRTY_LOCKED, BIND_LATE, LOCK_DYING, ZAP_SRCU)
VERSIONS = {
    "rfc": (),
    "6.12.107": (LATE, ONCE),
    "6.12.117": (LATE, ONCE, ZAP_SRCU),
    "6.12.118": (LATE, ONCE, ZAP_SRCU, BIND_LATE, LOCK_DYING),
    "6.18": (LATE, ONCE, BY_GFN, MAPPABLE),
    "7.1.13": UP_TO_7_2,
    "7.2.8": UP_TO_7_2,
    "7.2.13": (*UP_TO_7_2, DIRTY_LOCKED),
    "7.3.4": FIXES,
}
READ = ("6.12.107", "6.12.117", "6.12.118", "7.1.13", "7.2.8", "7.2.13", "7.3.4")
UNREAD = {
    "rfc": "none of the fixes; no release",
    "6.18": "6.12.107 was, where userspace cannot map guest_memfd",
}
