"""The topic vcpu-wakeup: does a vcpu see what was sent to it?

Each vcpu and each task has a cpu of its own. What is sent, and what the vcpu does meanwhile, is
what a test allows: requests, HLT, walks of shadow pages and their zap.
"""

from __future__ import annotations

from vmlitmus.claims.vcpu_wakeup import CONDITIONS
from vmlitmus.lang import Model, Settings, Setup, number
from vmlitmus.model.kvm.vcpu_wakeup.block import block
from vmlitmus.model.kvm.vcpu_wakeup.entry import (
    after_exit,
    enter_guest,
    halt,
    vmexit,
    vmexit_for_ipi,
)
from vmlitmus.model.kvm.vcpu_wakeup.kick import begin_request, request, take_ipi
from vmlitmus.model.kvm.vcpu_wakeup.walk import lockless_walk, page_walk, zap
from vmlitmus.world.vcpu_wakeup import Cpu, Page, Task, Vcpu


def populate(make: Setup, s: Settings) -> None:
    """Make vcpus and tasks, each with its cpu, and a page."""
    machine = s["machine"]
    for _ in range(machine["vcpus"]):
        home = make(Cpu)
        make(Vcpu, home=home, cpu=home)
    for _ in range(machine["tasks"]):
        make(Task, cpu=make(Cpu))
    make(Page)


MODEL = Model(
    name="vcpu-wakeup",
    doc="Does a vcpu see what was sent to it?",
    entities=(Cpu, Vcpu, Page, Task),
    steps=(
        enter_guest,
        vmexit,
        vmexit_for_ipi,
        halt,
        after_exit,
        block,
        begin_request,
        request,
        take_ipi,
        lockless_walk,
        page_walk,
        zap,
    ),
    conditions=CONDITIONS,
    settings={
        "machine": {
            "vcpus": number(1, 2, default=1, doc="vcpus, each on a cpu of its own"),
            "tasks": number(1, 2, default=1, doc="tasks that send something, each on its cpu"),
        },
        "kvm": {},
    },
    setup=populate,
)
