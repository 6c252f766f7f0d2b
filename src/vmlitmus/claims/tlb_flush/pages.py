"""No access through a translation after its page was given away, and none of another VM's."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.memory import Owner
from vmlitmus.world.tlb import Host, Page, PfnCache, Tlb, Vcpu

FLUSH = KernelFile("virt/kvm/kvm_main.c", "kvm_flush_remote_tlbs()", "7.2.8")
END = KernelFile("virt/kvm/kvm_main.c", "kvm_mmu_invalidate_end()", "7.2.8")
UNMAP = KernelFile("arch/x86/kvm/mmu/tdp_mmu.c", "kvm_tdp_mmu_unmap_gfn_range()", "7.2.8")
CACHE = KernelFile("virt/kvm/pfncache.c", "kvm_gpc_check()", "7.2.8")
REFRESH = KernelFile("virt/kvm/pfncache.c", "__kvm_gpc_refresh()", "7.2.8")
NEW_ASID = KernelFile("arch/x86/kvm/svm/svm.c", "new_asid()", "7.2.8")


def holds(w: World, vcpu: Vcpu, page: Page) -> bool:
    """Say whether the TLB of the vcpu's cpu has the page under the vcpu's tag."""
    return any(
        tlb.cpu is vcpu.cpu and tlb.tag == vcpu.asid and page in tlb.pages for tlb in w.all(Tlb)
    )


@condition("page-freed", "a page of a VM went back to the allocator", source=FLUSH)
def page_freed(w: World) -> bool:
    return any(page.owner == Owner.FREE for page in w.all(Page))


@condition(
    "translation-held", "a running vcpu can use a translation that its TLB holds", source=FLUSH
)
def translation_held(w: World) -> bool:
    return any(v.running and holds(w, v, page) for v in w.all(Vcpu) for page in w.all(Page))


@condition(
    "freed-page-reachable",
    "a vcpu runs while its TLB has a translation of a page that went back to the allocator",
    source=FLUSH,
    backed_by=("page-freed", "translation-held"),
)
def freed_page_reachable(w: World) -> bool:
    return any(
        v.running and page.owner == Owner.FREE and holds(w, v, page)
        for v in w.all(Vcpu)
        for page in w.all(Page)
    )


@condition(
    "freed-page-mapped",
    "an SPTE maps a page that went back to the allocator",
    source=END,
    backed_by=("page-freed",),
)
def freed_page_mapped(w: World) -> bool:
    return any(page.owner == Owner.FREE and page.mapped for page in w.all(Page))


@condition(
    "freed-page-in-an-old-root",
    "an SPTE of an obsolete root maps a page that went back to the allocator",
    source=UNMAP,
    backed_by=("page-freed", "page-in-an-old-root"),
)
def freed_page_in_old_root(w: World) -> bool:
    return any(page.owner == Owner.FREE and page.old for page in w.all(Page))


@condition(
    "freed-page-written",
    "KVM writes through a pfn cache to a page that went back to the allocator",
    source=CACHE,
    backed_by=("page-freed", "pfn-cache-in-use"),
)
def freed_page_written(w: World) -> bool:
    return w.the(Host).freed_page_written


@condition("pfn-cache-in-use", "KVM is about to write through a valid pfn cache", source=CACHE)
def pfn_cache_in_use(w: World) -> bool:
    return any(cache.readers for cache in w.all(PfnCache))


@condition(
    "freed-memslot-read",
    "a refresh of a pfn cache reads a memslot that was freed",
    source=REFRESH,
    backed_by=("memslot-found", "slot-invalid"),
)
def freed_memslot_read(w: World) -> bool:
    return w.the(Host).freed_memslot_read


@condition("memslot-found", "a refresh of a pfn cache has found a memslot", source=REFRESH)
def memslot_found(w: World) -> bool:
    return any(cache.looking for cache in w.all(PfnCache))


@condition("page-in-an-old-root", "an SPTE of an obsolete root maps a page", source=UNMAP)
def page_in_old_root(w: World) -> bool:
    return any(page.old for page in w.all(Page))


@condition(
    "foreign-page-reachable",
    "a vcpu runs while its TLB has, under its tag, a translation of another VM",
    source=NEW_ASID,
    backed_by=("translation-held", "tag-shared"),
)
def foreign_page_reachable(w: World) -> bool:
    return any(
        v.running and page.vm is not v.vm and holds(w, v, page)
        for v in w.all(Vcpu)
        for page in w.all(Page)
    )


@condition(
    "other-vcpu-reachable",
    "a vcpu runs while its TLB has, under its tag, translations of another vcpu's page tables",
    source=NEW_ASID,
    backed_by=("own-translation-held",),
)
def other_vcpu_reachable(w: World) -> bool:
    return any(
        v.running
        and not v.vpid
        and tlb.cpu is v.cpu
        and tlb.tag == v.asid
        and other in tlb.of
        and other is not v
        for v in w.all(Vcpu)
        for other in w.all(Vcpu)
        for tlb in w.all(Tlb)
    )


@condition("own-translation-held", "a TLB has translations of a vcpu's own", source=NEW_ASID)
def own_translation_held(w: World) -> bool:
    return any(len(tlb.of) > 0 for tlb in w.all(Tlb))


@condition("tag-shared", "vcpus of two VMs ran last under one tag of one cpu", source=NEW_ASID)
def tag_shared(w: World) -> bool:
    return any(
        a.vm is not b.vm and a.asid == b.asid and a.asid > 0 and a.last_entry is b.last_entry
        for a in w.all(Vcpu)
        for b in w.all(Vcpu)
    )


@condition(
    "root-leaked",
    "an SPTE was installed in a root that is obsolete",
    source=END,
    backed_by=("fault-in-an-obsolete-root",),
)
def root_leaked(w: World) -> bool:
    return w.the(Host).leaked


@condition("fault-in-an-obsolete-root", "a fault is under way in an obsolete root", source=END)
def fault_in_obsolete_root(w: World) -> bool:
    return any(v.obsolete and (v.faulting is not None or v.srcu) for v in w.all(Vcpu))


@condition("host-oopses", "the kernel dereferences a NULL shadow page", source=END)
def host_oopses(w: World) -> bool:
    return w.the(Host).oops
