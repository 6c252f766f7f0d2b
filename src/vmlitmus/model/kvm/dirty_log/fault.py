"""A write fault: fast_page_fault() without mmu_lock, or an SPTE from make_spte() under it.

Atomic sections of the fast one: the memslot is found, inside srcu; the SPTE is read; it is made
writable by cmpxchg, if it has not changed; the page is marked. It may be fast if the SPTE is
present, for it is MMU-writable here. A cmpxchg that fails is tried again; here the vcpu faults
again. Those of the slow one, which shares mmu_lock with other faults: make_spte() marks the page;
the SPTE is installed. The log is read, and cleared, with mmu_lock held for writing.

Without PML the log does not need the cmpxchg: the mark comes after the SPTE is writable, whatever
the SPTE was before. What cmpxchg is for is the pfn: a page that was zapped meanwhile must not come
back (topic tlb-flush). With PML a fault is fast where a huge page was write-protected when logging
was switched on, and split: the SPTE has no W bit, but its D bit, and PML logs nothing. There the
cmpxchg is a second guard: it fails if the D bit was cleared. A huge page that KVM_CLEAR_DIRTY_LOG
write-protects is not MMU-writable any more (write_protect_gfn()), so that no fault on it is fast.

KVM_PRE_FAULT_MEMORY maps a range page by page, as a read fault that is slow would. A page that the
host can write becomes writable, and is marked. It does not ask whether the ring has room.

With shadow paging no fault is fast, and the slow one holds mmu_lock for writing.

Not modelled: huge pages, which a fault splits and which KVM_CLEAR_DIRTY_LOG write-protects; faults
that an invalidation makes stale (topic tlb-flush).
Source: fast_page_fault(), fast_pf_fix_direct_spte() in arch/x86/kvm/mmu/mmu.c, make_spte() in
arch/x86/kvm/mmu/spte.c, tdp_mmu_map_handle_target_level() in arch/x86/kvm/mmu/tdp_mmu.c,
kvm_vcpu_pre_fault_memory() in virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.dirty_log.mark import MARK, PUSH, mark, ring_full
from vmlitmus.model.kvm.dirty_log.run_loop import empty_pml_buffer, leave, may_share
from vmlitmus.world.dirty_log.guest import Page, Vcpu, Vm

MMU = "arch/x86/kvm/mmu/mmu.c"
FAST = KernelFile(MMU, "fast_page_fault()", "7.2.8")
FIX = KernelFile(MMU, "fast_pf_fix_direct_spte()", "7.2.8")
MAKE = KernelFile("arch/x86/kvm/mmu/spte.c", "make_spte()", "7.2.8")
MAP = KernelFile("arch/x86/kvm/mmu/tdp_mmu.c", "tdp_mmu_map_handle_target_level()", "7.2.8")
PREFAULT = KernelFile("virt/kvm/kvm_main.c", "kvm_vcpu_pre_fault_memory()", "7.2.8")
CMPXCHG = "make the SPTE writable only if it has not changed"
AFTER = "mark the page after its SPTE is writable"
HOLDS = "hold mmu_lock from the mark of make_spte() to the SPTE"


@sequence(source=(FAST, FIX, MAKE, MAP, MARK, PUSH), disturbance="guest-write", fair="weak")
def page_fault(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(vcpu.running and page not in vcpu.tlb and not (page.present and page.writable))
    leave(w, vcpu)
    yield "{vcpu} takes a VM exit for its write to {page}"
    empty_pml_buffer(w, vcpu)
    vcpu.srcu = True
    logs = w.the(Vm).logging
    yield "{vcpu} finds the memslot of {page}, which has a log or has none: {logs}"
    if page.present and not w.the(Vm).shadow:
        dirty = page.dirty
        if page.writable:
            done(vcpu)
            yield "{vcpu} finds the SPTE of {page} writable by now"
            return
        yield "{vcpu} reads the SPTE of {page}"
        if logs and not w.part(AFTER):
            mark(w, vcpu, page)
            yield "{vcpu} marks {page} before its SPTE is writable"
        changed = not page.present or page.writable or page.dirty != dirty
        if changed and w.part(CMPXCHG):
            done(vcpu)
            yield "{vcpu} finds that the SPTE of {page} has changed, and will fault again"
            return
        page.present = True
        page.writable = True
        page.dirty = dirty
        yield "{vcpu} makes the SPTE of {page} writable"
        if logs and w.part(AFTER):
            mark(w, vcpu, page)
        done(vcpu)
        yield "{vcpu} has marked {page}, if its memslot has a log"
        return
    when(may_share(w))
    vcpu.mmu_lock = w.part(HOLDS)
    if logs:
        mark(w, vcpu, page)
    yield "{vcpu} is in make_spte() for {page} and has marked it, if its memslot has a log"
    when(not w.the(Vm).mmu_lock)
    page.present = True
    page.writable = True
    page.dirty = True
    page.changed = False
    vcpu.mmu_lock = False
    done(vcpu)
    yield "{vcpu} installs the SPTE of {page}"


@sequence(source=(PREFAULT, MAKE, MAP, MARK, PUSH), disturbance="prefault", fair="weak")
def prefault(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(vcpu.idle and vcpu.online and not vcpu.running and not page.present)
    when(not (w.the(Vm).looks_for_room and ring_full(w, vcpu)))
    vcpu.srcu = True
    logs = w.the(Vm).logging
    yield "{vcpu} is in KVM_PRE_FAULT_MEMORY and comes to {page}"
    when(not w.the(Vm).mmu_lock)
    vcpu.mmu_lock = True
    if logs:
        mark(w, vcpu, page)
    yield "{vcpu} is in make_spte() of its prefault and has marked {page}, if its memslot has a log"
    page.present = True
    page.writable = True
    page.dirty = True
    vcpu.mmu_lock = False
    done(vcpu)
    yield "{vcpu} installs the SPTE of {page}, which it prefaults"


def done(vcpu: Vcpu) -> None:
    """The fault is over: the vcpu leaves srcu."""
    vcpu.srcu = False
    vcpu.waited = False
