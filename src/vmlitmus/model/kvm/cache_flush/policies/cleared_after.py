"""v1 of the series (March 2024): flush the cpus of the mask, then clear it, with no lock.

The mark is set in the run path right before VMRUN.
Source: review of v1 by S. Christopherson: a vcpu that runs between the two loses its mark.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy, flush_mask
from vmlitmus.world import Task, Vm


class ClearedAfterFlush(FlushPolicy):
    """Set before VMRUN; cleared when the flush is over."""

    def marks_before_vmrun(self, w: World) -> bool:
        return True

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from flush_mask(w, task, vm)
        vm.have_run.clear()
        yield "{task} clears have_run_cpus of {vm}"
