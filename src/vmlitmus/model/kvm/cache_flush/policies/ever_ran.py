"""As merged: a mask of the cpus that ever ran the VM, set before VMRUN and never cleared.

The mark is set in pre_sev_run() with IRQs off, before its early return; a flush reaches the online
cpus of the mask. The mask belongs to the VM, not to the ASID.
Source: commit 6f38f8c57464; pre_sev_run() of 7.2.8.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy, flush_mask, mark
from vmlitmus.world import Cpu, Task, Vcpu, Vm


class EverRan(FlushPolicy):
    """Set before VMRUN, never cleared."""

    def marks_before_vmrun(self, w: World) -> bool:
        return True

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from flush_mask(w, task, vm)


class EverLoaded(FlushPolicy):
    """v4 to v7 of the series: set at vcpu_load(), never cleared."""

    def vcpu_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        mark(vcpu.vm, cpu)

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from flush_mask(w, task, vm)


class EverRanLate(FlushPolicy):
    """The mark behind the early return of pre_sev_run(), never cleared."""

    def after_early_return(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if vcpu.last_cpu is not cpu:
            mark(vcpu.vm, cpu)

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from flush_mask(w, task, vm)


class EverExited(FlushPolicy):
    """The mark after #VMEXIT, IRQs still off, never cleared."""

    def after_vmexit(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        mark(vcpu.vm, cpu)

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from flush_mask(w, task, vm)
