"""What the vcpu task does after -3, before it enters again: nothing, yield, or a bounded spin.

Without durations a bounded spin may end at any moment; if its bound is taken to outlast what the
sibling is at, it ends when the sibling is idle, or with need_resched.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, Sections, World, when
from vmlitmus.model.hardware.smt.protection import siblings_seen_idle
from vmlitmus.model.kvm.smt_protection.run_loop import BackOff
from vmlitmus.world.smt_protection import Vcpu

SPIN_OUTLASTS = Assumption(
    "spin-outlasts-noise",
    "the bound of the spin after -3 is longer than any work of the sibling",
    default=False,
    settled_by=("a patch that names the bound; with none it is a choice of the reader"),
)


class Yield(BackOff):
    """sched_yield(): let the scheduler pick again."""

    def after_failed_entry(self, w: World, vcpu: Vcpu) -> Sections:
        vcpu.cpu.need_resched = True
        yield "{vcpu} yields after -3"


class BoundedSpin(BackOff):
    """Spin with IRQs on until the siblings look idle, for a bounded time."""

    def after_failed_entry(self, w: World, vcpu: Vcpu) -> Sections:
        yield "{vcpu} spins after -3"
        when(
            not w.assume(SPIN_OUTLASTS) or siblings_seen_idle(w, vcpu.cpu) or vcpu.cpu.need_resched
        )
        yield "{vcpu} stops spinning"
