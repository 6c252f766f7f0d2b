"""The topic secure-ept: do KVM and the TDX module agree about the private pages of a TD?

The TD is runnable, all its pages are mapped, each vcpu has been loaded on its cpu, and none has
entered yet.
"""

from __future__ import annotations

from vmlitmus.claims.secure_ept import CONDITIONS
from vmlitmus.lang import Model, Settings, Setup, choice, flag, number, release
from vmlitmus.model.kvm.secure_ept.association import init_vcpu, load, schedule_out
from vmlitmus.model.kvm.secure_ept.fault import page_fault
from vmlitmus.model.kvm.secure_ept.hotplug import bring_up, take_down
from vmlitmus.model.kvm.secure_ept.image import add_page
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
from vmlitmus.model.kvm.secure_ept.teardown import destroy, fail_to_create
from vmlitmus.model.kvm.secure_ept.versions import FIXES, READ, VERSIONS
from vmlitmus.world.secure_ept.td import Cpu, Entry, Mirror, Page, Task, Td, Vcpu


def populate(make: Setup, s: Settings) -> None:
    """Make the TD with its pages, cpus and vcpus, and the threads of the VMM."""
    machine, td = s["machine"], s["td"]
    make(
        Td,
        zero_step=td["zero_step"],
        marks_first=s["kvm"]["init_vcpu"] == "marked-first",
        flushes_again=s["kvm"]["offline"] == "flushes-again",
    )
    there = td["pages_at_start"] == "mapped"
    for _ in range(machine["pages"]):
        make(
            Page,
            entry=Entry.MAPPED if there else Entry.FREE,
            mirror=Mirror.PRESENT if there else Mirror.NONE,
        )
    packages = machine["packages"]
    cpus = [make(Cpu, package=i % packages) for i in range(machine["cpus"])]
    for i in range(machine["vcpus"]):
        cpu = cpus[i % len(cpus)]
        make(Vcpu, cpu=cpu, kvm_cpu=cpu, listed={cpu}, initialized=td["initialized"])
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
        schedule_out,
        load,
        init_vcpu,
        add_page,
        take_down,
        bring_up,
        destroy,
        fail_to_create,
    ),
    conditions=CONDITIONS,
    fixes=FIXES,
    versions=VERSIONS,
    read=READ,
    settings={
        "machine": {
            "pages": number(1, 3, default=1, doc="private pages of the TD"),
            "cpus": number(1, 3, default=2, doc="cpus, each with a TLB"),
            "packages": number(1, 2, default=1, doc="packages, which get the cpus in turns"),
            "vcpus": number(1, 3, default=2, doc="vcpus; the cpus are given to them in turns"),
            "tasks": number(1, 3, default=1, doc="threads of the VMM that punch holes"),
        },
        "td": {
            "zero_step": flag(
                default=False,
                doc="each EPT violation makes the TDX module suspect a zero-step attack",
            ),
            "initialized": flag(
                default=True, doc="the vcpus have been through KVM_TDX_INIT_VCPU at the start"
            ),
            "pages_at_start": choice(
                "mapped",
                "missing",
                default="mapped",
                doc="whether the pages are in the Secure EPT at the start",
            ),
        },
        "kvm": {
            "init_vcpu": choice(
                "as-merged",
                "marked-first",
                default="as-merged",
                doc="when a vcpu counts as initialized: after its SEAMCALLs, or before TDH.VP.INIT",
            ),
            "offline": choice(
                "as-merged",
                "flushes-again",
                default="as-merged",
                doc="what a cpu does that goes offline where TDH.VP.FLUSH is busy",
            ),
            "version": release(default="7.2.8", doc="the kernel version: which changes are in"),
        },
    },
    setup=populate,
)
