"""A TD: its epoch and locks in the TDX module, KVM's locks and flags, its pages, cpus and vcpus."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Between, Const, Entity, Set


class Entry(Enum):
    """The entry of a page in the Secure EPT."""

    FREE = "free"
    PENDING = "pending"  # added; the guest has not accepted it
    MAPPED = "mapped"
    BLOCKED = "blocked"


class Mirror(Enum):
    """The entry of a page in KVM's mirror page table."""

    NONE = "not present"
    FROZEN = "frozen"
    PRESENT = "present"


class Exit(Enum):
    """What KVM has as the reason of the last exit of a vcpu."""

    UNDEFINED = "undefined"
    INTERRUPT = "external interrupt"
    EPT_VIOLATION = "EPT violation"


class Counts(Enum):
    """The REFCOUNT in which a vcpu counts: that of the TD's epoch, or that of the one before."""

    NOWHERE = "nowhere"
    NEW = "in that of the epoch"
    OLD = "in that of the one before"


class Blocked(Enum):
    """The epoch in which a page was blocked, as seen from now."""

    NOW = "this epoch"
    LAST = "the one before"
    EARLIER = "an earlier one"


class Key(Enum):
    """What has become of the key of the TD, and of its HKID."""

    CONFIGURED = "configured"
    FLUSHED = "no vcpu is associated any more"
    FREED = "freed"
    LEAKED = "leaked"


class Moved(Enum):
    """When the thread of a vcpu that is initialized is moved to another cpu."""

    BEFORE_WRITES = "before TDH.VP.WR"
    AFTER_WRITES = "after TDH.VP.WR"


class Td(Entity):
    """A TD that is runnable, and what KVM keeps of it."""

    zero_step: Const[bool] = False  # an EPT violation makes the module suspect a zero-step attack
    marks_first: Const[bool] = False  # a vcpu is initialized, for KVM, before TDH.VP.INIT
    flushes_again: Const[bool] = False  # a cpu that goes offline repeats a busy TDH.VP.FLUSH
    building: bool = False  # a thread is in KVM_TDX_INIT_MEM_REGION, with the mutexes of all vcpus
    tdr_locked: bool = False  # a SEAMCALL has the lock of the TDR, exclusive
    tracking: bool = False  # TDH.MEM.TRACK has the lock of the epoch
    held_back: bool = False  # wait_for_sept_zap
    mmu_lock: bool = False  # for writing
    bugged: bool = False  # KVM_BUG_ON(): a SEAMCALL has failed
    readers: bool = False  # somebody has cpus_read_lock()
    writer: bool = False  # somebody takes a cpu down, with cpus_write_lock()
    ending: bool = False  # the VMM has ended: no vcpu runs again
    key: Key = Key.CONFIGURED
    targets: Set[Cpu]  # cpus that are to execute TDH.PHYMEM.CACHE.WB


class Page(Entity):
    """A private page: its entry in both tables, and who has its folio."""

    entry: Entry = Entry.MAPPED
    mirror: Mirror = Mirror.PRESENT
    blocked: Blocked = Blocked.NOW  # BEPOCH against TD_EPOCH
    host_locked: bool = False  # a SEAMCALL has the lock of its entry
    punched: bool = False  # a thread has the invalidate_lock of its file
    invalidating: bool = False  # mmu_invalidate_in_progress, for its gfn
    freed: bool = False  # guest_memfd has given the folio back to the host


class Cpu(Entity, runs_on="self"):
    """A cpu, with what its TLB holds of the TD."""

    package: Const[Annotated[int, Between(0, 2)]] = 0
    online: bool = True
    active: bool = True  # tasks may be moved here
    irqs_off: bool = False
    ipi: bool = False  # an IPI has been sent here and is not handled
    written_back: bool = False  # TDH.PHYMEM.CACHE.WB was executed here, for the HKID
    loaded: Vcpu | None = None  # the vcpu whose thread has preemption off
    last: Vcpu | None = None  # the vcpu that entered last
    tlb: Set[Page]
    removed: Set[Page]  # what the TLB holds of pages that the TDX module has removed since
    freed: Set[Page]  # what it holds of folios that guest_memfd has freed since


class Vcpu(Entity, runs_on="cpu"):
    """A vcpu and its thread."""

    cpu: Cpu  # where its thread is, or was before it was scheduled out
    out: bool = False  # its thread is scheduled out
    kvm_cpu: Cpu | None = None  # vcpu->cpu; None is -1
    listed: Set[Cpu]  # the lists of associated_tdvcpus that have it
    lp: Cpu | None = None  # the cpu with which the TDX module has it associated
    created: bool = True  # KVM_CREATE_VCPU has not failed after the vcpu was loaded once
    initialized: bool = True  # VCPU_TD_STATE_INITIALIZED
    freed: bool = False
    in_guest_mode: bool = False  # vcpu->mode is not OUTSIDE_GUEST_MODE
    running: bool = False  # in the TD
    kicked: bool = False  # vcpu->mode is EXITING_GUEST_MODE, and an IPI is on its way
    flush: bool = False  # KVM_REQ_TLB_FLUSH
    behind: bool = False  # VCPU_EPOCH is not TD_EPOCH
    counts: Counts = Counts.NOWHERE
    sampling: bool = False  # TDH.VP.ENTER has the lock of the epoch, shared
    suspected: bool = False  # of being stepped by the host
    filtering: bool = False  # TDH.VP.ENTER has the lock of the Secure EPT, exclusive
    accepting: Page | None = None  # TDG.MEM.PAGE.ACCEPT has the lock of the entry
    adding: bool = False  # TDH.MEM.PAGE.AUG has the lock of the Secure EPT, shared
    exit: Exit = Exit.UNDEFINED
    undelivered: bool = False  # an interrupt that ended the run has not been handled
    wants: Page | None = None  # an EPT violation is to be resolved
    outdated: bool = False  # mmu_invalidate_seq has changed since the fault read it
    mmu_lock: bool = False  # for reading


class Task(Entity, runs_on="self"):
    """A thread of the VMM."""

    blocking: bool = False  # TDH.MEM.RANGE.BLOCK has the lock of the Secure EPT, exclusive
    removing: bool = False  # TDH.MEM.PAGE.REMOVE has it, shared
    failed: bool = False  # TDH.MEM.RANGE.BLOCK of its removal has failed
    awaits: Set[Vcpu]  # vcpus that are to turn IRQs on before it goes on
