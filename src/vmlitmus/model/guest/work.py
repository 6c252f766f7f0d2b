"""What a guest gets done: less beside a busy sibling, for the two share the core.

It changes nothing and is counted where time is looked at. How much a thread gets done beside
another, and what STIBP takes from it, is for a timing to say. Not modelled: what tells one kind of
work from another.
Source: APM vol. 2, 15.36.17, for what executes on a sibling.
"""

from __future__ import annotations

from vmlitmus.claims.smt_protection.isolation import executes
from vmlitmus.lang import Apm, World, step, when
from vmlitmus.world.smt_protection import Activity, Cpu, Vcpu

SIBLINGS = Apm("15.36.17")


def has_the_core(w: World, cpu: Cpu) -> bool:
    """Say whether no sibling of a cpu executes anything."""
    return not any(o is not cpu and o.core is cpu.core and executes(o) for o in w.all(Cpu))


@step(
    "{vcpu}'s guest makes progress, alone on its core",
    source=SIBLINGS,
    disturbance="guest-work",
)
def work_alone(w: World, vcpu: Vcpu) -> None:
    when(vcpu.cpu.activity == Activity.GUEST and has_the_core(w, vcpu.cpu))


@step(
    "{vcpu}'s guest makes progress, beside a busy sibling",
    source=SIBLINGS,
    disturbance="guest-work",
)
def work_beside(w: World, vcpu: Vcpu) -> None:
    when(vcpu.cpu.activity == Activity.GUEST and not has_the_core(w, vcpu.cpu))
