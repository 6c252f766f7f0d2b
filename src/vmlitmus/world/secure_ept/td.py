"""A TD: its epoch and locks in the TDX module, KVM's locks and flags, its pages, cpus and vcpus."""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import Const, Entity, Set


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


class Td(Entity):
    """A TD that is runnable, and what KVM keeps of it."""

    zero_step: Const[bool] = False  # an EPT violation makes the module suspect a zero-step attack
    tracking: bool = False  # TDH.MEM.TRACK has the lock of the epoch
    held_back: bool = False  # wait_for_sept_zap
    mmu_lock: bool = False  # for writing
    bugged: bool = False  # KVM_BUG_ON(): a SEAMCALL has failed


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

    loaded: Vcpu | None = None  # the vcpu between vcpu_load and preemption being on again
    last: Vcpu | None = None  # the vcpu that entered last
    tlb: Set[Page]
    removed: Set[Page]  # what the TLB holds of pages that the TDX module has removed since
    freed: Set[Page]  # what it holds of folios that guest_memfd has freed since


class Vcpu(Entity, runs_on="cpu"):
    """A vcpu and its thread."""

    cpu: Const[Cpu]
    in_guest_mode: bool = False  # vcpu->mode is not OUTSIDE_GUEST_MODE
    running: bool = False  # in the TD
    kicked: bool = False  # vcpu->mode is EXITING_GUEST_MODE, and an IPI is on its way
    flush: bool = False  # KVM_REQ_TLB_FLUSH
    associated: bool = False  # with its cpu: it has entered the TD there
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
