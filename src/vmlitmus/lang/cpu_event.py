"""What happens on a cpu besides loads and stores, and whether it drains its store buffer."""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang.source import Assumption


class CpuEvent(Enum):
    """Something that happens on a cpu: ``w.happens(CpuEvent.INTERRUPT, cpu)``.

    Those of the first group drain the cpu's store buffer: its stores are in memory before anything
    that follows. Whether those of the second do stands in no manual that was read.

    Source: SDM vol. 3A, 11.10 (store buffer) and 8.3 (serializing instructions).
    """

    INTERRUPT = "the interrupt"  # or an exception: taken by the host, on this cpu
    CONTEXT_SWITCH = "the context switch"  # schedule() implies full barriers
    WBINVD = "WBINVD"
    CR3_WRITE = "the write of CR3"
    OFFLINE = "going offline"  # the stopper thread runs, and play_dead() executes WBINVD

    VM_ENTRY = "the VM entry"  # VMRUN, VMLAUNCH, VMRESUME
    VM_EXIT = "the VM exit"
    X2APIC_WRITE = "the x2APIC write"  # of the ICR: WRMSR, which sends an IPI

    @property
    def drains(self) -> Assumption | None:
        """The assumption that says whether it drains; None where it does."""
        return _OPEN.get(self)


VM_ENTRY_DRAINS = Assumption(
    "vm-entry-drains",
    "VMRUN, VMLAUNCH and VMRESUME wait until the store buffer of their cpu is empty",
    default=False,
    settled_by="a sentence of either vendor: they are in neither list of serializing instructions",
)
VM_EXIT_DRAINS = Assumption(
    "vm-exit-drains",
    "a VM exit waits until the store buffer of its cpu is empty",
    default=False,
    settled_by="a sentence of either vendor; commit 65a4de0ffd97 has a barrier after the exit",
)
X2APIC_WRITE_DRAINS = Assumption(
    "x2apic-write-drains",
    "the WRMSR that sends an x2APIC IPI waits until the store buffer of its cpu is empty",
    default=False,
    settled_by="the vendor: SDM vol. 3A, 10.12.3 says that it need not; commit 04c3024560d3 takes"
    " the fence away on AMD and Hygon",
)
_OPEN = {
    CpuEvent.VM_ENTRY: VM_ENTRY_DRAINS,
    CpuEvent.VM_EXIT: VM_EXIT_DRAINS,
    CpuEvent.X2APIC_WRITE: X2APIC_WRITE_DRAINS,
}
DRAIN_ASSUMPTIONS = tuple(_OPEN.values())
