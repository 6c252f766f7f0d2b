"""The topic tlb-flush: is a translation gone from every cpu before its page is?

The vcpus of all VMs are at home on the cpus in turn; the first at home on a cpu is loaded there.
page0 is the first VM's, and so on. In the paravirtual flush vcpu0 unmaps and vcpu1 is the target.
"""

from __future__ import annotations

from typing import Any

from vmlitmus.claims.tlb_flush import CONDITIONS
from vmlitmus.lang import Model, Settings, Setup, choice, flag, mechanism, number, release
from vmlitmus.model.guest.tlb import access, unmap
from vmlitmus.model.kvm.tlb_flush.creation import (
    create_fails,
    create_vcpu,
    early_run,
    for_each_vcpu,
    get_vcpu,
    leave_run,
)
from vmlitmus.model.kvm.tlb_flush.fault import fill, page_fault, walk
from vmlitmus.model.kvm.tlb_flush.hotplug import come_online, go_offline
from vmlitmus.model.kvm.tlb_flush.memslot import delete_memslot, pre_fault_memory
from vmlitmus.model.kvm.tlb_flush.pfn_cache import (
    drop_memslot,
    refresh,
    restore_memslot,
    set_lapic,
    unmap_cached,
    write_cached,
)
from vmlitmus.model.kvm.tlb_flush.reclaim import protect, reclaim
from vmlitmus.model.kvm.tlb_flush.requests import kick_for_something
from vmlitmus.model.kvm.tlb_flush.run_loop import (
    enter_guest,
    leave_nested,
    load_home,
    migrate,
    need_resched,
    preempt,
    spoil,
    switch_level,
)
from vmlitmus.model.kvm.tlb_flush.steal_time import (
    GuestFlush,
    VmxBothVpids,
    VmxGuestFlush,
    emulate,
    enter,
    exit_for_interrupt,
    exit_to_emulate,
    exit_to_l1,
    preempt_guest,
    record_steal_time,
    replace_steal_memslot,
    schedule_guest,
    switch_guest_level,
)
from vmlitmus.model.kvm.tlb_flush.tag import Tags
from vmlitmus.model.kvm.tlb_flush.tags.sev import Sev, reuse_asid
from vmlitmus.model.kvm.tlb_flush.tags.svm import Svm
from vmlitmus.model.kvm.tlb_flush.tags.vmx import Vmx
from vmlitmus.model.kvm.tlb_flush.versions import FIXES, READ, UNREAD, VERSIONS
from vmlitmus.model.scheduler.switch_mm.loaded_mm import (
    access_user,
    flush_tlb_func,
    flush_tlb_mm_range,
    leave_mm,
    switch_mm,
)
from vmlitmus.world.tlb import (
    Cpu,
    Failed,
    Guest,
    Host,
    Level,
    Page,
    PfnCache,
    Reset,
    Slot,
    Task,
    Tlb,
    Vcpu,
    Vm,
    Vmcb,
)


def populate(make: Setup, s: Settings) -> None:
    """Make the cpus with their TLBs, the VMs with their vcpus and pages, and the tasks."""
    machine, kvm = s["machine"], s["kvm"]
    make(
        Host,
        level=Level(machine["translations"]),
        asids=machine["asids"],
        failed=Failed(kvm["failed_vmrun"]),
        resets=Reset(kvm["asid_reset"]),
        reloads_root=kvm["prefault"] == "reloads-the-root",
        special_root=machine["special_root"],
        early_run=kvm["run"] == "before-creation-returns",
        zaps_slot=kvm["slot_zap"] == "slot-only",
        steal_asks_again=kvm["steal_time"] == "asks-again",
        leave_flushes=kvm["leave_nested"] == "flushes",
        lapic_srcu=kvm["set_lapic"] == "inside-srcu",
    )
    switch = s["mm"]
    for number_of in range(machine["cpus"]):
        used = number_of == 0 and switch["used_before"]
        cpu = make(Cpu, user_tlb=used, in_mask=used and switch["in_mask"])
        tags = max(machine["asids"], len(s.lists["vm"]))
        for tag in range(1, tags + 1):
            make(Tlb, cpu=cpu, tag=tag)
    for index, vm in enumerate(s.lists["vm"]):
        if machine["translations"] == "process":
            break
        make_vm(make, vm, kvm["tags"], alive=index == 0 or not kvm["successor"])
    make(Guest)
    for _ in range(machine["tasks"]):
        make(Task)


def make_vm(make: Setup, wanted: Any, tags: str, alive: bool) -> None:
    """Make a VM with its vcpus and pages; of the first VM page0 is mapped already if it says so."""
    asid = 1 if tags == "sev" else 0
    online = sum(1 for i in range(wanted["vcpus"]) if i < wanted["vcpus"] - wanted["to_come"])
    vm = make(Vm, sev_asid=asid, alive=alive, online=online)
    cpus = make.made(Cpu)
    for i in range(wanted["vcpus"]):
        index = len(make.made(Vcpu))
        home = cpus[index % len(cpus)]
        there = i < online
        taken = any(vcpu.cpu is home for vcpu in make.made(Vcpu))
        at = home if alive and not taken and there else None
        vcpu = make(
            Vcpu,
            vm=vm,
            home=home,
            vpid=tags == "vmx",
            cpu=at,
            loaded_on=at,
            seen=there,
            counted=there,
            fd=there,
        )
        make(Vmcb, vcpu=vcpu)
        if wanted["nested"]:
            make(Vmcb, vcpu=vcpu, for_l2=True)
    outside = wanted["pfn_cache"] == "hva-outside-memslots"
    for i in range(wanted["pages"]):
        apart = outside and i == 0
        slot = Slot.GONE if apart else Slot.VALID
        page = make(Page, vm=vm, slot=slot, mapped=wanted["mapped"] and not apart)
        if i == 0 and wanted["pfn_cache"] != "none":
            make(PfnCache, page=page, by_hva=wanted["pfn_cache"] != "gpa")


MODEL = Model(
    name="tlb-flush",
    doc="Is a translation gone from every cpu before its page is?",
    entities=(Host, Cpu, Vm, Page, Vcpu, Vmcb, Tlb, Guest, PfnCache, Task),
    steps=(
        enter_guest,
        load_home,
        migrate,
        preempt,
        spoil,
        need_resched,
        switch_level,
        leave_nested,
        fill,
        walk,
        page_fault,
        reclaim,
        protect,
        kick_for_something,
        delete_memslot,
        pre_fault_memory,
        refresh,
        set_lapic,
        unmap_cached,
        write_cached,
        drop_memslot,
        restore_memslot,
        create_vcpu,
        create_fails,
        early_run,
        leave_run,
        for_each_vcpu,
        get_vcpu,
        reuse_asid,
        go_offline,
        come_online,
        access,
        unmap,
        preempt_guest,
        schedule_guest,
        record_steal_time,
        replace_steal_memslot,
        enter,
        exit_for_interrupt,
        exit_to_emulate,
        emulate,
        switch_guest_level,
        exit_to_l1,
        switch_mm,
        access_user,
        leave_mm,
        flush_tlb_func,
        flush_tlb_mm_range,
    ),
    conditions=CONDITIONS,
    hooks={
        Tags: {"svm": Svm, "sev": Sev, "vmx": Vmx},
        GuestFlush: {
            "svm": GuestFlush,
            "vmx-current-vpid": VmxGuestFlush,
            "vmx-both-vpids": VmxBothVpids,
        },
    },
    fixes=FIXES,
    versions=VERSIONS,
    read=READ,
    unread=UNREAD,
    settings={
        "machine": {
            "translations": choice(
                *(level.value for level in Level),
                default="kvm",
                doc="whose translations are followed: KVM's, the guest's own, those of a process",
            ),
            "cpus": number(1, 3, default=2, doc="cpus of the host"),
            "tasks": number(1, 3, default=1, doc="host tasks that reclaim, or are in an ioctl"),
            "asids": number(
                1, 3, default=2, counts=False, doc="ASIDs of a cpu for VMs that are not SEV"
            ),
            "special_root": flag(
                default=False, doc="the root of the MMU has no shadow page, as with PAE paging"
            ),
        },
        "kvm": {
            "version": release(default="7.2.8", doc="the kernel version: which fixes are in"),
            "tags": mechanism(Tags, default="svm", doc="what tags a translation"),
            "guest_flush": mechanism(
                GuestFlush, default="svm", doc="whose translations a paravirtual flush drops"
            ),
            "failed_vmrun": choice(
                *(failed.value for failed in Failed),
                default="as-merged",
                doc="what KVM does about tlb_ctl after a VMRUN that failed its checks: what the "
                "version does, clear it, keep it, or keep it and end the cpu's generation",
            ),
            "asid_reset": choice(
                *(reset.value for reset in Reset),
                default="as-merged",
                doc="which VMCBs of a vcpu need a new ASID on another cpu: as in the version, the "
                "one that ran elsewhere, both if the current one did, or both if the vcpu did",
            ),
            "prefault": choice(
                "as-merged",
                "reloads-the-root",
                default="as-merged",
                doc="whether a prefault that is tried again serves the request to drop the root",
            ),
            "slot_zap": choice(
                "all-roots",
                "slot-only",
                default="all-roots",
                doc="what the deletion of a memslot zaps: all roots, as with "
                "KVM_X86_QUIRK_SLOT_ZAP_ALL, or the SPTEs of the slot, as for SNP",
            ),
            "steal_time": choice(
                "as-merged",
                "asks-again",
                default="as-merged",
                doc="what becomes of KVM_REQ_STEAL_UPDATE where the memslot of the struct is not "
                "there: it is done with, or made again until the flag was read",
            ),
            "leave_nested": choice(
                "as-merged",
                "flushes",
                default="as-merged",
                doc="whether KVM asks for a flush when the VMM has a vcpu leave L2",
            ),
            "set_lapic": choice(
                "as-merged",
                "inside-srcu",
                default="as-merged",
                doc="whether KVM_SET_LAPIC, which may refresh a pfn cache, is inside kvm->srcu: as "
                "in the version, or always",
            ),
            "run": choice(
                "after-creation",
                "before-creation-returns",
                default="after-creation",
                doc="whether the VMM may call KVM_RUN before KVM_CREATE_VCPU has returned",
            ),
            "successor": flag(
                default=False, doc="the second VM is created when the first is destroyed"
            ),
        },
        "mm": {
            "used_before": flag(
                default=False, doc="cpu0 has used the mm, and its TLB has the page"
            ),
            "in_mask": flag(default=True, doc="and its bit in mm_cpumask is still set"),
        },
    },
    lists={
        "vm": {
            "vcpus": number(1, 3, default=1, doc="vcpus of the VM"),
            "to_come": number(0, 2, default=0, doc="of these, vcpus not created yet"),
            "pages": number(1, 2, default=1, doc="pages of the VM"),
            "mapped": flag(default=True, doc="SPTEs map them at the start"),
            "pfn_cache": choice(
                "none",
                "gpa",
                "hva",
                "hva-outside-memslots",
                default="none",
                doc="KVM's own mapping of its first page: none, or found by a gfn, by an address "
                "of the VMM in a memslot, or by one in none",
            ),
            "nested": flag(default=False, doc="its vcpus have an L2 guest"),
        }
    },
    setup=populate,
)
