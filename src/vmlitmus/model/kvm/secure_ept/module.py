"""What SEAMCALLs lock in the TDX module, and how it tracks which TLBs may hold a blocked page.

A lock is tried once: who finds it taken gets TDX_OPERAND_BUSY. A guest that accepts a page locks
its entry first and looks at its state then, whatever that is. The TD has an epoch. A vcpu that
enters notes it and counts in its REFCOUNT until it exits; if the epoch is new to the vcpu, the
translations of the TD are flushed first, but not at its first entry on a cpu. They are flushed
there too, because another vcpu entered before, if any did. TDH.MEM.TRACK begins an epoch, unless a
vcpu still counts in the one before. A page may be removed if it is blocked, and no vcpu counts in
the epoch in which that was done.

Not modelled: L2 guests of a TD; huge pages; pages of the Secure EPT itself; the export of a TD; the
priority that the host gets at an entry of the Secure EPT once the guest had it.
Source: adjust_tlb_tracking_state(), is_tlb_tracked() and td_entry_stepping_filter() of the TDX
module 1.5.01, and its functions of the SEAMCALLs that the steps name.
"""

from __future__ import annotations

from vmlitmus.lang import TdxModule, World
from vmlitmus.world.secure_ept.td import Blocked, Counts, Cpu, Entry, Page, Task, Vcpu

RELEASE = "1.5.01"
ENTER = TdxModule("tdh_vp_enter()", RELEASE)
ADJUST = TdxModule("adjust_tlb_tracking_state()", RELEASE)
FILTER = TdxModule("td_entry_stepping_filter()", RELEASE)
LEAVE = TdxModule("td_vmexit_to_vmm()", RELEASE)
ACCEPT = TdxModule("tdg_mem_page_accept()", RELEASE)
AUG = TdxModule("tdh_mem_page_aug()", RELEASE)
BLOCK = TdxModule("tdh_mem_range_block()", RELEASE)
TRACK = TdxModule("tdh_mem_track()", RELEASE)
REMOVE = TdxModule("tdh_mem_page_remove()", RELEASE)
TRACKED = TdxModule("is_tlb_tracked()", RELEASE)
FLUSHES_OLD = "TDH.VP.ENTER flushes what the vcpu has from an older epoch"
FLUSHES_OTHER = "TDH.VP.ENTER flushes when another vcpu entered there last"
CHECKS_BEFORE = "TDH.MEM.TRACK checks the epoch before"
CHECKS_TRACKED = "TDH.MEM.PAGE.REMOVE checks that the page is tracked"


def exclusive(w: World) -> bool:
    """Say whether the lock of the Secure EPT is held exclusive."""
    return any(t.blocking for t in w.all(Task)) or any(v.filtering for v in w.all(Vcpu))


def shared(w: World) -> bool:
    """Say whether it is held shared."""
    return any(t.removing for t in w.all(Task)) or any(v.adding for v in w.all(Vcpu))


def entry_locked(w: World, page: Page) -> bool:
    """Say whether the guest holds the lock of an entry."""
    return any(v.accepting == page for v in w.all(Vcpu))


def old_counts(w: World) -> bool:
    """Say whether a vcpu counts in the epoch before this one."""
    return any(v.counts == Counts.OLD for v in w.all(Vcpu))


def tracked(w: World, page: Page) -> bool:
    """is_tlb_tracked()."""
    if page.blocked == Blocked.LAST:
        return not old_counts(w)
    return page.blocked == Blocked.EARLIER


def begin_epoch(w: World) -> None:
    """TD_EPOCH grows by one; of the two REFCOUNTs each takes the part of the other."""
    for vcpu in w.all(Vcpu):
        vcpu.behind = True
        if vcpu.counts != Counts.NOWHERE:
            vcpu.counts = Counts.OLD if vcpu.counts == Counts.NEW else Counts.NEW
    for page in w.all(Page):
        if page.entry == Entry.BLOCKED:
            page.blocked = Blocked.LAST if page.blocked == Blocked.NOW else Blocked.EARLIER


def free_entry(w: World, page: Page) -> None:
    """The entry of a page is free, and what TLBs still hold of it is that of a removed page."""
    page.entry = Entry.FREE
    for cpu in w.all(Cpu):
        if page in cpu.tlb:
            cpu.removed.add(page)


def clear_tlb(cpu: Cpu) -> None:
    """INVEPT for the Secure EPT; all vcpus of the TD on a cpu have the same tag."""
    cpu.tlb.clear()
    cpu.removed.clear()
    cpu.freed.clear()


def flush(vcpu: Vcpu) -> None:
    """INVEPT on the cpu of a vcpu."""
    clear_tlb(vcpu.cpu)


def note_epoch(w: World, vcpu: Vcpu) -> None:
    """adjust_tlb_tracking_state()."""
    if vcpu.behind and vcpu.lp is not None and w.part(FLUSHES_OLD):
        flush(vcpu)
    vcpu.lp = vcpu.cpu
    vcpu.behind = False
    vcpu.counts = Counts.NEW


def leave(vcpu: Vcpu) -> None:
    """The TD exit: the vcpu counts no more."""
    vcpu.running = False
    vcpu.counts = Counts.NOWHERE
