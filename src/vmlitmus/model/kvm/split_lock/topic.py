"""The topic split-lock: what KVM and the host do about split locks of guests."""

from __future__ import annotations

from typing import Any

from vmlitmus.claims.split_lock import CONDITIONS
from vmlitmus.lang import Model, Settings, Setup, choice, flag, mechanism, number, release
from vmlitmus.model.guest.split_lock import guest_sets_bit, guest_switches_task, guest_wants, stop
from vmlitmus.model.kvm.split_lock.bus_lock_exit import (
    failing_exit,
    tick,
    vmm_ends_vm,
    vmm_enters_again,
)
from vmlitmus.model.kvm.split_lock.handler import signal, write_sysctl
from vmlitmus.model.kvm.split_lock.hotplug import come_online, go_offline
from vmlitmus.model.kvm.split_lock.merged import Merged, emulated_lock
from vmlitmus.model.kvm.split_lock.policy import AcPolicy, split_lock
from vmlitmus.model.kvm.split_lock.proposed import HOST_OFF_LOADS_BIT, Proposed
from vmlitmus.model.kvm.split_lock.versions import FIXES, READ, UNREAD, VERSIONS
from vmlitmus.model.scheduler.delayed_work import (
    FIFO_STARVES,
    execute_work,
    move_worker,
    timer_runs_out,
)
from vmlitmus.model.scheduler.vcpu_threads import preempt, schedule_elsewhere, schedule_home
from vmlitmus.world.cpu import Core
from vmlitmus.world.split_lock import (
    Context,
    Cpu,
    ForcedOn,
    GuestMode,
    Host,
    HostMode,
    TestCtrl,
    Vcpu,
    Vm,
    Work,
)

_FLAGS = ("cr0_am", "eflags_ac", "emulated", "nested", "fifo")
NEIGHBOUR = {
    "guest": "unaware",
    "context": "user",
    "cr0_am": False,
    "eflags_ac": False,
    "emulated": False,
    "nested": False,
    "fifo": False,
    "booted": True,
    "neighbour": True,
    "vcpus": 1,
}


def advertised(s: Settings) -> bool:
    """Say whether KVM shows the feature: by the thread's three conditions, always, or never."""
    wanted, machine = s["kvm"]["advertise"], s["machine"]
    if s["kvm"]["policy"] != "proposed" or wanted == "never":
        return False
    pins = s["host"]["mode"] == "warn" and s["vmm"]["pins"]
    smt = machine["smt"] == "on"
    return wanted == "always" or not smt or machine["bit"] == "per-thread" or pins


def populate(make: Setup, s: Settings) -> None:
    """Make the entities of a scenario: vcpus are at home on the cpus in turn."""
    host, kvm = s["host"], s["kvm"]
    made = make(
        Host,
        mode=HostMode(host["mode"]),
        mitigate=host["mitigate"],
        toggles=host["toggles"],
        per_cpu_work=host["semaphore_work"] == "per-cpu",
        advertise=advertised(s),
        forced_on=ForcedOn(kvm["forced_on"]),
        forward=kvm["on_fatal"] == "forward",
        bus_lock_exit=kvm["bus_lock_exit"],
        amd=s["machine"]["vendor"] == "amd",
        timer_signal=s["vmm"]["timer_signal"],
    )
    detects = host["mode"] in ("warn", "fatal") and not made.amd
    for _ in range(s["machine"]["cores"]):
        make_core(make, s["machine"], detects)
    make_works(make, host)
    for vm in s.lists["vm"]:
        make_vm(make, made, vm)
    if s["machine"]["neighbour"] and s["machine"]["smt"] == "on":
        make_vm(make, made, NEIGHBOUR)


def make_core(make: Setup, machine: Any, detects: bool) -> None:
    """Make a core with its cpus and their MSR: one a core, or one a cpu."""
    core = make(Core)
    shared = make(TestCtrl, detects=detects)
    make(Cpu, core=core, msr=shared)
    if machine["smt"] == "on":
        own = machine["bit"] == "per-thread"
        make(Cpu, core=core, msr=make(TestCtrl, detects=detects) if own else shared)


def make_works(make: Setup, host: Any) -> None:
    """Make the delayed works that split_lock_warn() may choose from."""
    cpus = make.made(Cpu)
    if host["semaphore_work"] == "per-cpu":
        for cpu in cpus:
            make(Work, home=cpu, unlocks=True)
    else:
        make(Work, unlocks=True)
    if host["toggles"] or not host["mitigate"]:
        make(Work)
        for cpu in cpus:
            make(Work, home=cpu)


def make_vm(make: Setup, host: Host, wanted: Any) -> None:
    """Make a VM with its vcpus; the first vcpu at home on a cpu has it from the start."""
    words = {key: wanted[key] for key in _FLAGS}
    guest = GuestMode(wanted["guest"])
    words["neighbour"] = "neighbour" in wanted
    vm = make(Vm, guest=guest, context=Context(wanted["context"]), **words)
    cpus = make.made(Cpu)
    for _ in range(wanted["vcpus"]):
        index = len(make.made(Vcpu))
        home = cpus[index % len(cpus)]
        make(
            Vcpu,
            vm=vm,
            home=home,
            cpu=home if index < len(cpus) else None,
            booted=wanted["booted"],
            sld=wanted["booted"] and guest_wants(host, vm) in (GuestMode.WARN, GuestMode.FATAL),
        )


MODEL = Model(
    name="split-lock",
    doc="What do split locks of guests do to them, to the host and to other tenants?",
    entities=(Host, Core, TestCtrl, Cpu, Work, Vm, Vcpu),
    steps=(
        split_lock,
        emulated_lock,
        guest_sets_bit,
        guest_switches_task,
        stop,
        signal,
        write_sysctl,
        timer_runs_out,
        execute_work,
        move_worker,
        schedule_home,
        schedule_elsewhere,
        preempt,
        go_offline,
        come_online,
        tick,
        failing_exit,
        vmm_enters_again,
        vmm_ends_vm,
    ),
    conditions=CONDITIONS,
    hooks={AcPolicy: {"merged": Merged, "proposed": Proposed}},
    assumptions=(HOST_OFF_LOADS_BIT, FIFO_STARVES),
    fixes=FIXES,
    versions=VERSIONS,
    read=READ,
    unread=UNREAD,
    settings={
        "machine": {
            "vendor": choice(
                "intel",
                "amd",
                default="intel",
                doc="intel: #AC for split locks; amd: bus-lock threshold only",
            ),
            "cores": number(1, 4, default=1, doc="physical cores", in_time=256),
            "smt": choice("off", "on", default="off", doc="whether a core has two cpus"),
            "bit": choice(
                "per-core",
                "per-thread",
                default="per-core",
                doc="SPLIT_LOCK_DETECT is shared by the core, or each cpu has its own",
            ),
            "neighbour": flag(
                default=False, doc="another tenant's vcpu runs on the sibling, with SMT on"
            ),
        },
        "host": {
            "version": release(default="7.2.8", doc="the kernel version: which fixes are in"),
            "mode": choice(
                "off",
                "warn",
                "fatal",
                "ratelimit",
                default="warn",
                doc="split_lock_detect= on the command line",
            ),
            "mitigate": flag(default=True, doc="sysctl kernel.split_lock_mitigate"),
            "toggles": flag(default=False, doc="root writes that sysctl while guests run"),
            "semaphore_work": choice(
                "global",
                "per-cpu",
                default="global",
                doc="one work for all cpus releases buslock_sem, or one for each (not merged)",
            ),
        },
        "kvm": {
            "policy": mechanism(
                AcPolicy, default="merged", doc="what KVM does about split-lock #AC of guests"
            ),
            "advertise": choice(
                "as-proposed",
                "always",
                "never",
                default="as-proposed",
                doc="when the proposed policy shows guests the feature",
            ),
            "forced_on": choice(
                "absent",
                "set",
                "acknowledged",
                default="absent",
                doc="the proposed bit that tells a guest that detection is forced on",
            ),
            "on_fatal": choice(
                "kill",
                "forward",
                default="kill",
                doc="what the proposed policy does to a guest on a fatal host",
            ),
            "bus_lock_exit": flag(
                default=False, doc="the VMM asked for bus-lock exits (KVM_CAP_X86_BUS_LOCK_EXIT)"
            ),
        },
        "vmm": {
            "pins": flag(default=False, doc="the VMM has told KVM that it pins vcpus"),
            "timer_signal": flag(
                default=False, doc="a timer signals each vcpu thread every 10 ms or more often"
            ),
        },
    },
    lists={
        "vm": {
            "guest": choice(
                "unaware",
                "off",
                "warn",
                "fatal",
                default="unaware",
                doc="the guest's own split_lock_detect=; unaware: it has no such code",
            ),
            "context": choice(
                "user",
                "kernel",
                default="user",
                doc="whether user space or the kernel of the guest uses split locks",
            ),
            "cr0_am": flag(default=False, doc="CR0.AM of the guest is set"),
            "eflags_ac": flag(default=False, doc="EFLAGS.AC of the guest is set"),
            "emulated": flag(
                default=False, doc="the guest makes KVM emulate the locked instruction"
            ),
            "nested": flag(default=False, doc="the split locks are in L2"),
            "fifo": flag(default=False, doc="the vcpu threads are SCHED_FIFO"),
            "booted": flag(default=True, doc="the guest kernel has written its MSR_TEST_CTRL"),
            "vcpus": number(1, 3, default=1, doc="vcpus of the VM", in_time=512),
        }
    },
    setup=populate,
    further={"vm": ({}, {})},
)
