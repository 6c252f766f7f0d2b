"""The paravirtual flush, and the host's own switch_mm(): no use of a page that was freed."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.tlb import Cpu, Guest, Host, Vcpu

FLUSH_MULTI = KernelFile("arch/x86/kernel/kvm.c", "kvm_flush_tlb_multi()", "7.2.8")
RANGE = KernelFile("arch/x86/mm/tlb.c", "flush_tlb_mm_range()", "7.2.8")


@condition("guest-page-freed", "the guest has freed the page that it unmapped", source=FLUSH_MULTI)
def guest_page_freed(w: World) -> bool:
    return w.the(Guest).freed


@condition("ipi-skipped", "the guest has queued a flush instead of an IPI", source=FLUSH_MULTI)
def ipi_skipped(w: World) -> bool:
    return any(v.queued for v in w.all(Vcpu))


@condition("guest-flush-waits", "the guest waits for an answer to its IPI", source=FLUSH_MULTI)
def guest_flush_waits(w: World) -> bool:
    return any(v.guest_ipi for v in w.all(Vcpu))


@condition("guest-flush-done", "no IPI of the guest is pending", source=FLUSH_MULTI)
def guest_flush_done(w: World) -> bool:
    return not any(v.guest_ipi for v in w.all(Vcpu))


@condition(
    "freed-guest-page-used",
    "the guest accesses, or KVM accesses for it, a page that the guest has freed",
    source=FLUSH_MULTI,
    backed_by=("guest-page-freed", "ipi-skipped"),
)
def freed_guest_page_used(w: World) -> bool:
    return any(v.used_freed for v in w.all(Vcpu))


@condition("mm-page-freed", "the host has freed a page that it unmapped from the mm", source=RANGE)
def mm_page_freed(w: World) -> bool:
    return w.the(Host).mm_freed


@condition(
    "freed-mm-page-reachable",
    "a cpu has the mm loaded, and a translation of a page that the host has freed",
    source=RANGE,
    backed_by=("mm-page-freed",),
)
def freed_mm_page_reachable(w: World) -> bool:
    return w.the(Host).mm_freed and any(c.cr3 and c.user_tlb for c in w.all(Cpu))
