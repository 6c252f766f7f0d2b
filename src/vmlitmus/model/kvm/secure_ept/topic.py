"""The topic secure-ept: do KVM and the TDX module agree about the private pages of a TD?

The TD is runnable, all its pages are mapped, and no vcpu has entered yet.
"""

from __future__ import annotations

from vmlitmus.claims.secure_ept import CONDITIONS
from vmlitmus.lang import Model, Settings, Setup, choice, flag, number, release
from vmlitmus.model.kvm.secure_ept.fault import page_fault
from vmlitmus.model.kvm.secure_ept.removal import punch_hole
from vmlitmus.model.kvm.secure_ept.run_loop import (
    answer_kick,
    begin_accept,
    end_accept,
    enter_guest,
    interrupt,
    kick,
    violate,
    walk,
)
from vmlitmus.model.kvm.secure_ept.versions import FIXES, READ, VERSIONS
from vmlitmus.world.secure_ept.td import Cpu, Entry, Mirror, Page, Task, Td, Vcpu


def populate(make: Setup, s: Settings) -> None:
    """Make the TD with its pages, cpus and vcpus, and the threads of the VMM."""
    machine, td = s["machine"], s["td"]
    make(Td, zero_step=td["zero_step"])
    there = td["pages_at_start"] == "mapped"
    for _ in range(machine["pages"]):
        make(
            Page,
            entry=Entry.MAPPED if there else Entry.FREE,
            mirror=Mirror.PRESENT if there else Mirror.NONE,
        )
    cpus = [make(Cpu) for _ in range(machine["cpus"])]
    for i in range(machine["vcpus"]):
        make(Vcpu, cpu=cpus[i % len(cpus)])
    for _ in range(machine["tasks"]):
        make(Task)


MODEL = Model(
    name="secure-ept",
    doc="Do KVM and the TDX module agree about the private pages of a TD?",
    entities=(Td, Page, Cpu, Vcpu, Task),
    steps=(
        enter_guest,
        interrupt,
        answer_kick,
        kick,
        walk,
        violate,
        begin_accept,
        end_accept,
        page_fault,
        punch_hole,
    ),
    conditions=CONDITIONS,
    fixes=FIXES,
    versions=VERSIONS,
    read=READ,
    settings={
        "machine": {
            "pages": number(1, 3, default=1, doc="private pages of the TD"),
            "cpus": number(1, 3, default=2, doc="cpus, each with a TLB"),
            "vcpus": number(1, 3, default=2, doc="vcpus; the cpus are given to them in turns"),
            "tasks": number(1, 3, default=1, doc="threads of the VMM that punch holes"),
        },
        "td": {
            "zero_step": flag(
                default=False,
                doc="each EPT violation makes the TDX module suspect a zero-step attack",
            ),
            "pages_at_start": choice(
                "mapped",
                "missing",
                default="mapped",
                doc="whether the pages are in the Secure EPT at the start",
            ),
        },
        "kvm": {
            "version": release(default="7.2.8", doc="the kernel version: which changes are in"),
        },
    },
    setup=populate,
)
