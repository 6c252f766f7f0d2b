"""The host: cores, their cpus, and what each cpu's caches hold."""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import Const, Entity, Set
from vmlitmus.world.memory import Page


class Writeback(Enum):
    """The instruction that KVM uses where only a write-back is needed."""

    WBINVD = "wbinvd"
    WBNOINVD = "wbnoinvd"


class Hotplug(Enum):
    """Where a cpu is on its way out of the system."""

    ONLINE = "online"
    DRAINED = "drained"  # not active: the scheduler has moved all tasks away
    LEAVING = "leaving"  # online bit cleared, play-dead WBINVD not yet executed
    OFFLINE = "offline"


class ReclaimFlush(Enum):
    """Where among the steps of a notifier the caches are written back."""

    BEFORE_ZAP = "before-zap"
    BEFORE_WAIT = "before-wait"  # SPTEs zapped, TLB flush requested and not waited for
    AFTER_WAIT = "after-wait"  # as merged
    AFTER_FREE = "after-free"  # when the page is back with the allocator


class MoveFlush(Enum):
    """Where among the steps of KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM they are."""

    BEFORE_LOCKS = "before-locks"
    UNDER_LOCKS = "under-locks"
    AFTER_MOVE = "after-move"  # the source is no longer SEV


class InitOrder(Enum):
    """When KVM_SEV_INIT allocates have_run_cpus, and when it sets sev->active."""

    ACTIVE_FIRST = "active-first"  # 7.2.8
    MASK_FIRST = "mask-first"
    ACTIVE_LAST = "active-last"  # when nothing can fail any more


class CopyOrder(Enum):
    """When COPY sets sev->active of the mirror, and what a call that fails leaves of it."""

    MASK_FIRST = "mask-first"  # 7.2.8: when nothing can fail any more
    TAKEN_BACK = "taken-back"  # before have_run_cpus is allocated, and cleared on failure
    KEPT = "kept"  # before it is allocated, whatever comes of the call


class Calls(Enum):
    """What comes of a system call whose outcome a scenario may choose."""

    SUCCEED = "succeed"
    FAIL = "fail"
    EITHER = "either"


class OtherAsid(Enum):
    """How far the ASID of some other VM is on its way to a third one."""

    USED = "used"
    DEACTIVATED = "deactivated"
    RECLAIMABLE = "reclaimable"  # its bit is set in sev_reclaim_asid_bitmap
    FREE = "free"  # its bit is clear in sev_asid_bitmap: it may be given to a VM


class GuestWbinvd(Enum):
    """What becomes of wbinvd_dirty_mask when a guest has executed WBINVD."""

    MERGED = "as-merged"  # cleared after put_cpu()
    PINNED = "before-put-cpu"
    OWN = "keeps-own-cpu"  # cleared after put_cpu(), but for the cpu of get_cpu()
    OWN_PINNED = "keeps-own-cpu-before-put-cpu"
    NEVER = "never-cleared"


class SeamcallMark(Enum):
    """When a SEAMCALL sets cache_state_incoherent."""

    BEFORE = "before"  # as merged, on its own cpu
    AFTER = "after"
    OTHER_CPU = "other-cpu"  # with preemption on the call may be made on another cpu
    NEVER = "never"


class TdxFlush(Enum):
    """When KVM and the TDX code write back all caches on the way to kexec."""

    NONE = "none"
    EARLY = "early"  # while SEAMCALLs may still be made
    LAST = "last"  # as merged: after tdx_sys_disable()


class Host(Entity):
    """The machine as a whole."""

    sme_coherent: Const[bool] = False  # X86_FEATURE_SME_COHERENT
    interrupts_first: Const[bool] = False  # an IPI that was sent is taken before all else there
    writeback: Const[Writeback] = Writeback.WBNOINVD
    clean_lines: Const[bool] = False  # follow clean lines too, for stale reads
    recycles_asid: Const[bool] = False  # a second VM gets the ASID of the first
    racing_vmm: Const[bool] = False  # the VMM unregisters memory that its guest still uses
    reclaim_flush: Const[ReclaimFlush] = ReclaimFlush.AFTER_WAIT
    move_flush: Const[MoveFlush] = MoveFlush.UNDER_LOCKS
    init_order: Const[InitOrder] = InitOrder.ACTIVE_FIRST
    copy_order: Const[CopyOrder] = CopyOrder.MASK_FIRST
    sme_active: Const[bool] = True  # the kernel itself uses SME (mem_encrypt=on)
    kexec_asks_sme: Const[bool] = False  # relocate_kernel() looks at sme_active, as 6.12.107 does
    seamcall_mark: Const[SeamcallMark] = SeamcallMark.BEFORE
    tdx_flush: Const[TdxFlush] = TdxFlush.NONE
    noncoherent_dma: Const[bool] = False  # a device that does not snoop is assigned
    guest_wbinvd: Const[GuestWbinvd] = GuestWbinvd.MERGED
    rebooting: bool = False  # kvm_rebooting: no vcpu enters its guest
    init_fails: Const[bool] = False  # the firmware may fail during KVM_SEV_INIT
    context_calls: Const[Calls] = Calls.SUCCEED  # MOVE and COPY
    create_calls: Const[Calls] = Calls.SUCCEED  # KVM_CREATE_VCPU
    bitmap_lock: bool = False  # sev_bitmap_lock is held for recycling
    other_asid: OtherAsid = OtherAsid.USED
    other_flushed: bool = True  # all cpus wrote back since it was deactivated, and DF_FLUSH went on
    deactivate_lock: bool = False  # sev_deactivate_lock is held for writing
    wbinvd_seen: bool = False  # firmware has seen WBINVD on all cpus since the last DEACTIVATE
    df_flush_refused: bool = False  # firmware has answered DF_FLUSH with WBINVD_REQUIRED
    oops: bool = False  # the kernel dereferenced a NULL pointer


class Core(Entity):
    """A physical core."""


class Cpu(Entity, runs_on="self"):
    """A hardware thread as Linux numbers it, with the guest-tagged lines its caches hold.

    A page has 64 lines, so several cpus may hold dirty lines of one page.
    """

    core: Const[Core]
    hotplug: Hotplug = Hotplug.ONLINE
    dirty: Set[Page]  # guest-tagged (C=1) lines not written back
    clean: Set[Page]  # guest-tagged lines that equal memory
    old: Set[Page]  # guest-tagged lines filled before the page went to another guest
    incoherent: bool = True  # cache_state_incoherent; set at boot on cpus with SME
    stopping: bool = False  # in cpus_stop_mask
    host_dirty: Set[Page]  # host-tagged (C=0) lines not written back

    @property
    def online(self) -> bool:
        """True while the cpu is in cpu_online_mask."""
        return self.hotplug in (Hotplug.ONLINE, Hotplug.DRAINED)

    @property
    def active(self) -> bool:
        """True while the cpu is in cpu_active_mask: a task may be put there."""
        return self.hotplug == Hotplug.ONLINE
