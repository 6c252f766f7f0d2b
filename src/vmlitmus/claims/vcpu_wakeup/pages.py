"""Whether a page of KVM's page tables is used after it was freed."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.vcpu_wakeup import Page, Vcpu

ZAP = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_mmu_commit_zap_page()", "7.2.8")


@condition("page-freed", "a shadow page was freed", source=ZAP)
def page_freed(w: World) -> bool:
    return any(page.freed for page in w.all(Page))


@condition("page-walked", "a vcpu reads a shadow page in a lockless walk", source=ZAP)
def page_walked(w: World) -> bool:
    return any(len(page.walkers) > 0 for page in w.all(Page))


@condition("translation-held", "a vcpu runs with a translation through a shadow page", source=ZAP)
def translation_held(w: World) -> bool:
    return any(v.running and len(v.tlb) > 0 for v in w.all(Vcpu))


@condition("dirty-line", "a cpu has a dirty line of a page that a guest wrote", source=ZAP)
def dirty_line(w: World) -> bool:
    return any(len(page.dirty) > 0 for page in w.all(Page))


@condition(
    "dirty-line-left",
    "a page was freed, and a cpu still has a dirty line of it",
    source=ZAP,
    backed_by=("page-freed", "dirty-line"),
)
def dirty_line_left(w: World) -> bool:
    return any(page.freed and len(page.dirty) > 0 for page in w.all(Page))


@condition(
    "freed-page-walked",
    "a vcpu reads a shadow page that was freed",
    source=ZAP,
    backed_by=("page-freed", "page-walked"),
)
def freed_page_walked(w: World) -> bool:
    return any(page.freed and len(page.walkers) > 0 for page in w.all(Page))


@condition(
    "freed-page-reachable",
    "a vcpu is in the guest with a translation through a shadow page that was freed",
    source=ZAP,
    backed_by=("page-freed", "translation-held"),
)
def freed_page_reachable(w: World) -> bool:
    return any(p.freed and v.running and p in v.tlb for v in w.all(Vcpu) for p in w.all(Page))
