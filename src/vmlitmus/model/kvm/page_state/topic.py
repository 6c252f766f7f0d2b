"""The topic page-state: who owns a private page, and do all who keep books about it agree?"""

from __future__ import annotations

from vmlitmus.claims.page_state import CONDITIONS
from vmlitmus.lang import Model, Settings, Setup, choice, flag, number, release
from vmlitmus.model.guest.pvalidate import accept, not_validated, use
from vmlitmus.model.guest.svsm import (
    create_vcpu,
    delete_vcpu,
    pvalidate,
    pvalidate_huge,
    remap_ca,
)
from vmlitmus.model.kvm.page_state.ageing import age
from vmlitmus.model.kvm.page_state.conversion import allocate, convert, fallocate, punch_hole
from vmlitmus.model.kvm.page_state.device import device_comes_or_goes
from vmlitmus.model.kvm.page_state.fault import fault_allocates, page_fault
from vmlitmus.model.kvm.page_state.memory_error import memory_error
from vmlitmus.model.kvm.page_state.memslot import (
    close_gmem,
    create_memslot,
    delete_memslot,
    first_shadow_root,
    release_gmem,
)
from vmlitmus.model.kvm.page_state.populate import (
    has_written_source,
    populate,
    serve_fault,
    user_fault,
    write_back_source,
)
from vmlitmus.model.kvm.page_state.request import guest_request, page_state_change, rewrite
from vmlitmus.model.kvm.page_state.rmp import host_writes
from vmlitmus.model.kvm.page_state.versions import FIXES, READ, UNREAD, VERSIONS
from vmlitmus.world.page_state import Host, Page, Place, Slot, Task, Vcpu


def make_all(make: Setup, s: Settings) -> None:
    """Make the host, the pages, the vcpus and the tasks."""
    firmware = s["firmware"]
    make(
        Host,
        reclaim_fails=firmware["reclaim"] == "fails",
        update_fails=firmware["command"] == "fails",
        rmpupdate_fails=s["machine"]["rmpupdate"] == "fails",
        assigning_fails=s["machine"]["rmpupdate"] == "fails-to-assign",
        launched=s["vmm"]["launch_finished"],
        user_fault_locks=s["kvm"]["user_fault"] == "takes-the-invalidate-lock",
        keeps_folio_lock=s["kvm"]["populate"] == "keeps-the-folio-lock",
        validates_again=s["guest"]["unvalidated"] == "validates-again",
        registers_at_check=s["guest"]["svsm_create"] == "registers-at-once",
        deregisters_last=s["guest"]["svsm_delete"] != "deregisters-first",
        deletes_unlocked=s["guest"]["svsm_delete"] == "looks-before-the-lock",
        remaps_unlocked=s["guest"]["svsm_remap"] == "looks-before-the-lock",
        lists_calling=s["guest"]["svsm_list"] == "vmsas-and-calling-areas",
        checks_region=s["guest"]["svsm_region"] == "whole",
        guest_response=s["kvm"]["response_page"] == "guest",
        metadata_fails=s["kvm"]["metadata"] == "cannot-be-allocated",
        error_order=s["kvm"]["memory_error"] == "invalidate-lock-first",
        source_owed=s["vmm"]["source"] == "served-by-userspace",
        cpuid_page=s["vmm"]["page_type"] == "cpuid",
        dirties_last=s["kvm"]["mark_dirty"] == "without-the-invalidate-lock",
        skips_missing=s["kvm"]["rmap_walk"] == "skips-missing",
        retries_missing=s["kvm"]["write_track"] == "tries-again",
    )
    for i in range(s["machine"]["pages"]):
        make(
            Page,
            starts_huge=i == 0,
            starts_slot=s["machine"]["page"] == "first-of-its-memslot",
            private=s["vmm"]["attribute"] == "private",
        )
    if s["vmm"]["memslot"] != "there-all-the-time":
        there = s["vmm"]["memslot"] == "installed"
        place = Place.INSTALLED if there else Place.NONE
        make(Slot, place=place, file=there, bound=there)
    for _ in range(s["machine"]["vcpus"]):
        make(Vcpu)
    for _ in range(s["machine"]["tasks"]):
        make(Task)


MODEL = Model(
    name="page-state",
    doc="Who owns a private page, and do RMP, guest_memfd, SPTEs and firmware agree?",
    entities=(Host, Page, Slot, Vcpu, Task),
    steps=(
        page_fault,
        fault_allocates,
        punch_hole,
        allocate,
        fallocate,
        convert,
        populate,
        write_back_source,
        has_written_source,
        serve_fault,
        user_fault,
        create_memslot,
        delete_memslot,
        close_gmem,
        release_gmem,
        first_shadow_root,
        age,
        device_comes_or_goes,
        memory_error,
        guest_request,
        page_state_change,
        rewrite,
        host_writes,
        accept,
        use,
        not_validated,
        create_vcpu,
        delete_vcpu,
        pvalidate,
        pvalidate_huge,
        remap_ca,
    ),
    conditions=CONDITIONS,
    fixes=FIXES,
    versions=VERSIONS,
    read=READ,
    unread=UNREAD,
    settings={
        "machine": {
            "pages": number(1, 2, default=1, doc="private pages of the guest"),
            "vcpus": number(1, 2, default=1, doc="vcpus of the guest"),
            "tasks": number(1, 3, default=1, doc="tasks of the VMM"),
            "page": choice(
                "inside-its-memslot",
                "first-of-its-memslot",
                default="inside-its-memslot",
                doc="where in its memslot a page is",
            ),
            "rmpupdate": choice(
                "succeeds",
                "fails",
                "fails-to-assign",
                default="succeeds",
                doc="whether RMPUPDATE succeeds: fails when guest_memfd frees a page, or when a "
                "page is assigned",
            ),
        },
        "kvm": {
            "version": release(default="7.2.8", doc="the kernel version: which fixes are in"),
            "response_page": choice(
                "kvm", "guest", default="kvm", doc="whose page firmware writes its response to"
            ),
            "populate": choice(
                "as-merged",
                "keeps-the-folio-lock",
                default="as-merged",
                doc="whether populate drops the folio lock before it looks at the RMP entry",
            ),
            "mark_dirty": choice(
                "as-merged",
                "without-the-invalidate-lock",
                default="as-merged",
                doc="when KVM marks the source of a CPUID page dirty that firmware has corrected",
            ),
            "metadata": choice(
                "allocated",
                "cannot-be-allocated",
                default="allocated",
                doc="whether there is memory for the metadata of a new memslot",
            ),
            "memory_error": choice(
                "as-merged",
                "invalidate-lock-first",
                default="as-merged",
                doc="in which order the handler of a memory error takes the folio lock and the "
                "invalidate_lock",
            ),
            "rmap_walk": choice(
                "as-merged",
                "skips-missing",
                default="as-merged",
                doc="whether a zap, or ageing, looks for reverse maps that are missing",
            ),
            "write_track": choice(
                "as-merged",
                "tries-again",
                default="as-merged",
                doc="whether a fault is tried again if its memslot has no write-track table",
            ),
            "user_fault": choice(
                "as-merged",
                "takes-the-invalidate-lock",
                default="as-merged",
                doc="whether a fault of the VMM on its mapping of guest_memfd takes the "
                "invalidate_lock, as conversion in place would need",
            ),
        },
        "vmm": {
            "attribute": choice(
                "private",
                "shared",
                default="private",
                doc="their attribute at the start",
            ),
            "source": choice(
                "there",
                "served-by-userspace",
                default="there",
                doc="whether faults on the source page of populate wait for userspace, which need "
                "not answer",
            ),
            "page_type": choice(
                "normal",
                "cpuid",
                default="normal",
                doc="what the pages are that are populated: firmware corrects a CPUID page that it "
                "refuses",
            ),
            "memslot": choice(
                "there-all-the-time",
                "installed",
                "not-made-yet",
                default="there-all-the-time",
                doc="whether the memslot of the pages comes and goes, and what it is at the start",
            ),
            "launch_finished": flag(
                default=True, doc="KVM_SEV_SNP_LAUNCH_FINISH is over: vcpus run and fault"
            ),
        },
        "guest": {
            "unvalidated": choice(
                "ends",
                "validates-again",
                default="ends",
                doc="what the guest does about #VC for a page that it has accepted",
            ),
            "svsm_create": choice(
                "registers-at-once",
                "checks-first",
                default="registers-at-once",
                doc="how an SVSM looks a VMSA up and registers it",
            ),
            "svsm_delete": choice(
                "rmpadjust-first",
                "deregisters-first",
                "looks-before-the-lock",
                default="rmpadjust-first",
                doc="in which order an SVSM lets go of a VMSA, and whether it looks for it before "
                "it takes the lock",
            ),
            "svsm_remap": choice(
                "looks-under-the-lock",
                "looks-before-the-lock",
                default="looks-under-the-lock",
                doc="when an SVSM checks the page of a new calling area",
            ),
            "svsm_list": choice(
                "vmsas-and-calling-areas",
                "vmsas",
                default="vmsas-and-calling-areas",
                doc="what an SVSM keeps in its list",
            ),
            "svsm_region": choice(
                "whole",
                "first-page",
                default="whole",
                doc="which pages of a huge page an SVSM looks up before it validates them",
            ),
        },
        "firmware": {
            "command": choice(
                "succeeds",
                "fails",
                default="succeeds",
                doc="what comes of SNP_LAUNCH_UPDATE and of a guest request",
            ),
            "reclaim": choice(
                "succeeds", "fails", default="succeeds", doc="what comes of SNP_PAGE_RECLAIM"
            ),
        },
    },
    setup=make_all,
)
