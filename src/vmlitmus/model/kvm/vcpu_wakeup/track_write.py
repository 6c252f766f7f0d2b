"""KVM emulates a guest's write to its page table while another vcpu's fault shadows that table.

The writer stores the new PTE into guest memory and then looks whether anything is shadowed at all:
if not, it goes on without mmu_lock. The fault has read the old PTE, counts its shadow page under
mmu_lock, and then reads the PTE once more. Each has to have written before it looks.
Atomic sections: the store to guest memory; the look at indirect_shadow_pages; the zap under
mmu_lock; the fault's walk; its lock; the count; the second look; the SPTE with the unlock.

Not modelled: several PTEs; TLBs; a write that the guest makes without KVM.
Source: kvm_mmu_track_write() and account_shadowed() in arch/x86/kvm/mmu/mmu.c, FNAME(fetch) in
paging_tmpl.h.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.vcpu_wakeup.versions import ACCOUNT_BARRIER, TRACK_BARRIER
from vmlitmus.world.vcpu_wakeup import GuestTable, Spte, Vcpu

MMU = "arch/x86/kvm/mmu/mmu.c"
TRACK = KernelFile(MMU, "kvm_mmu_track_write()", "7.2.8")
ACCOUNT = KernelFile(MMU, "account_shadowed()", "7.2.8")
UNACCOUNT = KernelFile(MMU, "unaccount_shadowed()", "7.2.8")
FETCH = KernelFile("arch/x86/kvm/mmu/paging_tmpl.h", "FNAME(fetch)()", "7.2.8")
SECOND_LOOK = "read the guest's PTE again under mmu_lock"
LOCK = "the lock of mmu_lock"


@sequence("{vcpu} is done with its write", source=TRACK, disturbance="emulated-write", fair="weak")
def emulate_write(w: World, vcpu: Vcpu, table: GuestTable) -> Sections:
    when(vcpu.at_rest and vcpu.writes)
    with w.locked("the guest's LOCKed instruction", table.locked_writes):
        table.pte = not table.newest
    table.newest = not table.newest
    yield "{vcpu} emulates a write to the guest's PTE"
    if w.part(TRACK_BARRIER.part):
        w.barrier(by="smp_mb() in kvm_mmu_track_write()")
    shadowed = table.shadowed
    yield "{vcpu} looks whether anything is shadowed"
    if shadowed:
        when(not table.mmu_lock)
        w.barrier(by=LOCK)
        table.spte = Spte.NONE
        yield "{vcpu} zaps the SPTE of that PTE, under mmu_lock"


@sequence(source=(ACCOUNT, FETCH), disturbance="shadow-fault", fair="weak")
def shadow_fault(w: World, vcpu: Vcpu, table: GuestTable) -> Sections:
    when(vcpu.at_rest and not vcpu.writes and table.spte == Spte.NONE)
    walked = table.pte
    yield "{vcpu} faults and walks the guest's page table"
    when(not table.mmu_lock)
    table.mmu_lock = True
    w.barrier(by=LOCK)
    yield "{vcpu} takes mmu_lock"
    table.shadowed = True
    yield "{vcpu} counts the shadow page: account_shadowed()"
    if w.part(ACCOUNT_BARRIER.part):
        w.barrier(by="smp_mb() in account_shadowed()")
    again = walked
    if w.part(SECOND_LOOK):
        again = table.pte
    yield "{vcpu} reads the guest's PTE again"
    if again == walked:
        table.spte = Spte.NEW if walked else Spte.OLD
    table.mmu_lock = False
    yield "{vcpu} installs the SPTE if the PTE is what it was, and drops mmu_lock"


@sequence(source=UNACCOUNT, disturbance="unshadow", fair="weak")
def unshadow(w: World, vcpu: Vcpu, table: GuestTable) -> Sections:
    when(vcpu.at_rest and not vcpu.writes and not table.mmu_lock)
    w.barrier(by=LOCK)
    table.mmu_lock = True
    yield "{vcpu} takes mmu_lock to zap the shadow page"
    table.spte = Spte.NONE
    table.shadowed = False
    yield "{vcpu} zaps the shadow page: unaccount_shadowed()"
    table.mmu_lock = False
    yield "{vcpu} drops mmu_lock"
