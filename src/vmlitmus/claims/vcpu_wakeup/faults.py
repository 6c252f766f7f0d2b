"""Whether a fault sees the guest's last PTE, and whether a guest hears of a page that is ready."""

from __future__ import annotations

from vmlitmus.claims.vcpu_wakeup.requests import all_returned
from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.vcpu_wakeup import GuestTable, Spte, Vcpu

TRACK = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_mmu_track_write()", "7.2.8")
EXECUTE = KernelFile("virt/kvm/async_pf.c", "async_pf_execute()", "7.2.8")
HANDLE = KernelFile("arch/x86/kernel/kvm.c", "__kvm_handle_async_pf()", "7.2.8")


@condition("pte-written", "the guest has changed its PTE", source=TRACK)
def pte_written(w: World) -> bool:
    return w.the(GuestTable).pte


@condition("shadowed-again", "an SPTE was made from a PTE that the guest has changed", source=TRACK)
def shadowed_again(w: World) -> bool:
    return w.the(GuestTable).spte == Spte.NEW


@condition(
    "stale-spte",
    "an SPTE stays that was made from an older PTE than the guest's last one",
    source=TRACK,
    backed_by=("pte-written", "shadowed-again"),
)
def stale_spte(w: World) -> bool:
    table = w.the(GuestTable)
    made_from = Spte.NEW if table.pte else Spte.OLD
    written = all(v.idle for v in w.all(Vcpu)) and table.pte == table.newest
    return written and table.spte not in (Spte.NONE, made_from)


@condition("page-ready", "a page is ready, and the guest does not know it yet", source=EXECUTE)
def page_ready(w: World) -> bool:
    return any(v.done > 0 for v in w.all(Vcpu))


@condition("no-page-ready", "the guest has been told of all pages that are ready", source=EXECUTE)
def no_page_ready(w: World) -> bool:
    return not any(v.done > 0 for v in w.all(Vcpu))


@condition(
    "page-unreported",
    "a vcpu runs or sleeps although a page is ready, and nobody is about to tell the guest",
    source=EXECUTE,
    backed_by=("page-ready",),
)
def page_unreported(w: World) -> bool:
    return all_returned(w) and any(
        v.done > 0 and not v.irq and not v.reads and ((v.running and not v.last.ipi) or v.sleeps)
        for v in w.all(Vcpu)
    )


@condition("async-fault-handled", "the guest waits for a page that is not present", source=HANDLE)
def async_fault_handled(w: World) -> bool:
    return any(v.waits_for_page for v in w.all(Vcpu))


@condition(
    "guest-panics",
    "the guest takes a #PF of its own for an asynchronous one of kernel mode, and panics",
    source=HANDLE,
    backed_by=("async-fault-handled",),
)
def guest_panics(w: World) -> bool:
    return any(v.panicked for v in w.all(Vcpu))
