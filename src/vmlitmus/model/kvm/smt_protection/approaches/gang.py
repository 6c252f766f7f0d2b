"""Gang scheduling: the vcpus of a VM on all cpus of a core at once, and nobody else.

What the branch of 2018 does is an assumption, because it was not forward-ported and its code was
not at hand: the core is picked for as a whole, by VM, and a vcpu is entered only after every
sibling has switched to its pick. Whether it waits, the only thing that core scheduling does not,
can be flipped.
Source: the cover letter of 2025-08-07 names the branch, sched_1.23-base of pdxChen/gang.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, Sections, World, when
from vmlitmus.model.kvm.smt_protection.cookies import CookiePerVm
from vmlitmus.world.smt_protection import Cpu, Vcpu

GANG_WAITS = Assumption(
    "gang-waits",
    "gang scheduling enters a vcpu only after its siblings have switched",
    settled_by=("the code of the branch sched_1.23-base, which was not at hand"),
)


def siblings_switched(w: World, cpu: Cpu) -> bool:
    """Say whether every sibling runs what was picked for it."""
    return all(
        o is cpu or o.core is not cpu.core or (not o.picked and o.curr is o.pick)
        for o in w.all(Cpu)
    )


class Gang(CookiePerVm):
    """Picked by VM, and the switch of the core is awaited."""

    def prepare(self, w: World, vcpu: Vcpu) -> Sections:
        if w.assume(GANG_WAITS):
            yield "{vcpu} waits until its siblings have switched"
            when(siblings_switched(w, vcpu.cpu) or vcpu.cpu.need_resched)
