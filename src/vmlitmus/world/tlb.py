"""What a TLB may still translate: cpus, vcpus with their VMCBs, guest pages, and who flushes.

A page stands for one gfn and the pfn behind it. A ``Tlb`` is what one cpu holds under one tag: an
ASID, or what a VPID and an EPT root make together.

What ``switch_mm()`` and a flush of the mm tell each other without a lock is ``Shared``; a task that
flushes is on a cpu of its own, so that it has a store buffer.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Between, Const, Entity, Set, Shared
from vmlitmus.world.memory import Owner
from vmlitmus.world.snp import Mode


class Slot(Enum):
    """The memslot of a page."""

    VALID = "valid"
    INVALID = "KVM_MEMSLOT_INVALID"
    GONE = "deleted"


class Level(Enum):
    """Whose page tables the translations are from that a test follows."""

    KVM = "kvm"  # guest-physical to physical
    GUEST = "guest"  # the guest's own, with the paravirtual flush
    PROCESS = "process"  # an mm of the host


class Reset(Enum):
    """When a VMCB needs a new ASID because of its cpu."""

    MERGED = "as-merged"  # what the version does: current-vmcb or both-vmcbs
    VMCB = "current-vmcb"  # when it ran elsewhere itself
    BOTH = "both-vmcbs"  # and then the vcpu's other VMCB as well
    VCPU = "by-vcpu"  # when the vcpu entered elsewhere last, both of them


class Failed(Enum):
    """What becomes of a flush if VMRUN fails its checks."""

    MERGED = "as-merged"  # what the version does: cleared, or kept by who owes it
    CLEARS = "clears-the-flush"
    KEEPS = "keeps-the-flush"  # in the VMCB, a flush of all ASIDs too
    ENDS = "ends-the-generation"  # ... and the cpu begins a generation again


class Loaded(Enum):
    """cpu_tlbstate.loaded_mm, as far as one mm is concerned."""

    OTHER = "another mm"
    SWITCHING = "LOADED_MM_SWITCHING"
    THIS = "the mm"


class Host(Entity):
    """The machine and its kernel."""

    level: Const[Level] = Level.KVM
    asids: Const[Annotated[int, Between(1, 3)]] = 2  # per cpu, for VMs that are not SEV
    failed: Const[Failed] = Failed.MERGED
    resets: Const[Reset] = Reset.MERGED
    zaps_slot: Const[bool] = False  # the deletion of a memslot zaps its SPTEs, and no other
    reloads_root: Const[bool] = False  # a prefault that is tried again reloads the root
    special_root: Const[bool] = False  # the root has no shadow page: PAE paging
    early_run: Const[bool] = False  # KVM_RUN of a vcpu whose KVM_CREATE_VCPU has not returned
    lapic_srcu: Const[bool] = False  # KVM_SET_LAPIC is inside kvm->srcu
    leave_flushes: Const[bool] = False  # svm_leave_nested() asks for a flush
    steal_asks_again: Const[bool] = False  # KVM_REQ_STEAL_UPDATE stays until the flag was read
    oops: bool = False  # the kernel dereferenced NULL
    freed_vcpu_used: bool = False  # or a vcpu that had been freed
    leaked: bool = False  # an SPTE went into a root that was zapped before
    freed_page_written: bool = False  # KVM wrote to a page that was freed, through a pfn cache
    freed_memslot_read: bool = False  # a refresh read a memslot that was freed
    bit_set: Const[bool] = False  # the cpus are in mm_cpumask of the mm already
    mm_gen: Shared[bool] = False  # mm->context.tlb_gen was incremented
    mm_mapped: bool = True  # the mm maps the page
    mm_freed: bool = False  # and the page went back to the allocator


class Cpu(Entity, runs_on="self"):
    """A hardware thread as Linux numbers it."""

    online: bool = True
    next_asid: Annotated[int, Between(1, 4)] = 1  # svm_data.next_asid
    flush_all: bool = False  # svm_data.flush_all_asids
    first: bool = True  # svm_data.asid_generation is the first one that ASIDs were handed out in
    restarted: bool = False  # it is the one before that again
    loaded: Shared[Loaded] = Loaded.OTHER
    in_mask: Shared[bool] = False  # in mm_cpumask
    gen: bool = False  # ctxs[].tlb_gen: the TLB is up to the increment
    need_flush: bool = False  # what choose_new_asid() found
    user_tlb: bool = False  # the TLB has the mm's page
    cr3: bool = False  # CR3 has the mm
    ipi: bool = False  # flush_tlb_func() is queued for it


class Vm(Entity):
    """A VM as the MMU sees it."""

    sev_asid: Const[Annotated[int, Between(0, 3)]] = 0  # its ASID if it is an SEV VM
    alive: bool = True
    creating: Vcpu | None = None  # whom KVM_CREATE_VCPU makes, with kvm->lock held
    mmu_lock: bool = False
    online: Annotated[int, Between(0, 3)] = 0  # kvm->online_vcpus
    notifiers: Annotated[int, Between(0, 3)] = 0  # mn_active_invalidate_count


class Page(Entity):
    """A gfn of a VM and its pfn."""

    vm: Const[Vm]
    slot: Slot = Slot.VALID
    present: bool = True  # the VMM's page tables map it
    mapped: bool = False  # by an SPTE
    old: bool = False  # by an SPTE of a root that is obsolete
    invalidating: Annotated[int, Between(0, 3)] = 0  # mmu_invalidate_in_progress over its range
    owner: Owner = Owner.GUEST


class Vcpu(Entity, runs_on="cpu"):
    """A vcpu; its task is on ``cpu``, or on none while it is scheduled out."""

    vm: Const[Vm]
    home: Const[Cpu]
    vpid: Const[bool] = False  # translations of its own page tables have a tag of their own
    cpu: Cpu | None = None
    loaded_on: Cpu | None = None  # loaded_vmcs->cpu
    last_entry: Cpu | None = None  # last_vmentry_cpu
    mode: Mode = Mode.OUTSIDE
    running: bool = False  # between VMRUN and #VMEXIT
    resched: bool = False  # TIF_NEED_RESCHED, or a signal
    bad: bool = False  # its next VMRUN fails the consistency checks
    l2: bool = False  # is_guest_mode()
    asid: Annotated[int, Between(0, 3)] = 0  # svm->asid
    flush: bool = False  # KVM_REQ_TLB_FLUSH
    current: bool = False  # KVM_REQ_TLB_FLUSH_CURRENT
    reload: bool = False  # KVM_REQ_MMU_FREE_OBSOLETE_ROOTS
    obsolete: bool = False  # its root is invalid
    faulting: Page | None = None
    looks_at_sp: bool = False  # the fault will look at the shadow page of its root
    moved: bool = False  # mmu_invalidate_seq has moved since the fault took it
    seen: bool = True  # the vcpu is in kvm->vcpu_array
    counted: bool = True  # and below online_vcpus
    fd: bool = True  # userspace has its file descriptor
    held: bool = False  # KVM_CREATE_VCPU holds vcpu->mutex
    creating: bool = False  # KVM_CREATE_VCPU has not returned, where a test is about that
    in_run: bool = False  # and KVM_RUN holds vcpu->mutex
    freed: bool = False
    srcu: bool = False  # it is inside kvm->srcu: KVM_PRE_FAULT_MEMORY
    waited: bool = False  # and somebody synchronizes

    # The paravirtual flush: the guest page that vcpu0 unmaps, as vcpu1 sees it.
    preempted: bool = False  # KVM_VCPU_PREEMPTED in the guest's memory
    queued: bool = False  # KVM_VCPU_FLUSH_TLB there
    noted: bool = False  # vcpu->arch.st.preempted
    steal: bool = False  # KVM_REQ_STEAL_UPDATE
    steal_cache: bool = True  # vcpu->arch.st.cache has the generation of the memslots
    boundary: bool = False  # at_instruction_boundary
    emulating: bool = False  # KVM's emulator has walked the guest's page tables to the page
    guest_tlb: bool = False  # the TLB has the page for L1
    guest_ipi: bool = False  # the guest's own IPI is pending
    used_freed: bool = False  # it used the page when the guest had freed it


class Vmcb(Entity):
    """A VMCB of a vcpu: one for L1, one for L2."""

    vcpu: Const[Vcpu]
    for_l2: Const[bool] = False
    cpu: Cpu | None = None  # where it ran last
    valid: bool = False  # its asid_generation is that of the cpu
    first: bool = False  # ... and was taken in the cpu's first generation
    flush: bool = False  # tlb_ctl: TLB_CONTROL_FLUSH_ASID
    flush_all: bool = False  # tlb_ctl: TLB_CONTROL_FLUSH_ALL_ASID


class Tlb(Entity):
    """What a cpu's TLB holds under one tag."""

    cpu: Const[Cpu]
    tag: Const[Annotated[int, Between(0, 3)]]
    pages: Set[Page]  # the translations to these
    of: Set[Vcpu]  # vcpus whose own page tables it has translations from
    last: Vmcb | None = None  # svm_data.sev_vmcbs[asid]


class Guest(Entity):
    """The guest kernel, which unmaps a page of its own and flushes with paravirtual help."""

    unmapping: bool = False
    mapped: bool = True
    freed: bool = False
    slot_gone: bool = False  # the memslot with its struct kvm_steal_time is being deleted


class PfnCache(Entity):
    """A gfn_to_pfn_cache: the kernel's own mapping of a page."""

    page: Const[Page]
    by_hva: Const[bool] = False  # found by an address of the VMM, not by a gfn
    valid: bool = False
    current: bool = False  # by a gfn: its generation is that of the memslots
    refreshing: bool = False  # somebody has refresh_lock
    outside: bool = False  # and is not inside srcu
    looking: bool = False  # and has found the memslot, with gpc->lock held
    slot_freed: bool = False  # which was freed since
    awaited: bool = False  # somebody who synchronizes srcu waits for the refresh
    held: bool = False  # the refresh has a reference to the page
    moved: bool = False  # the sequence number has moved since the refresh read it
    readers: Set[Task]  # who has gpc->lock for reading


class Task(Entity, runs_on="self"):
    """A host task: a reclaimer, or the VMM in an ioctl."""

    awaits: Set[Vcpu]  # whose answer to its IPI it waits for
    target: Vcpu | None = None  # whom it has looked up
    deleting: Vm | None = None  # whose slots_lock it has in kvm_set_memslot()
    sends: Set[Cpu]  # to whom flush_tlb_mm_range() sends an IPI
