"""Who may run on the sibling of whom: nothing, core-scheduling cookies, Enhanced SMT Protection.

Cookies: the core-wide pick puts only tasks of one cookie on a core. It sends the sibling a
reschedule IPI and does not wait for it. Interrupts of the host are no matter of the pick. ESMTP:
VMRUN waits until the sibling is idle or runs a vcpu of the same guest, and the sibling executes
nothing else of the host before the vcpu has left.

Not modelled: priorities; see the topic smt-protection for both mechanisms in full. Source:
pick_next_task() in kernel/sched/core.c, Documentation/admin-guide/hw-vuln/core-scheduling.rst.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, Sections, World, when
from vmlitmus.world.domain_switch import Cpu, Mode, Task, Vcpu, beside

PICK = KernelFile("kernel/sched/core.c", "pick_next_task()", "7.2.8")
CORE_SCHEDULING = KernelFile(
    "Documentation/admin-guide/hw-vuln/core-scheduling.rst", "Trust model", "7.2.8"
)


class Beside(Hooks):
    """Anybody runs beside anybody."""

    def may_switch_in(self, w: World, cookie: int, cpu: Cpu) -> bool:
        """Say whether the pick may put a thread with this cookie on the cpu."""
        return True

    def switched_in(self, w: World, cookie: int, cpu: Cpu) -> None:
        """The pick has put a thread there."""

    def vm_entry(self, w: World, vcpu: Vcpu) -> Sections:
        """VMRUN or VMRESUME is executed; nothing is done in software after it."""
        yield from ()

    def may_interrupt(self, w: World, cpu: Cpu) -> bool:
        """Say whether the cpu may execute a handler of the host now."""
        return True


def stranger(w: World, cookie: int, cpu: Cpu) -> bool:
    """Say whether a thread with another cookie is on the sibling."""
    vcpus = any(
        v.cpu is not None and beside(cpu, v.cpu) and v.vm.cookie != cookie for v in w.all(Vcpu)
    )
    return vcpus or any(
        t.cpu is not None and beside(cpu, t.cpu) and t.cookie != cookie for t in w.all(Task)
    )


class Cookies(Beside):
    """Core scheduling as merged: the sibling is told to go, and nobody waits for it."""

    def switched_in(self, w: World, cookie: int, cpu: Cpu) -> None:
        cpu.resched = False
        if stranger(w, cookie, cpu):
            for other in w.all(Cpu):
                if beside(cpu, other):
                    other.resched = True

    def may_switch_in(self, w: World, cookie: int, cpu: Cpu) -> bool:
        return not cpu.resched


class CookiesAwaited(Beside):
    """Core scheduling if the pick waited until the sibling has gone: nobody does that."""

    def may_switch_in(self, w: World, cookie: int, cpu: Cpu) -> bool:
        return not stranger(w, cookie, cpu)


class Esmtp(Beside):
    """Enhanced SMT Protection: the hardware's own cookie."""

    def vm_entry(self, w: World, vcpu: Vcpu) -> Sections:
        if vcpu.vm.esmtp:
            yield "{vcpu} executes VMRUN, which may stall"
            when(all(legal(w, vcpu, other) for other in w.all(Cpu) if shares(vcpu, other)))

    def may_interrupt(self, w: World, cpu: Cpu) -> bool:
        return not held(w, cpu)

    def may_switch_in(self, w: World, cookie: int, cpu: Cpu) -> bool:
        return not held(w, cpu)


def shares(vcpu: Vcpu, other: Cpu) -> bool:
    """Say whether a cpu is the sibling of a vcpu's."""
    return vcpu.cpu is not None and beside(vcpu.cpu, other)


def held(w: World, cpu: Cpu) -> bool:
    """Say whether a protected vcpu on the sibling keeps this thread idle, or in its guest."""
    return any(
        v.vm.esmtp and v.mode == Mode.GUEST and v.cpu is not None and beside(cpu, v.cpu)
        for v in w.all(Vcpu)
    )


def legal(w: World, vcpu: Vcpu, other: Cpu) -> bool:
    """Say whether the sibling is idle, stands at a VMRUN of its own, or is in the same guest."""
    if other.busy or any(t.cpu is other for t in w.all(Task)):
        return False
    return all(
        v.cpu is not other or (v.vm is vcpu.vm and v.mode in (Mode.ENTERING, Mode.GUEST))
        for v in w.all(Vcpu)
    )
