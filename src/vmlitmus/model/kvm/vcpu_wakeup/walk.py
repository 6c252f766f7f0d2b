"""A shadow page is zapped and freed, while vcpus walk KVM's page tables or run on them.

A lockless walk tells who frees by vcpu->mode: IRQs off and READING_SHADOW_PAGE_TABLES, by XCHG,
then the SPTE. Who frees clears the SPTE under mmu_lock, makes KVM_REQ_TLB_FLUSH, and waits for
each vcpu that is not OUTSIDE_GUEST_MODE. The page walk of a cpu in the guest reads memory, not the
store buffer of anybody; what it found stays in the TLB until the flush is served.

Not modelled: the TDP MMU, whose walks are under RCU; a page that is linked again.
Source: walk_shadow_page_lockless_begin(), kvm_mmu_commit_zap_page() in arch/x86/kvm/mmu/mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.vcpu_wakeup.entry import irqs
from vmlitmus.model.kvm.vcpu_wakeup.kick import kick, set_request
from vmlitmus.model.kvm.vcpu_wakeup.mask import flush_marked
from vmlitmus.world.snp import Mode
from vmlitmus.world.vcpu_wakeup import Host, Page, Task, Vcpu

MMU = "arch/x86/kvm/mmu/mmu.c"
WALK = KernelFile(MMU, "walk_shadow_page_lockless_begin()", "7.2.8")
ZAP = KernelFile(MMU, "kvm_mmu_commit_zap_page()", "7.2.8")
FLUSH = KernelFile("virt/kvm/kvm_main.c", "kvm_flush_remote_tlbs()", "7.2.8")
WALK_BARRIER = "smp_store_mb() of READING_SHADOW_PAGE_TABLES"
WALK_END = "leave the shadow page before OUTSIDE_GUEST_MODE"
WAIT = "wait for the vcpus that were kicked before the page is freed"


@sequence(source=WALK, disturbance="walk", fair="weak")
def lockless_walk(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(vcpu.at_rest and not vcpu.halted)
    irqs(vcpu, off=True)
    with w.locked("XCHG in smp_store_mb()", w.part(WALK_BARRIER)):
        vcpu.mode = Mode.READING
    yield "{vcpu} turns IRQs off and sets READING_SHADOW_PAGE_TABLES"
    if page.linked:
        page.walkers.add(vcpu)
    yield "{vcpu} reads the SPTE of {page}"
    if not w.part(WALK_END):
        vcpu.mode = Mode.OUTSIDE
        yield "{vcpu} sets OUTSIDE_GUEST_MODE too early"
    page.walkers.discard(vcpu)
    vcpu.left = True
    yield "{vcpu} has read what it wanted"


@step(
    "{vcpu}'s cpu walks the page tables to {page}",
    source=ZAP,
    disturbance="access",
    hardware=True,
)
def page_walk(w: World, vcpu: Vcpu, page: Page) -> None:
    when(vcpu.running and page not in vcpu.tlb and page.linked)
    vcpu.tlb.add(page)


@sequence(source=(ZAP, FLUSH), disturbance="zap", fair="weak")
def zap(w: World, task: Task, page: Page) -> Sections:
    when(not page.freed and page.linked and not w.the(Host).mmu_lock)
    w.the(Host).mmu_lock = True
    yield "{task} takes mmu_lock"
    page.linked = False
    yield "{task} clears the SPTE of {page}"
    for vcpu in w.all(Vcpu):
        set_request(w, vcpu)
        yield "{task} makes KVM_REQ_TLB_FLUSH of {vcpu}"
        yield from kick(w, task, vcpu, True)
    when(not task.awaits or not w.part(WAIT))
    w.the(Host).mmu_lock = False
    yield from flush_marked(w, task, page)
    page.freed = True
    yield "{task} frees {page}"
