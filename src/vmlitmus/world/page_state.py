"""Private pages of an SNP guest: guest_memfd, memory attributes, SPTEs, the RMP and firmware.

A page stands for one gfn, its folio in guest_memfd and the RMP entry of the folio's pfn. Without a
memslot in the scenario, one is there all the time.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Between, Const, Entity
from vmlitmus.world.memory import Owner


class Rmp(Enum):
    """Whose page it is by its RMP entry."""

    SHARED = "the hypervisor's"
    GUEST = "the guest's"
    FIRMWARE = "firmware's"


class Place(Enum):
    """Where a memslot is."""

    NONE = "not made yet"
    NEW = "made, and not installed"
    INSTALLED = "installed"
    INVALID = "replaced by its INVALID copy"
    REMOVED = "not installed any more"
    FREED = "freed"


class Host(Entity):
    """The host kernel and its firmware."""

    reclaim_fails: Const[bool] = False  # SNP_PAGE_RECLAIM may fail
    update_fails: Const[bool] = False  # SNP_LAUNCH_UPDATE may fail
    rmpupdate_fails: Const[bool] = False  # RMPUPDATE may fail when a page is freed
    assigning_fails: Const[bool] = False  # RMPUPDATE may fail when a page is assigned
    launched: Const[bool] = True  # KVM_SEV_SNP_LAUNCH_FINISH is over
    keeps_folio_lock: Const[bool] = False  # populate keeps the folio lock
    user_fault_locks: Const[bool] = False  # a fault of the VMM takes the invalidate_lock
    validates_again: Const[bool] = False  # the guest answers #VC of an accepted page by PVALIDATE
    registers_at_check: Const[bool] = False  # an SVSM checks and registers a VMSA in one
    deregisters_last: Const[bool] = False  # an SVSM deregisters a VMSA after its RMPADJUST
    deletes_unlocked: Const[bool] = False  # an SVSM looks a VMSA up before it takes the lock
    remaps_unlocked: Const[bool] = False  # the same for a calling area
    lists_calling: Const[bool] = True  # an SVSM lists calling areas too
    checks_region: Const[bool] = True  # an SVSM checks each page of a huge page
    guest_response: Const[bool] = False  # the response page of a guest request is the guest's
    metadata_fails: Const[bool] = False  # the metadata of a memslot cannot be allocated
    error_order: Const[bool] = False  # a memory error takes invalidate_lock, then the folio lock
    source_owed: Const[bool] = False  # userspace serves faults on the source page of populate
    source_came: bool = False  # and has done so
    cpuid_page: Const[bool] = False  # populate is of the CPUID page, which firmware corrects
    dirties_last: Const[bool] = False  # its source is marked dirty without the invalidate_lock
    source_locked: bool = False  # the folio lock of the source page, until userspace has written it
    skips_missing: Const[bool] = False  # a walk skips reverse maps that are not there
    retries_missing: Const[bool] = False  # a fault without a write-track table is tried again
    slots_lock: bool = False
    slots_arch_lock: bool = False
    mf_mutex: bool = False  # memory_failure() of the whole host
    shadow_root: bool = False  # kvm->arch.shadow_root_allocated
    file_open: bool = True  # the file descriptor of the guest_memfd
    file_refs: Annotated[int, Between(0, 4)] = 0  # other references to its file
    releasing: bool = False  # kvm_gmem_release() has been called
    released: bool = False  # and has freed the gmem_file
    file_misused: bool = False  # the gmem_file was used after that
    inode_held: bool = False  # the handler of a memory error has a reference to the inode
    evicting: bool = False  # the inode of the guest_memfd is being evicted: nobody gets a reference
    inode_gone: bool = False  # the inode of the guest_memfd was evicted
    inode_misused: bool = False  # its invalidate_lock was taken after that
    rmap_missing: bool = False  # reverse maps were walked that are not there
    track_missing: bool = False  # a write-track table was read that is not there
    unbalanced: bool = False  # an invalidation ended that had not begun
    guest_req_mutex: bool = False
    invalidate_lock: bool = False  # the invalidate_lock of the guest_memfd's mapping
    invalidate_shared: Annotated[int, Between(0, 3)] = 0  # fallocate() holds it shared
    invalidate_waiters: Annotated[int, Between(0, 3)] = 0  # who wants it alone
    mmap_lock: bool = False
    rmp_fault: bool = False  # the host wrote a page that its RMP entry does not give it
    out_of_bounds: bool = False  # an entry outside the page-state-change buffer was used
    dead: bool = False  # KVM_BUG: the VM runs no more
    fault_failed: bool = False  # KVM_RUN has failed, as a page could not be assigned
    guest_ends: bool = False  # the guest has found that a page was replaced
    replaced_used: bool = False  # the guest has used a page that was replaced
    svsm_lock: bool = False  # an SVSM's PVALIDATE_LOCK, from one section to the next
    two_vmsas: bool = False  # one page is the VMSA of two vcpus of an SVSM
    vmsa_touched: bool = False  # the SVSM wrote a page that the RMP says is a VMSA
    calling_touched: bool = False  # the SVSM zeroed a calling area in use
    deleted_none: bool = False  # the SVSM deleted a VMSA that was none any more


class Page(Entity):
    """A private page."""

    starts_huge: Const[bool] = False  # the first one of a huge page
    starts_slot: Const[bool] = False  # the first one of its memslot
    rmp: Rmp = Rmp.SHARED
    private: bool = True  # KVM_MEMORY_ATTRIBUTE_PRIVATE
    in_file: bool = True  # a folio of guest_memfd
    uptodate: bool = False  # PG_uptodate
    locked: bool = False  # the folio lock
    mapped: bool = False  # by an SPTE, as private
    invalidating: Annotated[int, Between(0, 2)] = 0
    owner: Owner = Owner.GUEST
    again: bool = False  # its folio was allocated a second time
    leaked: bool = False  # snp_leak_pages()
    populated: bool = False  # LAUNCH_UPDATE has measured it
    failed: bool = False  # its last conversion failed
    validated: bool = False  # by PVALIDATE, or by LAUNCH_UPDATE
    accepted: bool = False  # the guest believes that it is
    replaced: bool = False  # its content has been replaced since
    listed: bool = False  # the SVSM has it in its list of VMSAs
    vmsa: bool = False  # the RMP says that it is a VMSA
    calling: bool = False  # a vcpu has its calling area of the SVSM here
    poisoned: bool = False  # PG_hwpoison


class Slot(Entity):
    """A memslot with guest_memfd, which has all pages."""

    place: Place = Place.NONE
    file: bool = False  # slot->gmem.file
    bound: bool = False  # it is in the bindings of the guest_memfd
    rmaps: bool = False  # slot->arch.rmap, and gfn_write_track
    copy_rmaps: bool = False  # the same of its INVALID copy


class Vcpu(Entity, runs_on="self"):
    """A vcpu of the guest."""

    fault: Page | None = None
    moved: bool = False  # mmu_invalidate_seq has moved since
    creates: bool = False  # has allocated the folio of its fault, and still has its lock
    holds: bool = False  # has a reference to the folio of its fault
    checked: bool = False  # the indices of its page-state change were checked
    rewritten: bool = False  # and the guest has written others since


class Task(Entity):
    """A task of the VMM, or one of the kernel: it handles a memory error, or ages memory."""

    walks: Slot | None = None  # the memslot that its invalidation has found
    ages: Slot | None = None  # the memslot that it ages, or zaps for a device
    has_copy: bool = False  # what it has found is the INVALID copy
    outside: bool = False  # it is not inside srcu
