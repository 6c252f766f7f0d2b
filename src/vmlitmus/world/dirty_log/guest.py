"""A VM that is migrated: its memslot, pages, vcpus, and who holds which lock of it."""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import Const, Entity, Set


class Log(Enum):
    """How the VMM gets the dirty log, and has pages tracked again."""

    GET = "get"  # KVM_GET_DIRTY_LOG does both
    CLEAR = (
        "get-and-clear"  # KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: KVM_CLEAR_DIRTY_LOG does the latter
    )
    RING = "ring"  # dirty rings and KVM_RESET_DIRTY_RINGS


class Vm(Entity):
    """A VM with one memslot."""

    log: Const[Log] = Log.GET
    pml: Const[bool] = False  # KVM clears D bits and has PML; else it clears W bits
    shadow: Const[bool] = False  # SPTEs shadow page tables of the guest, or of L1
    initially_set: Const[bool] = False  # KVM_DIRTY_LOG_INITIALLY_SET
    reads_early: Const[bool] = False  # the VMM reads pages before they are tracked again
    one_round: Const[bool] = False  # the VMM has a lock of its own for a round
    flushes_first: Const[bool] = False  # KVM_RESET_DIRTY_RINGS flushes before it drops slots_lock
    finishes_batch: Const[bool] = False  # and tracks what it has taken also after a signal
    small_ring: Const[bool] = False  # a dirty ring has one entry
    looks_for_room: Const[bool] = False  # prefaults and strings end where the ring is full
    logging: bool = True  # the memslot that is installed has KVM_MEM_LOG_DIRTY_PAGES
    counted: bool = True  # nr_memslots_dirty_logging is not 0
    slots_lock: bool = False
    mmu_lock: bool = False  # for writing
    bitmap_freed: bool = False
    freed_bitmap_written: bool = False  # somebody has marked a page in it
    copied: bool = True  # the VMM has sent all pages once, or need not
    in_round: bool = False  # a thread has that lock
    stopping: bool = False  # the VMM wants all vcpus out of KVM_RUN
    finished: bool = False  # a log that was read with all vcpus out has been sent
    late: bool = False  # a log lacked a write that had been made before it was asked for


class Page(Entity):
    """A page of the guest: its SPTE, its bit in the log, and what the VMM knows of it."""

    present: bool = True
    writable: bool = False  # W; an SPTE without it is MMU-writable
    dirty: bool = False  # D
    changed: bool = False  # its gPTE has other permissions than its SPTE, and still allows writes
    bit: bool = False  # in the dirty bitmap of the memslot
    stale: bool = False  # memory differs from what was sent last
    due: bool = False  # when the log was asked for it had been written, and no log had said so


class Vcpu(Entity, runs_on="self"):
    """A vcpu; its thread and its cpu."""

    online: bool = True  # kvm_for_each_vcpu() finds it
    created: bool = True  # KVM_CREATE_VCPU has been called
    in_run: bool = True  # its thread is in KVM_RUN
    running: bool = False  # in guest mode
    kicked: bool = False  # and an IPI is on its way
    flush: bool = False  # KVM_REQ_TLB_FLUSH
    update: bool = False  # KVM_REQ_UPDATE_CPU_DIRTY_LOGGING
    pml_on: bool = False  # in its VMCS
    tlb: Set[Page]  # pages that its cpu may write without a walk
    pml: Set[Page]  # in its PML buffer
    pushed: Set[Page]  # in its dirty ring
    harvested: Set[Page]  # in its dirty ring, and the VMM has marked the entry
    srcu: bool = False  # inside kvm->srcu
    waited: bool = False  # and somebody synchronizes
    mmu_lock: bool = False  # for reading
