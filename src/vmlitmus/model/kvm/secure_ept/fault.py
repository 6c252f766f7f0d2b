"""An EPT violation of a TD: KVM gets the page from guest_memfd and adds it to both tables.

mmu_lock is held for reading. The entry of the mirror is frozen by cmpxchg, TDH.MEM.PAGE.AUG adds
the page as pending, and then the mirror gets its value. If the SEAMCALL is busy the mirror gets
back what it had, and KVM tries again without entering the TD. It also tries again if an
invalidation of the gfn is under way, or one has ended since it read mmu_invalidate_seq. The
scheduler gives a task its cpu again and again, hence the strong fairness.

Not modelled: that KVM leaves this loop for an event or a signal; page tables that are missing.
Source: tdx_handle_ept_violation() and tdx_mem_page_aug() in arch/x86/kvm/vmx/tdx.c,
tdp_mmu_set_spte_atomic() in arch/x86/kvm/mmu/tdp_mmu.c, kvm_tdp_mmu_page_fault() in
arch/x86/kvm/mmu/mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.secure_ept.module import AUG, entry_locked, exclusive
from vmlitmus.world.secure_ept.td import Entry, Mirror, Page, Td, Vcpu

HANDLE = KernelFile("arch/x86/kvm/vmx/tdx.c", "tdx_handle_ept_violation()", "7.2.8")
ADD = KernelFile("arch/x86/kvm/vmx/tdx.c", "tdx_mem_page_aug()", "7.2.8")
SET = KernelFile("arch/x86/kvm/mmu/tdp_mmu.c", "tdp_mmu_set_spte_atomic()", "7.2.8")
PAGE_FAULT = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_tdp_mmu_page_fault()", "7.2.8")
LOOKS_AGAIN = "look for invalidations under mmu_lock"


@sequence(source=(HANDLE, PAGE_FAULT, SET, ADD, AUG), fair="strong")
def page_fault(w: World, vcpu: Vcpu, page: Page) -> Sections:
    td = w.the(Td)
    when(vcpu.wants == page and vcpu.cpu.loaded is None and not vcpu.out)
    resolved = False
    while not resolved:
        vcpu.outdated = False
        page.freed = False
        yield "{vcpu} reads mmu_invalidate_seq and gets {page} from guest_memfd"
        when(not td.mmu_lock)
        again = (page.invalidating or vcpu.outdated) and w.part(LOOKS_AGAIN)
        if page.mirror == Mirror.PRESENT or td.bugged:
            resolved = True
            yield "{vcpu} has nothing to add"
        elif again or page.mirror == Mirror.FROZEN:
            yield "{vcpu} is to try again"
        else:
            vcpu.mmu_lock = True
            page.mirror = Mirror.FROZEN
            yield "{vcpu} has mmu_lock for reading, and freezes the mirror of {page}"
            if exclusive(w) or entry_locked(w, page):
                page.mirror = Mirror.NONE
                vcpu.mmu_lock = False
                yield "TDH.MEM.PAGE.AUG of {vcpu} is busy: the Secure EPT or its entry is locked"
            else:
                vcpu.adding = True
                page.host_locked = True
                yield "TDH.MEM.PAGE.AUG of {vcpu} locks the Secure EPT, shared"
                vcpu.adding = False
                page.host_locked = False
                resolved = True
                if page.entry == Entry.FREE:
                    page.entry = Entry.PENDING
                    page.mirror = Mirror.PRESENT
                else:
                    td.bugged = True
                    page.mirror = Mirror.NONE
                vcpu.mmu_lock = False
                yield "{vcpu} has added {page} and drops mmu_lock"
    vcpu.wants = None
    yield "{vcpu} has handled its EPT violation"
