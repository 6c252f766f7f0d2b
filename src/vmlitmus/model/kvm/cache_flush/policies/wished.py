"""The protocol wished for in the thread: clear on flush, mark again in the IPI, later ones wait.

A flusher takes a mutex, takes the mask and empties it, and waits for its IPIs. A cpu that handles
one marks itself again if it has a vcpu of the VM loaded. Nobody had implemented it. Each rule is a
part: "flushers wait for each other" and "the responding cpu marks itself".
Source: reply of 2024-12-03 by S. Christopherson to v4 2/2.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World, when
from vmlitmus.model.kvm.cache_flush.policies.test_and_clear import take_mask
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy, mark, mask_of, send_and_wait
from vmlitmus.world import Cpu, Task, Vcpu, Vm


class Wished(FlushPolicy):
    """The wished-for protocol, with the mark set before each VMRUN."""

    def marks_before_vmrun(self, w: World) -> bool:
        return True

    def handled(self, w: World, cpu: Cpu, task: Task) -> None:
        if w.part("the responding cpu marks itself"):
            for vcpu in w.all(Vcpu):
                if vcpu.cpu is cpu and vcpu.vm is task.vm:
                    mark(vcpu.vm, cpu)

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        if w.part("flushers wait for each other"):
            when(not any(other.locked for other in w.all(Task)))
            task.locked = True
            yield "{task} takes the flush mutex"
        task.vm = vm
        yield from send_and_wait(w, task, take_mask(w, vm))
        task.vm = None
        task.locked = False
        yield "{task} releases the flush mutex"


class WishedAtLoad(Wished):
    """The wished-for protocol, with the mark set at vcpu_load() only."""

    def marks_before_vmrun(self, w: World) -> bool:
        return False

    def vcpu_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        mark(vcpu.vm, cpu)


class SelfClearing(FlushPolicy):
    """Simpler: the cpu that has written its lines back clears its own mark, IRQs off.

    The mark is set before each VMRUN, also with IRQs off, so the two never interleave; a bit that a
    second flusher finds clear belongs to a cpu that has been flushed. No mutex, no marking again.
    """

    def marks_before_vmrun(self, w: World) -> bool:
        return True

    def handled(self, w: World, cpu: Cpu, task: Task) -> None:
        if task.vm is not None:
            task.vm.have_run.discard(cpu)

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        task.vm = vm
        yield from send_and_wait(w, task, mask_of(w, vm))
        task.vm = None
        yield "{task} clears its note of the VM that it flushed"
