"""Core-wide protection of kernel mode: posted with core scheduling, dropped before it was merged.

A cpu that enters the kernel from user mode counts itself in core_unsafe_nest and sends an irq_work
IPI to a sibling whose task has a cookie, wherever that is. Nobody goes back to user or guest mode
while the count is not zero; the wait has IRQs on and ends early with need_resched. The count goes
down on the way back to user mode, and when the idle task takes over.

An interrupt that hits the idle task is not an entry from user mode and is not counted, in the
versions whose hook is in enter_from_user_mode(); the assumption can be flipped.
Source: "kernel/entry: Add support for core-wide protection of kernel-mode" of November 2020, v8 and
its replies.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, Sections, World, when
from vmlitmus.model.kvm.smt_protection.cookies import CookiePerVcpu
from vmlitmus.world.smt_protection import Activity, Cookie, Cpu, Vcpu

COUNTS_IDLE = Assumption(
    "kernel-entry-counts-idle",
    "an interrupt that hits the idle task counts as a kernel entry; the hook of the posted "
    "versions is in enter_from_user_mode()",
    default=False,
    settled_by=(
        "the version of the patch that somebody means: v8 of November 2020 does not count it"
    ),
)


def unsafe_beside(w: World, cpu: Cpu) -> bool:
    """Say whether a sibling is counted in core_unsafe_nest."""
    return any(o.unsafe and o is not cpu and o.core is cpu.core for o in w.all(Cpu))


def tagged(cpu: Cpu) -> bool:
    """Say whether the current task of a cpu has a cookie."""
    return cpu.curr is not None and cpu.curr.cookie != Cookie.ZERO


class KernelEntryProtection(CookiePerVcpu):
    """A cookie per vcpu, and kernel entries that push the sibling out of guest mode."""

    def kernel_enter(self, w: World, cpu: Cpu) -> None:
        if cpu.activity == Activity.USER or w.assume(COUNTS_IDLE):
            cpu.unsafe = True
            for other in w.all(Cpu):
                if other is not cpu and other.core is cpu.core and tagged(other):
                    other.irq = True

    def kernel_exit(self, w: World, cpu: Cpu) -> None:
        cpu.unsafe = False

    def prepare(self, w: World, vcpu: Vcpu) -> Sections:
        if w.part("wait until the core is safe"):
            yield "{vcpu} calls sched_core_wait_till_safe()"
            when(not unsafe_beside(w, vcpu.cpu) or vcpu.cpu.need_resched)
