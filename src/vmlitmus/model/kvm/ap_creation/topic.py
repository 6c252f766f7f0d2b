"""The model of the topic ap-creation: everything put together, and set up for a scenario.

The BSP (vcpu0) runs guest code from the start, vcpu1 is the target; page0 is the VMSA that the
target has, or may get, page1 the one it may get next; the other pages are launch VMSAs. Where there
are more APs, all are targets, and each has a page of its own.
"""

from __future__ import annotations

from itertools import zip_longest

from vmlitmus.claims.ap_creation import CONDITIONS
from vmlitmus.lang import Model, Settings, Setup, choice, flag, mechanism, number, release
from vmlitmus.model.guest.ap import end_read, read_faults, start_read
from vmlitmus.model.guest.take_back import clear_svme
from vmlitmus.model.hardware.rmp import (
    IN_USE,
    POINTER_CACHED,
    access_hugepage,
    leave_region,
    rmpadjust_clear,
    rmpadjust_fails,
    rmpadjust_retried,
    rmpadjust_set,
    take_region,
)
from vmlitmus.model.hardware.vmsa_cache import device_writes, evict_vmsa
from vmlitmus.model.kvm.ap_creation.debug_registers import hit_breakpoint, set_breakpoint
from vmlitmus.model.kvm.ap_creation.events import (
    inject_nmi,
    interrupt,
    send_init,
    send_sipi,
    unhalt,
)
from vmlitmus.model.kvm.ap_creation.fixes import FIXES, READ, UNREAD, VERSIONS
from vmlitmus.model.kvm.ap_creation.gmem import (
    delete_memslot,
    host_writes,
    other_vm_takes,
    punch_hole,
)
from vmlitmus.model.kvm.ap_creation.kick import Kick, RequestMask
from vmlitmus.model.kvm.ap_creation.launch import (
    create_vcpu,
    launch_finish,
    refuse_update,
    set_regs,
)
from vmlitmus.model.kvm.ap_creation.misdirected import ap_create_unknown_id, ap_create_wrong_id
from vmlitmus.model.kvm.ap_creation.request import (
    ap_bad_create,
    ap_bad_create_on_init,
    ap_create,
    ap_create_on_init,
    ap_destroy,
)
from vmlitmus.model.kvm.ap_creation.run_loop import (
    block,
    enter_guest,
    halt,
    reset_hold,
    run_uninitialized,
    take_events,
    vmexit,
    vmexit_kicked,
)
from vmlitmus.model.kvm.ap_creation.update import (
    MARKS_DESTROYED,
    reload_vmsa,
    update_guest_state,
)
from vmlitmus.model.vmm.vcpu_ioctls import (
    change_page_states,
    get_mp_state,
    kvm_run,
    run_again,
    set_mp_state,
    set_sipi_received,
    signal,
)
from vmlitmus.world.snp import Features, Host, Mode, MpState, Page, Task, Vcpu, Vm

STATES = ("runnable", "running", "halted", "uninitialized", "init-received", "ap-reset-hold")


def populate(make: Setup, s: Settings) -> None:
    """Make the VM, its two vcpus, two pages for VMSAs, and the launch VMSAs."""
    machine, guest, target = s["machine"], s["guest"], s["target"]
    make(
        Host,
        **{name: machine[name] for name in ("debug_swap", "sme_coherent")},
        allowed_features=machine["allowed_sev_features"],
        refills=s["vmm"]["punched_page_is_refilled"],
        create_fails=s["vmm"]["create_vcpu"] == "fails",
    )
    vm = make(
        Vm,
        **{name: guest[name] for name in ("honest", "careful", "lies", "dump_destroys")},
        debug_swap=s["kvm"]["manages_debug_swap"],
        knows_ids=guest["knows_apic_ids"],
        frees_launch=s["kvm"]["free_launch_vmsa"],
        clears_late=s["kvm"]["request_cleared"] == "under-mutex",
        saves_each=s["kvm"]["host_masks_saved"] == "per-entry",
        to_launch=before_launch(s),
        skips_encrypted=s["kvm"]["encrypted_vcpus"] == "skipped",
    )
    aps = guest["aps"]
    count = max(guest["pages"], aps)
    pages = [make_page(make, s, last=i == count - 1) for i in range(count)]
    bsp = make_bsp(make, s)
    targets = [make_target(make, s, pages[i:], own=aps > 1) for i in range(aps)]
    asked = targets if target["asked"] else []
    bsp.asks = {bsp, *asked} if guest["self_target"] else {*asked}
    for ap in targets:
        ap.asks = {bsp} if guest["mutual"] else set()
    vm.askers = {vcpu for vcpu in [bsp, *targets] if vcpu.asks}
    for given, taker in zip_longest(pages, targets if aps > 1 else []):
        given.takers = {bsp, taker} if taker else {bsp, *targets}
    for _ in range(s["vmm"]["tasks"]):
        make(Task)


def make_page(make: Setup, s: Settings, *, last: bool) -> Page:
    """Make a page of the guest; the last one is what the settings of [page] speak of."""
    page = s["page"]
    return make(
        Page,
        vmsa=s["guest"]["vmsa_pages"],
        gpa_aligned=last and page["gpa_aligned"],
        pfn_aligned=last and page["pfn_aligned"],
        slot=not last or page["slot"],
        private=not last or page["private"],
        mapped=page["mapped"],
        large=page["large"],
        hugepage=page["large"],
        features=Features(page["features"]) if last else Features.MANAGED,
    )


def make_bsp(make: Setup, s: Settings) -> Vcpu:
    """Make the BSP: it is in guest mode, unless the launch is to come."""
    launched = not before_launch(s)
    launch = make(Page, launch=True, assigned=launched, vmsa=launched, in_use=launched)
    return make(
        Vcpu,
        bsp=True,
        launch=launch,
        vmsa=launch,
        parks=s["kvm"]["destroyed"] == "parked",
        protected=launched,
        in_run=launched,
        mode=Mode.IN_GUEST if launched else Mode.OUTSIDE,
        running=launched,
        reported=launched,
        dumps=s["guest"]["dumper"] == "bsp",
    )


def before_launch(s: Settings) -> bool:
    """Say whether KVM_SEV_SNP_LAUNCH_FINISH is to come, so that no vcpu is encrypted."""
    return bool(s["vmm"]["launch"] == "to-come")


def make_target(make: Setup, s: Settings, pages: list[Page], *, own: bool) -> Vcpu:
    """Make a target in the state that the settings of [target] name; the first page may be its own.

    A guest gives a target that has one no other page, and asks once.
    """
    wanted = s["target"]
    created = wanted["vmsa"] == "guest" and not before_launch(s)
    encrypted = wanted["vmsa"] != "unencrypted" and not before_launch(s)
    launch = make(Page, launch=True, assigned=encrypted, vmsa=encrypted)
    vmsa = pages[0] if created else launch
    running = wanted["state"] == "running"
    if running:
        vmsa.in_use = True
    return make(
        Vcpu,
        launch=launch,
        own=pages[0] if own else None,
        vmsa=vmsa,
        asked=pages[0] if created else None,
        guest_vmsa=pages[0] if created else None,
        has_guest_vmsa=created,
        protected=encrypted,
        mode=Mode.IN_GUEST if running else Mode.OUTSIDE,
        running=running,
        mp_state=MpState.RUNNABLE if running else MpState(wanted["state"]),
        reported=wanted["state"] not in ("uninitialized", "init-received"),
        apic=wanted["state"] not in ("uninitialized", "init-received"),
        online=wanted["online"],
        irqs_on=wanted["interruptible"],
        parks=s["kvm"]["destroyed"] == "parked",
        sipied=wanted["state"] not in ("uninitialized", "init-received"),
        in_run=wanted["in_kvm_run"],
        dumps=s["guest"]["dumper"] == "target",
    )


def start(s: Settings) -> str:
    """Say in one line where the vcpus are at the start."""
    target = s["target"]
    state = {"runnable": "RUNNABLE outside", "running": "in the guest"}.get(
        target["state"], target["state"].upper().replace("-", "_")
    )
    vmsa = {"guest": "page0", "launch": "its launch VMSA"}.get(
        target["vmsa"], "a launch VMSA that is not encrypted"
    )
    if before_launch(s):
        return f"no vcpu is encrypted yet; vcpu1 is {state}"
    return f"vcpu0 (BSP) is in the guest; vcpu1 is {state}, with {vmsa}"


MODEL = Model(
    name="ap-creation",
    doc="Which version of SNP AP Creation keeps what it promises to the guest and to the host?",
    entities=(Host, Vm, Page, Vcpu, Task),
    steps=(
        enter_guest,
        vmexit,
        vmexit_kicked,
        update_guest_state,
        reload_vmsa,
        take_events,
        block,
        run_uninitialized,
        kvm_run,
        ap_destroy,
        ap_create,
        ap_create_on_init,
        ap_bad_create,
        ap_bad_create_on_init,
        ap_create_wrong_id,
        ap_create_unknown_id,
        clear_svme,
        rmpadjust_clear,
        rmpadjust_fails,
        rmpadjust_retried,
        rmpadjust_set,
        send_init,
        send_sipi,
        unhalt,
        inject_nmi,
        interrupt,
        halt,
        reset_hold,
        signal,
        set_sipi_received,
        set_mp_state,
        get_mp_state,
        change_page_states,
        run_again,
        punch_hole,
        delete_memslot,
        host_writes,
        other_vm_takes,
        access_hugepage,
        take_region,
        leave_region,
        evict_vmsa,
        device_writes,
        set_breakpoint,
        hit_breakpoint,
        launch_finish,
        refuse_update,
        set_regs,
        create_vcpu,
        start_read,
        read_faults,
        end_read,
    ),
    conditions=CONDITIONS,
    hooks={Kick: {"as-merged": Kick, "request-mask": RequestMask}},
    assumptions=(IN_USE, POINTER_CACHED, MARKS_DESTROYED),
    settings={
        "machine": {
            "allowed_sev_features": flag(default=False, doc="the cpu has Allowed SEV Features"),
            "debug_swap": flag(default=False, doc="the cpu has DebugSwap"),
            "sme_coherent": flag(
                default=False, doc="SME_COHERENT: cpu writes reach guest-tagged lines; DMA does not"
            ),
        },
        "kvm": {
            "version": release(default="7.2.8", doc="the kernel version: which fixes are in"),
            "kick": mechanism(Kick, default="as-merged", doc="how the requester kicks the target"),
            "free_launch_vmsa": flag(
                default=False, doc="KVM frees the launch VMSA once another VMSA is in place"
            ),
            "manages_debug_swap": flag(
                default=False, doc="the SEV_FEATURES that KVM manages include DebugSwap"
            ),
            "request_cleared": choice(
                "by-check",
                "under-mutex",
                default="by-check",
                doc="where the target clears the request bit",
            ),
            "host_masks_saved": choice(
                "per-load",
                "per-entry",
                default="per-load",
                doc="whether KVM saves the host's DR masks at vcpu_load() or before each VMRUN",
            ),
            "encrypted_vcpus": choice(
                "refused",
                "skipped",
                default="refused",
                doc="what LAUNCH_FINISH does about a vcpu that is encrypted already",
            ),
            "destroyed": choice(
                "halted",
                "parked",
                default="halted",
                doc="how a destroyed vcpu is kept from running",
            ),
        },
        "target": {
            "state": choice(
                *STATES, default="runnable", doc="where the target vcpu is at the start"
            ),
            "vmsa": choice(
                "guest",
                "launch",
                "unencrypted",
                default="guest",
                doc="which VMSA the target has at the start",
            ),
            "asked": flag(default=True, doc="the BSP's requests may target it"),
            "online": flag(default=True, doc="KVM_CREATE_VCPU has returned for it"),
            "in_kvm_run": flag(default=True, doc="its task is in KVM_RUN"),
            "interruptible": flag(
                default=True, doc="the target was interruptible at its last #VMEXIT"
            ),
        },
        "guest": {
            "aps": number(
                1,
                3,
                default=1,
                counts=False,  # with one AP the guest may use any page, and ask again
                doc="APs; where there are more than one, each has a page and is created once",
                in_time=511,
            ),
            "pages": number(
                1, 2, default=1, doc="pages that can become VMSAs, beside the launch VMSAs"
            ),
            "vmsa_pages": flag(default=True, doc="these pages have the VMSA bit at the start"),
            "honest": flag(default=True, doc="the guest keeps the rules of the GHCB specification"),
            "careful": flag(
                default=True, doc="the guest takes no VMSA page whose gpa is 2 MiB aligned"
            ),
            "lies": flag(default=False, doc="RAX of AP_CREATION is not what the VMSA says"),
            "self_target": flag(default=False, doc="the BSP may target itself"),
            "mutual": flag(default=False, doc="the target may make requests for the BSP"),
            "knows_apic_ids": flag(
                default=True, doc="the guest can ask for the APIC ids of vcpus that never ran"
            ),
            "dumper": choice(
                "bsp", "target", default="bsp", doc="which vcpu runs the kdump kernel"
            ),
            "dump_destroys": flag(default=False, doc="the kdump kernel issues AP_DESTROY first"),
        },
        "page": {
            "gpa_aligned": flag(
                default=False,
                doc="its gpa is a multiple of 2 MiB; [page] is about the last of the pages",
            ),
            "pfn_aligned": flag(default=False, doc="its pfn is the first of a 2 MiB region"),
            "slot": flag(default=True, doc="a memslot covers its gpa and is bound to guest_memfd"),
            "private": flag(default=True, doc="its gpa has KVM_MEMORY_ATTRIBUTE_PRIVATE"),
            "mapped": flag(default=True, doc="an SPTE maps it, and all other pages"),
            "large": flag(
                default=False,
                doc="a 2 MiB RMPUPDATE assigned all pages: their direct map is not split",
            ),
            "features": choice(
                *(f.value for f in Features),
                default="managed",
                doc="the SEV_FEATURES written in the VMSA",
            ),
        },
        "vmm": {
            "tasks": number(0, 2, default=0, doc="tasks of the VMM that are no vcpus"),
            "create_vcpu": choice(
                "succeeds",
                "fails",
                default="succeeds",
                doc="what comes of KVM_CREATE_VCPU once it has counted the vcpu",
            ),
            "launch": choice(
                "done", "to-come", default="done", doc="the launch is finished, or still to come"
            ),
            "punched_page_is_refilled": flag(
                default=True, doc="kvm_gmem_get_pfn() allocates a page again that was punched"
            ),
        },
    },
    setup=populate,
    start=start,
    fixes=FIXES,
    versions=VERSIONS,
    read=READ,
    unread=UNREAD,
)
