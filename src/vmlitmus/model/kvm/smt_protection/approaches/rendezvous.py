"""A fourth approach: a core-wide pick, and a rendezvous with the idle loop, IRQs on.

- Each vcpu task has its own cookie, so the pick leaves the siblings to the idle task.
- The idle loop says that a cpu is in HLT or C2: it sets TIF_IDLING with IRQs off just before,
  always, and clears it first of all when it wakes. Beside a protected vcpu it chooses nothing but
  HLT or C2.
- The vcpu waits for it with IRQs on, ends the wait with need_resched, and sends one interrupt to a
  sibling that idles without saying so, because that sibling will not look again by itself. For an
  offline sibling it does not wait.
- Softirqs that ksoftirqd is kept from are handled in the idle loop before HLT.
- An event of an entry that failed stays in KVM's own queue.
- IDLE_WAKEUP_ICR is written by a hotplug callback, on every cpu that comes online.

Not load-bearing: "clear TIF_IDLING on wake": with a stale flag VMRUN is tried too early, exits with
-3 and is tried again; the flag saves VMRUNs that fail.

Each rule is a part. Not a schedule: the pick of the core is core scheduling's, unchanged.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World, when
from vmlitmus.model.kvm.smt_protection.approaches.tif_handshake import (
    sees_protected,
    set_idling,
    set_protected,
)
from vmlitmus.model.kvm.smt_protection.cookies import CookiePerVcpu
from vmlitmus.world.smt_protection import Activity, Cpu, Icr, IdleState, Vcpu

OTHER_STATES = (Activity.POLL, Activity.MWAIT, Activity.C6)


def idles_otherwise(w: World, vcpu: Vcpu) -> bool:
    """Say whether a sibling idles in a state that the VMRUN check does not treat as idle."""
    return any(
        o.activity in OTHER_STATES and o.core is vcpu.cpu.core and o is not vcpu.cpu
        for o in w.all(Cpu)
    )


def siblings_ready(w: World, cpu: Cpu) -> bool:
    """Say whether all online siblings of a cpu have TIF_IDLING; an offline one cannot set it."""
    with w.unobserved("with several siblings, one look at all of them"):
        return all(
            o is cpu or o.core is not cpu.core or o.idling or passed_over(w, o) for o in w.all(Cpu)
        )


def passed_over(w: World, cpu: Cpu) -> bool:
    """Say whether nobody waits for a cpu, as it is not in cpu_online_mask."""
    return cpu.activity == Activity.OFFLINE and w.part("pass over offline siblings")


def may_enter(w: World, vcpu: Vcpu) -> bool:
    """Say whether the wait is over: the siblings show TIF_IDLING, or somebody wants the cpu."""
    if not w.part("wait for TIF_IDLING"):
        return not idles_otherwise(w, vcpu) or vcpu.cpu.need_resched
    return siblings_ready(w, vcpu.cpu) or vcpu.cpu.need_resched


class Rendezvous(CookiePerVcpu):
    """The core-wide pick with a rendezvous."""

    def prepare(self, w: World, vcpu: Vcpu) -> Sections:
        set_protected(w, vcpu)
        yield "{vcpu} sets TIF_SVM_PROTECTED and waits, IRQs on"
        while not may_enter(w, vcpu):
            when(idles_otherwise(w, vcpu) and self.kicks(w))
            for other in w.all(Cpu):
                if other is not vcpu.cpu and other.core is vcpu.cpu.core:
                    if other.activity in OTHER_STATES:
                        other.irq = True
            yield "{vcpu} kicks siblings that idle in a state which does not count"

    def kicks(self, w: World) -> bool:
        return w.part("kick a sibling that idles otherwise")

    def requeues(self, w: World) -> bool:
        return w.part("queue the event of a failed entry again")

    def drains_softirqs(self, w: World) -> bool:
        return w.part("handle softirqs before HLT")

    def waits(self, w: World, vcpu: Vcpu) -> bool:
        return vcpu.cpu.protected and not siblings_ready(w, vcpu.cpu)

    def wants_hlt(self, w: World, cpu: Cpu) -> bool:
        return sees_protected(w, cpu) and w.part("choose HLT beside a protected vcpu")

    def idle_enter(self, w: World, cpu: Cpu, state: IdleState) -> None:
        set_idling(w, cpu, state in (IdleState.HLT, IdleState.C2))

    def idle_exit(self, w: World, cpu: Cpu) -> None:
        if w.part("clear TIF_IDLING on wake"):
            cpu.idling = False

    def online(self, w: World, cpu: Cpu) -> None:
        if w.part("write IDLE_WAKEUP_ICR when a cpu comes online"):
            cpu.icr = Icr.SIBLING
