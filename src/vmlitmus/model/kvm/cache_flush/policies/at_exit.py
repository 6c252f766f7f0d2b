"""A write-back at every #VMEXIT: a cpu keeps dirty lines of a guest only while it runs the guest.

The cpu marks itself before VMRUN. After #VMEXIT, IRQs still off, it executes the write-back and
clears its own mark, so a flush reaches the cpus that are in guest mode right now. No dirty line
outlives its vcpu on a cpu: one that goes offline has none to lose in the time between the online
bit and the play-dead WBINVD. The price is a WBINVD for each exit, which nobody would pay; the
policy shows that lines which stay behind are what all the others have to find again.

Source: nobody proposed it; the places are those of pre_sev_run() and svm_vcpu_enter_exit(), 7.2.8.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World
from vmlitmus.model.hardware.cache import kvm_writeback
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy, mask_of, send_and_wait
from vmlitmus.world import Cpu, Task, Vcpu, Vm


class AtExit(FlushPolicy):
    """Marked before VMRUN; written back, and the mark cleared, after #VMEXIT."""

    def marks_before_vmrun(self, w: World) -> bool:
        return True

    def after_vmexit(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        kvm_writeback(w, cpu)
        vcpu.vm.have_run.discard(cpu)

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from send_and_wait(w, task, mask_of(w, vm))
