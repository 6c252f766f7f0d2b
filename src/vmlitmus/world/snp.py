"""SEV-SNP as AP creation sees it: vcpus with their requests and VMSA, pages with their RMP entry.

A page of the guest stands for one gpa and the pfn behind it. The first vcpu is the BSP.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Between, Const, Entity, Set
from vmlitmus.world.memory import Owner


class Mode(Enum):
    """vcpu->mode; IRQs are off on the vcpu's cpu from IN_GUEST_MODE until after #VMEXIT."""

    OUTSIDE = "OUTSIDE_GUEST_MODE"
    IN_GUEST = "IN_GUEST_MODE"
    EXITING = "EXITING_GUEST_MODE"
    READING = "READING_SHADOW_PAGE_TABLES"


class MpState(Enum):
    """vcpu->arch.mp_state, without KVM_MP_STATE_SIPI_RECEIVED, which KVM turns into others."""

    RUNNABLE = "runnable"
    HALTED = "halted"
    UNINITIALIZED = "uninitialized"
    INIT_RECEIVED = "init-received"
    AP_RESET_HOLD = "ap-reset-hold"
    STOPPED = "stopped"


class Fault(Enum):
    """Why KVM_RUN failed, visibly for the VMM."""

    NONE = "none"
    REFUSED = "pre_sev_run() refused"  # KVM_EXIT_FAIL_ENTRY, VMRUN was not executed
    POINTER = "VMEXIT_INVALID: no VMSA"  # vmsa_pa is INVALID_PAGE
    NOT_VMSA = "VMEXIT_INVALID: page without the VMSA bit"
    FOREIGN = "VMEXIT_INVALID: page of another ASID"
    BUSY = "VMEXIT_BUSY"
    SVME = "VMEXIT_INVALID: EFER.SVME is clear"
    FEATURES = "VMEXIT_INVALID: SEV_FEATURES not allowed"
    OOPS = "its task died of an oops"  # and keeps its locks


class Asid(Enum):
    """The ASID in an RMP entry."""

    THIS = "this VM's"
    OTHER = "another VM's"


class Features(Enum):
    """SEV_FEATURES, as far as they differ from what KVM manages for the VM."""

    MANAGED = "managed"
    INJECTION = "another interrupt injection mode"
    DEBUG_SWAP = "DebugSwap on top"
    NO_SWAP = "DebugSwap left out"


class Host(Entity):
    """The host kernel and its cpus."""

    allowed_features: Const[bool] = False  # the cpu has Allowed SEV Features
    debug_swap: Const[bool] = False  # the cpu has DebugSwap
    sme_coherent: Const[bool] = False  # cpu writes snoop lines of the guest
    create_fails: Const[bool] = False  # KVM_CREATE_VCPU fails after it has counted the vcpu
    refills: Const[bool] = True  # kvm_gmem_get_pfn() allocates what was punched
    busy: bool = False  # firmware has the RMP entries of the 2 MiB region of the pages
    refuses: bool = False  # firmware is about to refuse SNP_LAUNCH_UPDATE
    rmp_fault: bool = False  # a host write met a page that is assigned to a guest
    false_fault: bool = False  # the hugepage erratum struck
    missed: bool = False  # a hardware breakpoint of the host did not match
    overwritten: bool = False  # a stale line of the guest fell on data of the host or a device


class Page(Entity):
    """A 4 KiB page with its RMP entry. ``launch`` pages are VMSAs that KVM allocated."""

    launch: Const[bool] = False
    gpa_aligned: Const[bool] = False  # the gpa is a multiple of 2 MiB
    pfn_aligned: Const[bool] = False  # the pfn is the first of a 2 MiB region
    slot: bool = True  # a memslot covers the gpa, and is bound to guest_memfd
    slot_invalid: bool = False  # it has KVM_MEMSLOT_INVALID: it is being deleted
    private: Const[bool] = True  # the gpa has KVM_MEMORY_ATTRIBUTE_PRIVATE
    owner: Owner = Owner.GUEST
    assigned: bool = True  # RMP: to a guest
    asid: Asid = Asid.THIS  # RMP: of which guest, if it is assigned
    vmsa: bool = False  # RMP: VMSA attribute
    immutable: bool = False  # RMP: RMPUPDATE fails until firmware clears it
    hugepage: Const[bool] = False  # a 2 MiB RMPUPDATE assigned it: its direct map was not split
    in_use: bool = False  # RMP: from VMRUN to #VMEXIT
    large: bool = False  # RMP: it is part of a 2 MiB entry
    present: bool = True  # in the guest_memfd file
    mapped: bool = True  # by an SPTE
    takers: Const[Set[Vcpu]]  # whom its guest would give it to, as a VMSA
    features: Features = Features.MANAGED  # what is written in the VMSA
    svme: bool = True  # EFER.SVME in the VMSA
    meant: Vcpu | None = None  # for whom the guest made it, if it sent it to another vcpu
    dirty: bool = False  # guest-tagged lines of it are in a cache
    met_in_use: bool = False  # an RMPADJUST found it in use
    leaked: bool = False  # the guest gave up on it after FAIL_INUSE
    old_regs: bool = False  # the VMSA has a register from before KVM_SET_REGS
    new_regs: bool = False  # the VMSA has a register from after it


class Vcpu(Entity):
    """A vcpu, with the fields of struct vcpu_sev_es_state that AP creation uses."""

    bsp: Const[bool] = False
    launch: Const[Page | None] = None  # sev_es.vmsa
    own: Const[Page | None] = None  # the only page that its guest would give it, where it has many
    in_run: bool = True  # its task is in KVM_RUN and holds vcpu->mutex
    online: bool = True  # KVM_CREATE_VCPU has returned
    parks: Const[bool] = False  # a proposal: no event wakes it while it is destroyed
    parked: bool = False  # it took a DESTROY, and no VMSA since; only with ``parks``
    protected: bool = True  # guest_state_protected: the launch VMSA is encrypted
    mode: Mode = Mode.OUTSIDE
    mp_state: MpState = MpState.RUNNABLE
    running: bool = False  # between VMRUN and #VMEXIT
    update: bool = False  # KVM_REQ_UPDATE_PROTECTED_GUEST_STATE
    reload: bool = False  # KVM_REQ_VMSA_PAGE_RELOAD
    init: bool = False  # KVM_APIC_INIT in apic->pending_events
    sipi: bool = False  # KVM_APIC_SIPI
    nmi: bool = False  # KVM_REQ_NMI, or nmi_pending
    irq: bool = False  # an interrupt is pending in its LAPIC
    irqs_on: Const[bool] = True  # it was interruptible at its last #VMEXIT: RFLAGS.IF, no shadow
    apic: bool = True  # its LAPIC is on, so that it accepts interrupts
    unhalted: bool = False  # pv.pv_unhalted
    ghcb: bool = False  # its GHCB is mapped
    hold: bool = False  # ap_reset_hold_type is AP_RESET_HOLD_NAE_EVENT
    sipied: bool = False  # received_first_sipi
    vmsa: Page | None = None  # vmcb->control.vmsa_pa
    looks: Page | None = None  # what it has looked up in the memslots, under kvm->srcu
    blank: bool = False  # vmsa_pa is a page that guest_memfd has just allocated
    cached: Page | None = None  # the VMSA pointer that hardware may have kept
    clean: bool = False  # the VMCB is marked clean
    waiting: bool = False  # snp_ap_waiting_for_reset (RFC: snp_ap_create)
    pending: Page | None = None  # snp_pending_vmsa_gpa (before 7.3: snp_vmsa_gpa)
    guest_vmsa: Page | None = None  # snp_guest_vmsa_gpa
    has_guest_vmsa: bool = False  # snp_has_guest_vmsa
    locked: bool = False  # snp_vmsa_mutex
    held: bool = False  # vcpu->mutex is held by KVM_SEV_SNP_LAUNCH_FINISH
    awaits: Vcpu | None = None  # whose answer to its IPI it waits for
    fault: Fault = Fault.NONE
    asks: Const[Set[Vcpu]]  # whom its guest code may target
    dumps: Const[bool] = False  # it runs the guest's kdump kernel
    reading: Page | None = None  # the page that its guest code is reading for a dump
    adjusting: Page | None = None  # the page whose RMPADJUST faults and is tried again
    new_regs: bool = False  # KVM_SET_REGS was called
    loaded: bool = False  # guest_state_loaded: the host save area was saved since vcpu_load()
    saved_masks: bool = False  # its cpu's host save area has the host's DR address masks
    saved_drs: bool = False  # and the host's DR0..DR3
    masks: bool = True  # the DR address masks of its cpu are the host's, outside the guest
    drs: bool = True  # and DR0..DR3
    reported: bool = False  # it ran, so the guest knows its APIC id

    # What the guest was promised; no mechanism reads these.
    asked: Page | None = None  # by the last request that was accepted
    on_init: bool = False  # it was CREATE_ON_INIT, and no INIT was taken since
    due: bool = False  # it was CREATE, and the vcpu neither ran nor failed since
    destroyed: bool = False  # it was DESTROY, and AP_CREATION has returned
    accepted: bool = False  # a request was accepted that the vcpu has not yet taken
    wronged: bool = False  # it took one that was not accepted, or not the last one that was
    rejected: bool = False  # a request was rejected, and none accepted since
    doomed: Set[Page]  # VMSAs that the request being handled replaces
    retired: Set[Page]  # VMSAs that are never to be entered again
    reentered: bool = False  # VMRUN was executed with one of them
    revived: bool = False  # VMRUN succeeded although the vcpu was destroyed
    posthumous: bool = False  # KVM accepted a request of it after its DESTROY had returned
    early: bool = False  # it took a CREATE_ON_INIT before INIT
    ran_freed: bool = False  # VMRUN succeeded with a page that was freed

    @property
    def failed(self) -> bool:
        """True when KVM_RUN has failed; an honest VMM does not call it again."""
        return self.fault not in (Fault.NONE, Fault.OOPS)

    @property
    def outside(self) -> bool:
        """True while its task is in KVM_RUN, outside guest mode, with nothing begun."""
        here = self.idle and self.in_run and self.online and not self.running
        return here and self.mode == Mode.OUTSIDE and self.fault == Fault.NONE

    @property
    def has_events(self) -> bool:
        """kvm_vcpu_has_events(), and what else makes kvm_arch_vcpu_runnable() true."""
        if self.parked:
            return self.waiting and (self.update or self.init)
        woken = self.nmi or (self.irq and self.irqs_on) or self.unhalted
        return self.update or self.init or self.sipi or woken


class Vm(Entity):
    """The VM, its guest_memfd, and what kind of guest runs in it."""

    honest: Const[bool] = True  # the guest keeps the GHCB's rules
    careful: Const[bool] = True  # it takes no VMSA page whose gpa is 2 MiB aligned
    lies: Const[bool] = False  # the RAX of AP_CREATION is not what the VMSA says
    skips_encrypted: Const[bool] = False  # LAUNCH_FINISH passes over vcpus that are encrypted
    frees_launch: Const[bool] = False  # KVM frees the launch VMSA once it is replaced
    clears_late: Const[bool] = False  # the request bit is cleared under snp_vmsa_mutex
    dump_destroys: Const[bool] = False  # the kdump kernel issues AP_DESTROY first
    debug_swap: Const[bool] = False  # SEV_FEATURES that KVM manages include DebugSwap
    saves_each: Const[bool] = False  # KVM saves the host's DR masks before each entry
    knows_ids: Const[bool] = True  # the guest can ask for the APIC ids of vcpus that never ran
    askers: Const[Set[Vcpu]]  # whose guest code may make requests: nobody else waits for an IPI
    mmu_lock: bool = False  # somebody zaps, and waits for the users of what he zaps
    invalidating: Page | None = None  # mmu_invalidate_in_progress, and its range
    seq: Annotated[int, Between(0, 3)] = 0  # mmu_invalidate_seq
    locked: bool = False  # kvm->lock
    creating: bool = False  # created_vcpus != online_vcpus
    missed: bool = False  # LAUNCH_FINISH succeeded while a vcpu was being created
    to_launch: Const[bool] = False  # KVM_SEV_SNP_LAUNCH_FINISH was to come at the start
    finished: bool = False  # KVM_SEV_SNP_LAUNCH_FINISH has succeeded


class Task(Entity):
    """A task of the VMM that is no vcpu."""

    awaits: Set[Vcpu]  # vcpus that have not yet answered its IPI
