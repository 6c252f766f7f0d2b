"""guest_memfd punches a hole: KVM removes the page from both tables, and the folio is freed.

With mmu_lock held for writing the mirror loses its entry, and KVM blocks the page
(TDH.MEM.RANGE.BLOCK), begins an epoch (TDH.MEM.TRACK), kicks all vcpus out with a wait, removes the
page (TDH.MEM.PAGE.REMOVE) and writes its cache lines back. A SEAMCALL that is busy is made once
more with all vcpus kicked out and held back by wait_for_sept_zap: it has to succeed then, and
KVM_BUG_ON() ends the VM otherwise. If TDH.MEM.TRACK fails, the removal is tried all the same.
Before mmu_lock is dropped, KVM requests a TLB flush of all vcpus, with a wait: tdx_flush_tlb_all()
flushes all that the cpu has of the TD. guest_memfd truncates the folio after that, whatever came of
it.

Not modelled: the cache lines; that mmu_lock may be dropped between two entries of one hole; zaps by
memory attributes and memslots, which do the same with the same locks.

Not load-bearing: "TDH.MEM.TRACK checks the epoch before": KVM kicks all vcpus out after each epoch,
so that none counts in the one before.
Source: kvm_gmem_punch_hole() and __kvm_gmem_invalidate_start() in virt/kvm/guest_memfd.c,
tdh_do_no_vcpus(), tdx_track() and tdx_sept_remove_leaf_spte() in arch/x86/kvm/vmx/tdx.c,
kvm_make_all_cpus_request() in virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.secure_ept.module import (
    BLOCK,
    CHECKS_BEFORE,
    CHECKS_TRACKED,
    REMOVE,
    TRACK,
    TRACKED,
    begin_epoch,
    entry_locked,
    exclusive,
    free_entry,
    old_counts,
    shared,
    tracked,
)
from vmlitmus.world.secure_ept.td import Blocked, Cpu, Entry, Mirror, Page, Task, Td, Vcpu

TDX = "arch/x86/kvm/vmx/tdx.c"
PUNCH = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_punch_hole()", "7.2.8")
NO_VCPUS = KernelFile(TDX, "tdh_do_no_vcpus()", "7.2.8")
KVM_TRACK = KernelFile(TDX, "tdx_track()", "7.2.8")
KVM_REMOVE = KernelFile(TDX, "tdx_sept_remove_leaf_spte()", "7.2.8")
REQUEST = KernelFile("virt/kvm/kvm_main.c", "kvm_make_all_cpus_request()", "7.2.8")
MAKES_AGAIN = "make a SEAMCALL again that was busy"
KICKS_FIRST = "kick all vcpus before a SEAMCALL is made again"
BLOCKS = "block the page before it is removed"
TRACKS = "begin an epoch after the page is blocked"
KICKS = "kick all vcpus after the epoch has begun"
WAITS = "wait until all vcpus that are kicked have IRQs on"
WAITS_FOR_ALL = "wait for a vcpu that is on its way into the guest as well"
WAITS_FOR_KICKED = "wait for a vcpu that another thread has kicked before as well"
EXCLUDES = "keep mmu_lock to the end of the removal"
FLUSHES_LAST = "make KVM_REQ_TLB_FLUSH before mmu_lock is dropped"


def mmu_locked(w: World) -> bool:
    """Say whether mmu_lock is held, for writing or for reading."""
    return w.the(Td).mmu_lock or any(v.mmu_lock for v in w.all(Vcpu))


def kick_all(w: World, task: Task) -> None:
    """kvm_make_all_cpus_request() with KVM_REQUEST_WAIT."""
    for vcpu in w.all(Vcpu):
        found = vcpu.in_guest_mode and (vcpu.running or w.part(WAITS_FOR_ALL))
        if found and (not vcpu.kicked or w.part(WAITS_FOR_KICKED)):
            vcpu.kicked = True
            if w.part(WAITS):
                task.awaits.add(vcpu)


def bug(w: World, task: Task) -> Sections:
    """KVM_BUG_ON(): the first one makes KVM_REQ_VM_DEAD of all vcpus, with a wait."""
    td = w.the(Td)
    if not td.bugged:
        td.bugged = True
        kick_all(w, task)
    yield "{task} ends the VM, as a SEAMCALL failed"
    when(not task.awaits)
    yield "{task} has had all vcpus leave the VM that has ended"


def let_in(w: World, task: Task) -> Sections:
    """The end of tdh_do_no_vcpus() after TDX_OPERAND_BUSY."""
    td = w.the(Td)
    if td.held_back:
        td.held_back = False
        yield "{task} clears wait_for_sept_zap"


def hold_back(w: World, task: Task) -> Sections:
    """tdh_do_no_vcpus() after TDX_OPERAND_BUSY."""
    w.the(Td).held_back = True
    yield "{task} sets wait_for_sept_zap, as a SEAMCALL was busy"
    if w.part(KICKS_FIRST):
        kick_all(w, task)
    yield "{task} makes KVM_REQ_OUTSIDE_GUEST_MODE before the second try"
    when(not task.awaits)
    yield "{task} has had all vcpus leave before the second try"


def block(w: World, task: Task, page: Page) -> Sections:
    """TDH.MEM.RANGE.BLOCK."""
    if (exclusive(w) or shared(w) or entry_locked(w, page)) and w.part(MAKES_AGAIN):
        yield from hold_back(w, task)
    if exclusive(w) or shared(w) or entry_locked(w, page):
        task.failed = True
        yield "TDH.MEM.RANGE.BLOCK of {task} is busy again"
        yield from let_in(w, task)
        yield from bug(w, task)
    else:
        task.blocking = True
        page.host_locked = True
        yield "TDH.MEM.RANGE.BLOCK of {task} locks the Secure EPT"
        page.entry = Entry.BLOCKED
        page.blocked = Blocked.NOW
        task.blocking = False
        page.host_locked = False
        yield "{task} has blocked {page}"
        yield from let_in(w, task)


def track(w: World, task: Task) -> Sections:
    """tdx_track()."""
    td = w.the(Td)
    if any(v.sampling for v in w.all(Vcpu)) and w.part(MAKES_AGAIN):
        yield from hold_back(w, task)
    if any(v.sampling for v in w.all(Vcpu)):
        yield "TDH.MEM.TRACK of {task} is busy again"
        yield from let_in(w, task)
        yield from bug(w, task)
    else:
        td.tracking = True
        yield "TDH.MEM.TRACK of {task} locks the epoch"
        td.tracking = False
        if old_counts(w) and w.part(CHECKS_BEFORE):
            yield "TDH.MEM.TRACK of {task} finds a vcpu in the epoch before"
            yield from let_in(w, task)
            yield from bug(w, task)
        else:
            begin_epoch(w)
            yield "TDH.MEM.TRACK of {task} begins an epoch"
            yield from let_in(w, task)
    if w.part(KICKS):
        kick_all(w, task)
    yield "{task} kicks all vcpus after TDH.MEM.TRACK"
    when(not task.awaits)
    yield "{task} has had all vcpus leave after TDH.MEM.TRACK"


def remove(w: World, task: Task, page: Page) -> Sections:
    """TDH.MEM.PAGE.REMOVE."""
    if (exclusive(w) or entry_locked(w, page)) and w.part(MAKES_AGAIN):
        yield from hold_back(w, task)
    if exclusive(w) or entry_locked(w, page):
        yield "TDH.MEM.PAGE.REMOVE of {task} is busy again"
        yield from let_in(w, task)
        yield from bug(w, task)
    else:
        task.removing = True
        page.host_locked = True
        yield "TDH.MEM.PAGE.REMOVE of {task} locks the Secure EPT, shared"
        task.removing = False
        page.host_locked = False
        safe = page.entry == Entry.BLOCKED and tracked(w, page)
        if safe or not w.part(CHECKS_TRACKED):
            free_entry(w, page)
            yield "TDH.MEM.PAGE.REMOVE of {task} has removed {page}"
            yield from let_in(w, task)
        else:
            yield "TDH.MEM.PAGE.REMOVE of {task} finds {page} not blocked, or not tracked"
            yield from let_in(w, task)
            yield from bug(w, task)


def flush_tlbs(w: World, task: Task) -> Sections:
    """kvm_flush_remote_tlbs(), with mmu_lock held."""
    for vcpu in w.all(Vcpu):
        vcpu.flush = True
    kick_all(w, task)
    yield "{task} makes KVM_REQ_TLB_FLUSH of all vcpus"
    when(not task.awaits)
    yield "{task} has had all vcpus leave after KVM_REQ_TLB_FLUSH"


@sequence(
    source=(PUNCH, KVM_REMOVE, NO_VCPUS, KVM_TRACK, REQUEST, BLOCK, TRACK, REMOVE, TRACKED),
    disturbance="punch-hole",
    fair="weak",
)
def punch_hole(w: World, task: Task, page: Page) -> Sections:
    td = w.the(Td)
    when(not page.punched and not page.freed)
    task.failed = False
    page.punched = True
    yield "{task} begins to punch {page} out of guest_memfd"
    when(not mmu_locked(w))
    td.mmu_lock = w.part(EXCLUDES)
    page.invalidating = True
    there = page.mirror == Mirror.PRESENT
    page.mirror = Mirror.NONE
    yield "{task} takes mmu_lock and clears the mirror of {page}"
    if there:
        if w.part(BLOCKS):
            yield from block(w, task, page)
        if w.part(TRACKS) and not task.failed:
            yield from track(w, task)
        if not task.failed:
            yield from remove(w, task, page)
        if w.part(FLUSHES_LAST):
            yield from flush_tlbs(w, task)
    td.mmu_lock = False
    yield "{task} drops mmu_lock"
    page.freed = True
    for cpu in w.all(Cpu):
        if page in cpu.tlb:
            cpu.freed.add(page)
    yield "{task} has freed {page}"
    when(not mmu_locked(w))
    page.invalidating = False
    page.punched = False
    for vcpu in w.all(Vcpu):
        vcpu.outdated = True
    yield "{task} ends the invalidation of {page} with mmu_lock"
