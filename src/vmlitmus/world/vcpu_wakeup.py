"""Who sends something to a vcpu, and where the vcpu is meanwhile.

Each vcpu has its home cpu and each task one of its own, so that a test has as many store buffers
as actors. What is ``Shared`` is read and written by several cpus without a lock.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Between, Const, Entity, Set, Shared
from vmlitmus.world.snp import Mode, MpState

INIT, SIPI = 1, 2  # KVM_APIC_INIT and KVM_APIC_SIPI in apic->pending_events


class Spte(Enum):
    """From which value of the guest's PTE an SPTE was made."""

    NONE = "none"
    OLD = "old"
    NEW = "new"


class Apic(Enum):
    """How interrupts reach a vcpu that is in the guest."""

    OFF = "off"  # by a request and a kick
    POSTED = "posted"  # by the posted-interrupt descriptor, under VMX
    AVIC = "avic"  # by the vIRR and a doorbell, under SVM


class Backing(Enum):
    """Whose vAPIC page, or descriptor, the entry of a vcpu in the table of IPI targets names."""

    OWN = "its own"
    SECOND = "that of a second vcpu with its id"
    FREED = "that of a second vcpu, which was freed"


class Host(Entity):
    """KVM of one VM."""

    assigned: bool = False  # nr_possible_bypass_irqs is not 0
    posts: bool = False  # the IRTE of a device is in posted mode
    unblocks: Const[bool] = False  # who takes the last device away makes KVM_REQ_UNBLOCK
    erratum: Const[bool] = False  # the cpus have erratum 1235
    hashed: bool = True  # the VM is in svm_vm_data_hash
    wakes_locked: Const[bool] = False  # the GA log is handled under the lock of that hash
    gone_woken: bool = False  # the handler of the GA log has used a vcpu that was freed
    irqfds_lock: bool = False  # a task changes an IRTE
    holds_list: Const[bool] = False  # the lock of the old list is held until an IRTE has changed
    inhibited: bool = False  # apicv_inhibit_reasons is not 0
    update_lock: bool = False  # apicv_update_lock is held for writing
    mmu_lock: bool = False  # for writing, from a zap until the page is freed
    two_sipis: Const[bool] = False  # the guest sends each SIPI twice
    snapshot: Const[bool] = False  # INIT and SIPI are taken by one operation
    switchable: Const[bool] = False  # what a switch of APICv leaves behind is followed
    marks: Const[bool] = False  # a vcpu puts its cpu into have_run_cpus before VM entry
    ends: Const[bool] = False  # an interrupt is in service until the guest writes EOI
    ipiv: Const[bool] = False  # VMX has IPI virtualization
    stale_entry: bool = False  # the entry of an id that no vcpu has names a vcpu that was freed
    freed_written: bool = False  # a sender's microcode has set a bit in what was freed


class Device(Entity):
    """A device behind an IOMMU, with one interrupt; the fields are its IRTE, on AMD."""

    target: Vcpu | None = None  # whose vAPIC page and GA tag it has
    remapped: bool = False  # it is not in guest mode: the interrupt goes to the host
    runs: bool = False  # IsRun
    at: Cpu | None = None  # Destination
    logs: bool = False  # GALogIntr
    listed: Vcpu | None = None  # on whose ir_list it is


class GaLog(Entity):
    """The guest virtual APIC log of an IOMMU, and the thread that handles it."""

    tags: Set[Vcpu]  # of vcpus whose entries were not handled yet


class Cpu(Entity, runs_on="self"):
    """A hardware thread as Linux numbers it."""

    irqs_off: bool = False
    ipi: bool = False  # an IPI for the host is pending: a reschedule, or a function call
    spare: Const[bool] = False  # no vcpu is at home here
    notify: bool = False  # POSTED_INTR_VECTOR is pending
    wakeup: bool = False  # POSTED_INTR_WAKEUP_VECTOR is pending
    wakeup_list: Set[Vcpu]  # wakeup_vcpus_on_cpu
    doorbell: bool = False  # its AVIC doorbell was rung
    marked: Shared[bool] = False  # its bit in have_run_cpus


class Vcpu(Entity, runs_on="cpu"):
    """A vcpu in KVM_RUN; its task is on ``cpu``, or on none while it is scheduled out."""

    home: Const[Cpu]
    scheduled: Const[bool] = False  # its task leaves its cpu when it sleeps
    cpu: Cpu | None = None
    last: Cpu  # vcpu->cpu: where it was loaded last
    loading: bool = False  # kvm_sched_in() is not done
    pinned: bool = False  # preemption is off
    mode: Shared[Mode] = Mode.OUTSIDE
    request: Shared[bool] = False  # the bit of one request in vcpu->requests
    running: bool = False  # between VM entry and VM exit
    left: bool = False  # it is on its way back to OUTSIDE_GUEST_MODE
    gone: bool = False  # it was freed
    halted: bool = False  # mp_state is KVM_MP_STATE_HALTED
    waiting: Shared[bool] = False  # rcuwait.task is set
    sleepy: Shared[bool] = False  # the task's state is TASK_INTERRUPTIBLE
    asleep: bool = False  # the scheduler has taken the task off its cpu
    event: bool = False  # what its last look for one has found
    tlb: Set[Page]  # translations that it uses while it is in the guest
    writes: Const[bool] = False  # it writes to the guest's page table; otherwise it faults

    # Asynchronous page faults. The list is under async_pf.lock; empty or not is seen without it.
    async_pf: Const[bool] = False  # the guest has enabled them
    queued: Annotated[int, Between(0, 2)] = 0  # async_pf.queued
    works: Annotated[int, Between(0, 2)] = 0  # of these, pages that the host is bringing in
    done: Shared[Annotated[int, Between(0, 2)]] = 0  # how many async_pf.done has
    ready_pending: Shared[bool] = False  # apf.pageready_pending
    slot: bool = False  # the guest's structure has a token
    irq: bool = False  # the interrupt that says so is pending
    reads: bool = False  # the guest has read the notice, and is about to write the MSR
    acks: bool = False  # the guest has written MSR_KVM_ASYNC_PF_ACK
    reason: bool = False  # apf_reason.flags: a page is not present
    faulting: bool = False  # #PF for it was injected, and its handler has not read the reason
    in_nmi: bool = False  # the guest handles an NMI
    waits_for_page: bool = False  # the guest has a task wait for the page
    panicked: bool = False  # the guest found one in kernel mode

    # The posted-interrupt descriptor, with one vector, and what KVM keeps beside it.
    apic: Const[Apic] = Apic.OFF
    pir: Shared[bool] = False
    on: Shared[bool] = False
    sn: Shared[bool] = False
    wakeup_vector: bool = False  # NV is POSTED_INTR_WAKEUP_VECTOR
    ndst: Cpu
    irr: bool = False  # the guest is about to take the interrupt
    listed_twice: bool = False  # it was put on a list while it was on one

    # AVIC: the entry in the physical-id table, and the vIRR in the vAPIC page, with one vector.
    is_running: Shared[bool] = False
    entry_cpu: Cpu
    entry_runs: bool = False  # IsRunning in what KVM keeps of the entry, under ir_list_lock
    entry_logs: bool = False  # GA_LOG_INTR there: it blocks
    backing: Backing = Backing.OWN
    virr: Shared[bool] = False
    active: Shared[bool] = True  # apic->apicv_active
    update: Shared[bool] = False  # KVM_REQ_APICV_UPDATE
    updates: bool = False  # it holds apicv_update_lock for reading

    # APICv that is switched off and on: what KVM and vmcs01 keep of the interrupts.
    irr_pending: Shared[bool] = True  # apic->irr_pending
    controls: bool = True  # vmcs01 has virtual-interrupt delivery and posted interrupts
    in_service: bool = False  # the bit in the ISR
    svi: bool = False  # vmcs01's SVI is the vector
    injected: bool = False  # KVM injects the interrupt at the next VM entry
    handling: bool = False  # the guest has taken it, and not written EOI
    in_l2: bool = False  # is_guest_mode()
    refresh_due: bool = False  # nested.update_vmcs01_apicv_status
    svi_due: bool = False  # nested.update_vmcs01_hwapic_isr

    # INIT and SIPI, for a vcpu that a test follows in nothing else.
    ap: Const[bool] = False
    mp: Shared[MpState] = MpState.RUNNABLE
    events: Shared[Annotated[int, Between(0, 3)]] = 0  # apic->pending_events
    init_due: bool = False  # an INIT was sent, and it has not reset itself since
    sipi_last: bool = False  # what was sent last is a SIPI

    @property
    def at_rest(self) -> bool:
        """True while it is in KVM_RUN, on a cpu, outside guest mode, with nothing begun."""
        returned = not self.running and not self.left and not self.gone
        return self.on_cpu and self.idle and returned

    @property
    def sleeps(self) -> bool:
        """True when its task is off the runqueue and its cpu has switched to another."""
        return self.asleep and (self.cpu is None or not self.scheduled)

    @property
    def on_cpu(self) -> bool:
        """True while its task executes."""
        return self.cpu is not None and not self.loading


class Page(Entity):
    """A page of KVM's page tables, a shadow page, with the SPTE that points to it."""

    linked: Shared[bool] = True  # the SPTE is present
    walkers: Set[Vcpu]  # who is in it, in a lockless walk
    freed: bool = False
    dirty: Set[Cpu]  # whose cache has a dirty line of it


class GuestTable(Entity):
    """A page table of the guest with one PTE, and what KVM shadows of it."""

    locked_writes: Const[bool] = False  # the guest writes its PTE by a LOCKed instruction
    pte: Shared[bool] = False  # the PTE in guest memory: the old value, or the new one
    newest: bool = False  # the value that the last write was of, wherever that write is
    shadowed: Shared[bool] = False  # indirect_shadow_pages is not 0
    mmu_lock: bool = False
    spte: Spte = Spte.NONE


class Task(Entity, runs_on="cpu"):
    """A task of the host, or of the VMM, that has something for a vcpu."""

    cpu: Const[Cpu]
    target: Vcpu | None = None  # for whom it has something
    awaits: Set[Cpu]  # whose answer to its IPI it waits for
