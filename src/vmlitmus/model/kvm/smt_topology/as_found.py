"""The model of the topic smt-topology, set up from what an audit found on a host.

The steps, the rules and the conditions are those of the topic. The setup differs: cores with their
online threads, affinities, cpusets and cookies as they are, in the numbers of ``core``, ``vcpu``
and ``task`` tables. Cpus are numbered through the cores; a set of cpus is a number whose bit n is
cpu n.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vmlitmus.lang import Settings, Setup, choice, flag, number
from vmlitmus.model.kvm.smt_topology.event import Bans
from vmlitmus.model.kvm.smt_topology.topic import MODEL, chosen_hint
from vmlitmus.model.scheduler.as_found import (
    UNPINNED,
    BannedHere,
    break_affinity_of_task,
    change_cpuset,
    change_cpuset_of_task,
    plug_vcpu,
    repin_task,
    start_another_vm,
    untag_task,
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

CPUS = 32  # in one scenario: eight cores of four threads
KINDS = {
    "other-vm": TaskKind.OTHER_VM,
    "host-task": TaskKind.HOST,
    "emulator": TaskKind.EMULATOR,
    "vhost": TaskKind.VHOST,
}
DESTINATIONS = {"none": (), "a core of two": (2,), "two cores": (1, 1)}  # threads of its cores
_MASK = number(0, (1 << CPUS) - 1, default=0, counts=False)


def populate(make: Setup, s: Settings) -> None:
    """Make the host as it was found, its VM, and a host that the VM might be migrated to."""
    control = SmtControl(s["found"]["smt"])
    host = make(Host, smt=control, one_thread=control is not SmtControl.ON, used=True)
    for position, core in enumerate(s.lists["core"]):
        made = make(Core, host=host, number=position)
        for thread in range(core["threads"]):
            online = bool(core["online"] >> thread & 1)
            make(Cpu, core=made, thread=thread, online=online)
    for threads in DESTINATIONS[s["found"]["destination"]]:
        _destination(make, threads)
    _vm(make, s, host)
    for task in s.lists["task"]:
        if task["kind"] != "none":
            make(
                Task,
                kind=KINDS[task["kind"]],
                found=True,
                exists=task["exists"],
                **_found(make, task),
            )


def _destination(make: Setup, threads: int) -> None:
    """Add a core to the host that the VM may be migrated to, of which nothing is known."""
    hosts = make.made(Host)
    host = hosts[1] if len(hosts) > 1 else make(Host)
    core = make(Core, host=host, number=sum(core.host is host for core in make.made(Core)))
    for thread in range(threads):
        make(Cpu, core=core, thread=thread)


def _vm(make: Setup, s: Settings, host: Host) -> None:
    hint = chosen_hint(s)
    vm = make(
        Vm,
        says=hint.SAYS,
        inverted=hint.INVERTED,
        found=True,
        host=host,
        threads=s["vm"]["threads"],
        layout=Layout.FOUND,
        cookies=any(vcpu["cookie"] for vcpu in s.lists["vcpu"]),
        booted=s["found"]["runs"],
    )
    for position, vcpu in enumerate(s.lists["vcpu"]):
        make(Vcpu, vm=vm, number=position, parked=not vcpu["plugged"], **_found(make, vcpu))


def _found(make: Setup, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return affinity, cpuset and cookie; on another host nothing is in the way."""
    cpus = make.made(Cpu)
    here = make.made(Host)[0]
    elsewhere = {cpu for cpu in cpus if cpu.core.host is not here}
    chosen = {
        key: {c for n, c in enumerate(cpus) if given[key] >> n & 1} for key in ("cpus", "cpuset")
    }
    return {
        "allowed": chosen["cpus"],
        "cpuset": chosen["cpuset"] | elsewhere,
        "cookie": given["cookie"],
    }


AS_FOUND = replace(
    MODEL,
    doc="What is true of a VM on a host as it was found, and what ends it?",
    steps=(
        *MODEL.steps,
        repin_task,
        change_cpuset,
        change_cpuset_of_task,
        break_affinity_of_task,
        untag_task,
        start_another_vm,
        plug_vcpu,
    ),
    hooks={**MODEL.hooks, Bans: {"nothing": Bans, "everything": BannedHere}},
    assumptions=(*MODEL.assumptions, UNPINNED),
    settings={
        **MODEL.settings,
        "found": {
            "smt": choice(*(control.value for control in SmtControl), default="on"),
            "destination": choice(*DESTINATIONS, default="none"),
            "runs": flag(default=True),
        },
    },
    lists={
        "core": {
            "threads": number(1, 4, default=2, counts=False),
            "online": number(0, 15, default=3, counts=False),
        },
        "vcpu": {
            "cpus": _MASK,
            "cpuset": _MASK,
            "cookie": number(0, 3, default=0, counts=False),
            "plugged": flag(default=True),
        },
        "task": {
            "kind": choice("none", *KINDS, default="none"),
            "cpus": _MASK,
            "cpuset": _MASK,
            "cookie": number(0, 3, default=0, counts=False),
            "exists": flag(default=True),
        },
    },
    setup=populate,
)
