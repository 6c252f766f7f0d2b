"""The topic domain-switch: what one domain leaves in a cpu for the next, put together."""

from __future__ import annotations

from typing import Any

from vmlitmus.claims.domain_switch import CONDITIONS
from vmlitmus.claims.domain_switch.predictions import OFFLINE_STEERS
from vmlitmus.lang import Model, Settings, Setup, choice, flag, mechanism, number, release
from vmlitmus.model.guest.processes import switch_process
from vmlitmus.model.hardware.host_interrupts import handled, interrupt, nmi
from vmlitmus.model.hardware.predictor import IBPB_COVERS_CORE
from vmlitmus.model.kvm.domain_switch.buffers import (
    AfterMigration as FlushAfterMigration,
)
from vmlitmus.model.kvm.domain_switch.buffers import (
    Always as AlwaysFlush,
)
from vmlitmus.model.kvm.domain_switch.buffers import (
    BufferClear,
    Conditional,
    L1dFlush,
    Verw,
)
from vmlitmus.model.kvm.domain_switch.host_mmio import map_mmio
from vmlitmus.model.kvm.domain_switch.ibpb import (
    AfterMigration,
    AtEntry,
    AtLoad,
    BothForgotten,
    Deferred,
    DeferredByCpu,
    NestedForgotten,
    VcpuBarrier,
)
from vmlitmus.model.kvm.domain_switch.lifetime import create_vcpu, free_vcpu
from vmlitmus.model.kvm.domain_switch.nested import (
    init_in_l2,
    ioctl_in_l2,
    nested_exit,
    nested_run,
    rsm,
    rsm_fails,
    shutdown_in_l2,
    smi_in_l2,
)
from vmlitmus.model.kvm.domain_switch.run import (
    begin_handling,
    guest_halts,
    handle,
    run_guest,
)
from vmlitmus.model.kvm.domain_switch.user_mode import (
    MarkedCpu,
    MarkedLate,
    MarkedTask,
    OnVmexit,
    UserBarrier,
)
from vmlitmus.model.kvm.domain_switch.versions import FIXES, READ, VERSIONS
from vmlitmus.model.scheduler.switch_mm.mitigation import Always, ByThread, IfAsked, SwitchMm
from vmlitmus.model.scheduler.switching.beside import Beside, Cookies, CookiesAwaited, Esmtp
from vmlitmus.model.scheduler.switching.smt_update import (
    BeforeActive,
    BeforeActiveAndRunning,
    SmtUpdate,
    come_online,
    go_offline,
    idle,
)
from vmlitmus.model.scheduler.switching.threads import (
    call_kvm_run,
    killed,
    leave_kvm_run,
    migrate,
    migrate_task,
    preempt,
    preempt_task,
    schedule_home,
    schedule_task,
    task_to_user,
    vcpu_to_user,
)
from vmlitmus.world.cpu import Core
from vmlitmus.world.domain_switch import (
    Cpu,
    Domain,
    Follow,
    Host,
    KernelObject,
    MmioMark,
    Rank,
    Stibp,
    Task,
    Vcpu,
    Vm,
)

BARRIERS = {
    "at-load": AtLoad,
    "at-load-and-after-migration": AfterMigration,
    "at-load-both-forgotten": BothForgotten,
    "at-load-nested-forgotten": NestedForgotten,
    "deferred": Deferred,
    "deferred-by-cpu": DeferredByCpu,
    "at-entry": AtEntry,
    "none": VcpuBarrier,
}
FLUSHES = {
    "cond": Conditional,
    "always": AlwaysFlush,
    "never": L1dFlush,
    "after-migration": FlushAfterMigration,
}
USER_BARRIERS = {
    "marked-cpu": MarkedCpu,
    "marked-late": MarkedLate,
    "marked-task": MarkedTask,
    "on-vmexit": OnVmexit,
    "none": UserBarrier,
}
SIBLINGS = {
    "anybody": Beside,
    "cookies": Cookies,
    "cookies-awaited": CookiesAwaited,
    "esmtp": Esmtp,
}
UPDATES = {
    "as-merged": SmtUpdate,
    "before-active": BeforeActive,
    "before-active-and-running": BeforeActiveAndRunning,
}


def populate(make: Setup, s: Settings) -> None:
    """Make the entities of a scenario: vcpus and tasks are at home on the cpus in turn."""
    machine, host = s["machine"], s["host"]
    active = machine["smt"] == "on"
    strict = host["stibp"] == "strict"
    make(
        Host,
        follow=Follow(machine["follow"]),
        amd=machine["vendor"] == "amd",
        mmio_only=machine["bug"] == "mmio",
        shadow_paging=s["kvm"]["page_tables"] == "shadow",
        mmio_mark=MmioMark(s["kvm"]["mmio_mark"]),
        guest_predictions_apart=machine["guest_predictions_apart"],
        same_mode_ibrs=machine["same_mode_ibrs"],
        counts_auto=s["kvm"]["nested_ibrs"] == "or-automatic-ibrs",
        svm_leave_clears=s["kvm"]["svm_leave_nested"] == "clears",
        stibp=Stibp(host["stibp"]),
        stibp_in_guest=machine["stibp_in_guest"],
        smt_active=active,
        base_stibp=strict and active,
        cond_stibp=host["stibp"] == "prctl" and active,
        clears=host["idle_clear"],
        idle_clear=host["idle_clear"] and active,
    )
    for _ in range(machine["cores"]):
        core = make(Core)
        make(Cpu, core=core, stibp=strict and active)
        if machine["smt"] != "off":
            make(Cpu, core=core, stibp=strict and active, online=active)
    make(Domain, rank=Rank.KERNEL, tenant=0)
    for number_, vm in enumerate(s.lists["vm"]):
        make_vm(make, vm, number_ + 1)
    make_tasks(make, host)


def make_vm(make: Setup, wanted: Any, tenant: int) -> None:
    """Make a VM with its vcpus, a domain each."""
    user = make(Domain, rank=Rank.USER, tenant=tenant)
    there = wanted["device"] == "mapped"
    vm = make(
        Vm,
        user=user,
        cookie=wanted["cookie"],
        asks_ibrs=wanted["ibrs"],
        auto_ibrs=wanted["auto_ibrs"],
        stibp=wanted["stibp"],
        esmtp=wanted["esmtp"],
        owns_hlt=wanted["owns_hlt"],
        has_device=wanted["device"] != "none",
        successor=wanted["successor"],
        reaches_mmio=there,
    )
    cpus = make.made(Cpu)
    for _ in range(wanted["vcpus"]):
        l1 = make(Domain, rank=Rank.GUEST, tenant=tenant)
        l2 = make(Domain, rank=Rank.NESTED, tenant=tenant) if wanted["nested"] else None
        two = wanted["processes"] == 2
        first = not wanted["successor"]
        home = cpus[(len(make.made(Vcpu)) + wanted["home"]) % len(cpus)]
        make(
            Vcpu,
            vm=vm,
            home=home,
            l1=l1,
            l2=l2,
            l1_other=make(Domain, rank=Rank.GUEST, tenant=tenant) if two else None,
            spec_ib=wanted["spec_ib"],
            alive=first,
            mmio_marked=there,
            object=make(KernelObject, vcpu=True) if first else None,
            vmcb01=make(KernelObject) if first else None,
            vmcb02=make(KernelObject) if first and l2 is not None else None,
        )


def make_tasks(make: Setup, host: Any) -> None:
    """Make the threads of other processes; the first may have asked for protection."""
    cpus = make.made(Cpu)
    for number_ in range(host["tasks"]):
        asks = host["others_ask"] if number_ else host["first_asks"]
        shares = host["one_process"] and number_ == 1
        domain = make(
            Domain,
            rank=Rank.USER,
            tenant=0 if number_ == 0 or shares else 3,
            opted=asks == "l1d-flush",
        )
        make(
            Task,
            domain=domain,
            mm=make.made(Task)[0].domain if shares else domain,
            home=cpus[number_ % len(cpus)],
            spec_ib=asks == "ibpb-and-stibp",
            spec_l1d=asks == "l1d-flush",
        )


MODEL = Model(
    name="domain-switch",
    doc="Is what one guest left in a cpu cleared before the next one runs, and may SMT stay on?",
    entities=(Host, Core, Cpu, Domain, KernelObject, Vm, Vcpu, Task),
    steps=(
        schedule_home,
        migrate,
        preempt,
        run_guest,
        leave_kvm_run,
        vcpu_to_user,
        call_kvm_run,
        begin_handling,
        handle,
        nested_run,
        nested_exit,
        init_in_l2,
        shutdown_in_l2,
        ioctl_in_l2,
        smi_in_l2,
        rsm,
        rsm_fails,
        switch_process,
        guest_halts,
        map_mmio,
        free_vcpu,
        create_vcpu,
        schedule_task,
        migrate_task,
        task_to_user,
        killed,
        preempt_task,
        idle,
        interrupt,
        handled,
        nmi,
        come_online,
        go_offline,
    ),
    conditions=CONDITIONS,
    hooks={
        VcpuBarrier: BARRIERS,
        UserBarrier: USER_BARRIERS,
        SwitchMm: {
            "if-asked": IfAsked,
            "always": Always,
            "by-thread": ByThread,
            "off": SwitchMm,
        },
        L1dFlush: FLUSHES,
        BufferClear: {"verw": Verw, "off": BufferClear},
        Beside: SIBLINGS,
        SmtUpdate: UPDATES,
    },
    assumptions=(IBPB_COVERS_CORE, OFFLINE_STEERS),
    fixes=FIXES,
    versions=VERSIONS,
    read=READ,
    settings={
        "machine": {
            "follow": choice(
                *(f.value for f in Follow),
                default="predictions",
                doc="which state of the cpus is followed",
            ),
            "vendor": choice("intel", "amd", default="intel", doc="VMX or SVM"),
            "cores": number(1, 2, default=1, doc="physical cores"),
            "smt": choice(
                "off",
                "on",
                "comes",
                default="off",
                doc="off: no siblings; comes: siblings are offline at the start",
            ),
            "bug": choice(
                "mds",
                "mmio",
                default="mds",
                doc="which guests can read the buffers: all, or those that reach MMIO",
            ),
            "guest_predictions_apart": flag(
                default=True, doc="predictions of host and guests do not mix (eIBRS)"
            ),
            "same_mode_ibrs": flag(
                default=False, doc="IBRS also keeps L2 from an L1 that sets it (IBRS_SAME_MODE)"
            ),
            "stibp_in_guest": flag(
                default=False, doc="the host's STIBP stays in force in guests (V_SPEC_CTRL)"
            ),
        },
        "host": {
            "version": release(default="7.2.8", doc="the kernel version: which fixes are in"),
            "l1d_flush": mechanism(L1dFlush, default="cond", doc="kvm-intel.vmentry_l1d_flush="),
            "buffers": mechanism(BufferClear, default="verw", doc="mds=, mmio_stale_data="),
            "switch_mm": mechanism(
                SwitchMm, default="if-asked", doc="spectre_v2_user= as far as IBPB is concerned"
            ),
            "stibp": choice(
                *(s.value for s in Stibp),
                default="prctl",
                doc="spectre_v2_user= as far as STIBP is concerned",
            ),
            "idle_clear": flag(default=True, doc="VERW before idle while SMT is active"),
            "siblings": mechanism(
                Beside, default="anybody", doc="what keeps strangers off one core"
            ),
            "smt_update": mechanism(
                SmtUpdate, default="as-merged", doc="when STIBP follows a sibling that comes"
            ),
            "tasks": number(0, 3, default=0, doc="threads of processes that are no VMMs"),
            "one_process": flag(
                default=False, doc="the first two of these threads are of one process"
            ),
            "first_asks": choice(
                "nothing",
                "ibpb-and-stibp",
                "l1d-flush",
                default="nothing",
                doc="what the first of them asked for by prctl()",
            ),
            "others_ask": choice(
                "nothing",
                "ibpb-and-stibp",
                default="nothing",
                doc="what the others asked for",
            ),
        },
        "kvm": {
            "ibpb": mechanism(
                VcpuBarrier, default="at-load", doc="where the IBPB between vcpus is"
            ),
            "user_ibpb": mechanism(
                UserBarrier, default="marked-cpu", doc="the IBPB between a guest and user mode"
            ),
            "nested_ibrs": choice(
                "as-merged",
                "or-automatic-ibrs",
                default="as-merged",
                doc="what has to be advertised to L1 for the IBPB of a nested VM exit: IBRS, or "
                "also Automatic IBRS",
            ),
            "svm_leave_nested": choice(
                "as-merged",
                "clears",
                default="as-merged",
                doc="whether svm_leave_nested() executes the IBPB of a nested VM exit",
            ),
            "page_tables": choice(
                "tdp",
                "shadow",
                default="tdp",
                doc="tdp: one root for all vcpus; shadow: a root for each, which share the "
                "tables below",
            ),
            "mmio_mark": choice(
                *(m.value for m in MmioMark),
                default="as-merged",
                doc="what is marked when host MMIO is mapped: the root, the root with a wait even "
                "where it is marked, or the VM",
            ),
        },
    },
    lists={
        "vm": {
            "vcpus": number(0, 3, default=1, doc="vcpus of the VM"),
            "home": number(
                0, 3, default=0, counts=False, doc="by how many cpus its homes are shifted"
            ),
            "nested": flag(default=False, doc="it is an L1 hypervisor with an L2"),
            "processes": number(
                1, 2, default=1, doc="processes on each vcpu that the guest keeps apart"
            ),
            "ibrs": flag(default=True, doc="IBRS is advertised to it"),
            "auto_ibrs": flag(default=False, doc="Automatic IBRS is advertised to it"),
            "stibp": flag(
                default=False, doc="its kernel sets STIBP, or IBRS where that implies it"
            ),
            "spec_ib": flag(default=False, doc="its threads asked for IBPB and STIBP"),
            "cookie": number(
                0, 3, default=0, counts=False, doc="the cookie of its threads; 0: none"
            ),
            "esmtp": flag(default=False, doc="it asked for Enhanced SMT Protection"),
            "owns_hlt": flag(default=False, doc="the VMM has switched its HLT exits off"),
            "device": choice(
                "none",
                "mapped",
                "later",
                default="none",
                doc="whether host MMIO is mapped into it, or will be",
            ),
            "successor": flag(
                default=False, doc="its vcpus are created when those of another VM are gone"
            ),
        }
    },
    setup=populate,
)
