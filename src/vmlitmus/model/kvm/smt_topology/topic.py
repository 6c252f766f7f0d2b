"""The model of the topic smt-topology: everything put together, and set up for a scenario."""

from __future__ import annotations

from typing import Any

from vmlitmus.claims.smt_topology import CONDITIONS
from vmlitmus.claims.smt_topology.hints import OTHER_VMS, READING
from vmlitmus.lang import Model, Settings, Setup, choice, flag, mechanism, number
from vmlitmus.model.guest.smt_policy import (
    AlwaysStibp,
    GuestCoreScheduling,
    GuestPolicy,
    SmtOff,
    Suicidal,
)
from vmlitmus.model.hardware.smt_control import (
    cpu_down,
    cpu_up,
    load_processor_driver,
    pass_refusals,
    pass_refusals_while_loading,
    plug_in,
    read_for_rescan,
    resume_from_hibernation,
    smt_disable,
    smt_disable_does_nothing,
    smt_disable_fails,
    smt_enable,
    store_after_all,
    store_after_loading,
)
from vmlitmus.model.kvm.smt_topology.by_userspace import (
    AccurateTopology,
    EnodevWillDo,
    NoNonArchCoreSharing,
)
from vmlitmus.model.kvm.smt_topology.enforced import NoSmt, NoSmtHeld, NoSmtNow
from vmlitmus.model.kvm.smt_topology.event import (
    ACKS,
    Banned,
    Bans,
    OnceStarted,
    Reenlightenment,
    TellsAfter,
    TellsBefore,
    acknowledge,
    announce,
)
from vmlitmus.model.kvm.smt_topology.hint import Hint
from vmlitmus.model.kvm.smt_topology.hyperv import HypervAuto, HypervOn
from vmlitmus.model.kvm.smt_topology.kvm_default import (
    FakeSmt,
    KnownHints,
    Trustworthy,
    TrustworthyPinned,
)
from vmlitmus.model.scheduler.placement import (
    VHOST_COOKIE,
    break_affinity,
    interrupt,
    return_from_interrupt,
    run_emulator,
    run_host_task,
    run_other_vm,
    run_vhost,
    schedule_vcpu,
    unschedule_task,
    unschedule_vcpu,
)
from vmlitmus.model.vmm.replacement import live_migrate, repin, tag_later, untag
from vmlitmus.model.vmm.start import (
    boot_host,
    kernel_means_to_lie,
    lay_out,
    mean_to_lie,
    show_siblings,
    start,
    tag,
)
from vmlitmus.world.smt_topology import (
    Core,
    Cpu,
    Host,
    Layout,
    SmtControl,
    Task,
    TaskKind,
    Vcpu,
    Vm,
)

HINTS: dict[str, type[Hint]] = {
    "off": Hint,
    "trustworthy": Trustworthy,
    "trustworthy-pinned": TrustworthyPinned,
    "fake-smt": FakeSmt,
    "known-hints": KnownHints,
    "no-smt": NoSmt,
    "no-smt-now": NoSmtNow,
    "no-smt-held": NoSmtHeld,
    "accurate-topology": AccurateTopology,
    "no-non-arch-core-sharing": NoNonArchCoreSharing,
    "enodev-will-do": EnodevWillDo,
    "hv-on": HypervOn,
    "hv-auto": HypervAuto,
}
POLICIES = {
    "nothing": GuestPolicy,
    "smt-off": SmtOff,
    "core-scheduling": GuestCoreScheduling,
    "stibp": AlwaysStibp,
    "kill-itself": Suicidal,
}
LAYOUTS = {
    "free": Layout.FREE,
    "same-core": Layout.SAME_CORE,
    "own-cores": Layout.OWN_CORES,
    "first-only": Layout.FIRST_ONLY,
}


def chosen_hint(s: Settings) -> type[Hint]:
    """Return the hint of the scenario."""
    found = s.mechanism("kvm", "hint")
    assert issubclass(found, Hint)
    return found


def populate(make: Setup, s: Settings) -> None:
    """Make the hosts, the VM with two vcpus, and one task of each kind."""
    for host in s.lists["host"]:
        make_host(make, host)
    vm = s["vm"]
    hint = chosen_hint(s)
    made = make(
        Vm,
        says=hint.SAYS,
        inverted=hint.INVERTED,
        reads_hint=s["guest"]["reads_hint"],
        host=make.made(Host)[0],
        threads=vm["threads"],
        layout=LAYOUTS[vm["pinned"]],
        cookies=vm["cookies"],
        one_cookie=vm["one_cookie"],
        child_cpuset=vm["cpuset"] == "child",
        sleeps=vm["sleeps"],
    )
    for i in range(2):
        make(Vcpu, vm=made, number=i)
    for kind in TaskKind:
        make(Task, kind=kind)


def make_host(make: Setup, wanted: Any) -> None:
    """Make a host with two threads a core, online as its smt/control has it.

    A nested host is itself a guest: what it takes for cores are threads of its own host's cores,
    so it enumerates no SMT and runs on all of them. Absent siblings may be plugged in later.
    """
    nested, absent = wanted["nested"], wanted["siblings"] == "absent"
    deceived = absent and wanted["detects"] == "present-siblings"
    control = SmtControl.NOTSUPPORTED if nested or deceived else SmtControl(wanted["smt"])
    host = make(
        Host,
        smt=control,
        knows=wanted["knows_hint"],
        one_thread=control is not SmtControl.ON,
        retests=wanted["retests"],
        by_core=wanted["by_core"],
        rescan_locks=wanted["rescan_locks"],
        compares=wanted["compares"],
        takedown_fails=wanted["takedown_fails"],
        bringup_fails=wanted["bringup_fails"],
    )
    for number_of_core in range(wanted["cores"]):
        core = make(Core, host=host, number=number_of_core)
        for thread in range(2):
            there = thread == 0 or not absent
            online = nested or thread == 0 or (there and control is SmtControl.ON)
            off = control in (SmtControl.OFF, SmtControl.FORCEOFF)
            make(
                Cpu,
                core=core,
                thread=thread,
                online=online,
                present=online or (there and off),
                booted_once=there,
            )


MODEL = Model(
    name="smt-topology",
    doc="What may a guest believe about SMT, and for how long?",
    entities=(Host, Core, Cpu, Vm, Vcpu, Task),
    steps=(
        boot_host,
        lay_out,
        show_siblings,
        tag,
        mean_to_lie,
        kernel_means_to_lie,
        start,
        schedule_vcpu,
        unschedule_vcpu,
        break_affinity,
        run_other_vm,
        run_host_task,
        run_emulator,
        run_vhost,
        unschedule_task,
        interrupt,
        return_from_interrupt,
        smt_disable,
        smt_disable_fails,
        smt_disable_does_nothing,
        smt_enable,
        cpu_down,
        cpu_up,
        pass_refusals,
        store_after_all,
        plug_in,
        resume_from_hibernation,
        read_for_rescan,
        load_processor_driver,
        pass_refusals_while_loading,
        store_after_loading,
        repin,
        untag,
        tag_later,
        live_migrate,
        announce,
        acknowledge,
    ),
    conditions=CONDITIONS,
    hooks={
        Hint: HINTS,
        GuestPolicy: POLICIES,
        Bans: {"nothing": Bans, "everything": Banned, "smt-once-started": OnceStarted},
        Reenlightenment: {"none": Reenlightenment, "after": TellsAfter, "before": TellsBefore},
    },
    assumptions=(VHOST_COOKIE, READING, OTHER_VMS, ACKS),
    settings={
        "kvm": {
            "hint": mechanism(
                Hint, default="trustworthy", doc="which hint there is, and by which rule it is set"
            ),
            "reenlightenment": mechanism(
                Reenlightenment, default="none", doc="whether the guest is told when the fact ends"
            ),
            "bans": mechanism(
                Bans, default="nothing", doc="what the host refuses while the hint is set"
            ),
        },
        "vm": {
            "threads": number(
                1, 2, default=1, counts=False, doc="threads per core in the guest's CPUID"
            ),
            "pinned": choice(*LAYOUTS, default="free", doc="how vcpus are pinned to cpus"),
            "cookies": flag(
                default=False,
                doc="the vcpus of each guest core have a core-scheduling cookie of their own",
            ),
            "one_cookie": flag(
                default=False, doc="a cookie, if there is one, is that of the whole VM"
            ),
            "cpuset": choice(
                "root", "child", default="root", doc="the cpuset that the vcpu threads are in"
            ),
            "sleeps": flag(default=False, doc="the vcpus sleep while a cpu is being taken down"),
        },
        "guest": {
            "policy": mechanism(
                GuestPolicy, default="nothing", doc="what the guest does against its siblings"
            ),
            "reads_hint": flag(default=True, doc="false: a guest that is older than the hint"),
        },
    },
    lists={
        "host": {
            "smt": choice(
                "on", "off", "forceoff", "notsupported", default="on", doc="smt/control at boot"
            ),
            "cores": number(1, 3, default=2, doc="physical cores of two threads"),
            "nested": flag(
                default=False,
                doc="the host is itself a guest: its cores are threads of another host",
            ),
            "siblings": choice(
                "present",
                "absent",
                default="present",
                doc="whether secondary threads are there at boot, or may be plugged in later",
            ),
            "detects": choice(
                "cpuid",
                "present-siblings",
                default="cpuid",
                doc="what says whether SMT is supported; by siblings that are present: 5.0 only",
            ),
            "knows_hint": flag(default=True, doc="the host's KVM knows the hint"),
            "retests": flag(
                default=False, doc="smt/control tests its refusals again under its lock"
            ),
            "by_core": flag(
                default=True,
                doc="on brings up only siblings of a primary thread that is online; not so in 6.12",
            ),
            "rescan_locks": flag(
                default=False,
                doc="loading the processor driver holds the lock of smt/control throughout",
            ),
            "compares": flag(
                default=False,
                doc="smt/control compares the state asked for, not the number of threads",
            ),
            "takedown_fails": flag(
                default=False, doc="taking siblings down for a write to smt/control may fail"
            ),
            "bringup_fails": flag(
                default=False,
                doc="bringing siblings up for hibernation or the processor driver may fail",
            ),
        }
    },
    setup=populate,
    further={"host": ({},)},
)
