"""What a switch to another process clears: IBPB and L1D flush of cond_mitigation().

switch_mm_irqs_off() calls it when the mm changes, and only then, with the flags of the thread
that it switches to; it compares with what it stored at the last change. A kernel thread in
between changes nothing. A thread that asked for the L1D flush and runs beside an online sibling
gets SIGBUS.

Source: cond_mitigation(), l1d_flush_evaluate() in arch/x86/mm/tlb.c.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, World
from vmlitmus.model.hardware.leftovers import flush_l1d
from vmlitmus.model.hardware.predictor import ibpb
from vmlitmus.world.domain_switch import Cpu, Domain

TLB = "arch/x86/mm/tlb.c"
COND = KernelFile(TLB, "cond_mitigation()", "7.2.8")
EVALUATE = KernelFile(TLB, "l1d_flush_evaluate()", "7.2.8")


class SwitchMm(Hooks):
    """spectre_v2_user=off."""

    def owes(self, cpu: Cpu, mm: Domain, spec_ib: bool) -> bool:
        """Say whether the switch owes an IBPB."""
        return False

    def looks(self, cpu: Cpu, mm: Domain) -> bool:
        """Say whether the flags of the thread are looked at."""
        return cpu.last_mm is not mm


class IfAsked(SwitchMm):
    """switch_mm_cond_ibpb, the default: IBPB for threads with TIF_SPEC_IB."""

    def owes(self, cpu: Cpu, mm: Domain, spec_ib: bool) -> bool:
        changed = cpu.last_mm is not mm or cpu.last_ib != spec_ib
        return changed and (cpu.last_ib or spec_ib)


class Always(SwitchMm):
    """switch_mm_always_ibpb: IBPB whenever the process changes."""

    def owes(self, cpu: Cpu, mm: Domain, spec_ib: bool) -> bool:
        return cpu.last_mm is not mm


class ByThread(IfAsked):
    """As IfAsked, and looks in switches within a process too; not merged."""

    def looks(self, cpu: Cpu, mm: Domain) -> bool:
        return True


def switch_mm(w: World, cpu: Cpu, mm: Domain, *, spec_ib: bool, spec_l1d: bool) -> bool:
    """A thread gets the cpu; returns whether its flags were looked at."""
    if not w.use(SwitchMm).looks(cpu, mm):
        return False
    if w.use(SwitchMm).owes(cpu, mm, spec_ib):
        ibpb(w, cpu)
    if cpu.last_l1d and (cpu.last_mm is not mm or cpu.last_l1d != spec_l1d):
        flush_l1d(w, cpu)
    cpu.last_mm = mm
    cpu.last_ib = spec_ib
    cpu.last_l1d = spec_l1d
    return True
