"""v2 and v3 of the series: test and clear each cpu of the mask, then flush it.

v2 also set the mark at the end of pre_sev_run(), behind the early return for a VMCB that last ran
on the same cpu; that is LateSet here. Nothing makes a second flusher wait for the first.
Source: v2 and v3 as posted; the worry about concurrent flushers in the reply of 2024-12-03.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, Set, World
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy, mark, mask_of, send_and_wait
from vmlitmus.world import Cpu, Task, Vcpu, Vm


class TestAndClear(FlushPolicy):
    """Set before VMRUN; cleared before the flush."""

    def marks_before_vmrun(self, w: World) -> bool:
        return True

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from send_and_wait(w, task, take_mask(w, vm))


class LateSet(FlushPolicy):
    """v2: set only when the vcpu did not just run on this cpu; cleared before the flush."""

    def after_early_return(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if vcpu.last_cpu is not cpu:
            mark(vcpu.vm, cpu)

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from send_and_wait(w, task, take_mask(w, vm))


def take_mask(w: World, vm: Vm) -> Set[Cpu]:
    """Return the mask and leave it empty."""
    taken = mask_of(w, vm)
    vm.have_run.clear()
    return taken
