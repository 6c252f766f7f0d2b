"""The VMM migrates: it reads the log, has the pages tracked again, and sends them, round by round.

Each thread of the VMM sends what the log named to it. At some time the VMM stops the vcpus. A round
that begins when all vcpus have returned from KVM_RUN is the last one.

Not modelled: pages that devices write; the vcpu state.
Source: KVM_CLEAR_DIRTY_LOG and KVM_CAP_DIRTY_LOG_RING in Documentation/virt/kvm/api.rst.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.dirty_log.bitmap import (
    BITS,
    CLEAR,
    ENABLE,
    FLUSH,
    GET,
    MASKED,
    SPLIT,
    SYNC,
    clear_dirty_log,
    get_dirty_log,
)
from vmlitmus.model.kvm.dirty_log.ring import GFN, IOCTL, RESET, harvest, reset_dirty_rings
from vmlitmus.world.dirty_log.guest import Log, Page, Vcpu, Vm
from vmlitmus.world.dirty_log.userspace import Task

API = KernelFile("Documentation/virt/kvm/api.rst", "KVM_CLEAR_DIRTY_LOG", "7.2.8")


@sequence(
    source=(GET, CLEAR, SYNC, ENABLE, SPLIT, MASKED, BITS, FLUSH, RESET, GFN, IOCTL),
    fair="weak",
)
def migration_round(w: World, task: Task) -> Sections:
    vm = w.the(Vm)
    when(vm.copied and vm.logging and not vm.finished and not vm.in_round)
    vm.in_round = vm.one_round
    last = vm.stopping and not any(v.in_run for v in w.all(Vcpu))
    yield "{task} begins a round of the migration; this is the last round: {last}"
    if vm.log == Log.RING:
        yield from harvest(w, task)
    else:
        yield from get_dirty_log(w, task)
    if vm.reads_early:
        send(w, task)
        yield "{task} sends the pages before they are tracked again"
    if vm.log == Log.RING:
        yield from reset_dirty_rings(w, task)
        while any(v.harvested for v in w.all(Vcpu)):
            yield "{task} sees entries that it has harvested and that are not reset"
            yield from reset_dirty_rings(w, task)
    if vm.log == Log.CLEAR:
        yield from clear_dirty_log(w, task)
    if not vm.reads_early:
        send(w, task)
    task.got.clear()
    vm.in_round = False
    if last:
        vm.finished = True
    yield "{task} sends the pages that the log named"


def send(w: World, task: Task) -> None:
    """Send the pages that the log named to this thread."""
    for page in w.all(Page):
        if page in task.got:
            page.stale = False


@step("{task} asks all vcpus to return from KVM_RUN", source=API, disturbance="stop")
def stop_vcpus(w: World, task: Task) -> None:
    when(task.index == 0 and w.the(Vm).copied and not w.the(Vm).stopping)
    when(not any(v.created and not v.in_run for v in w.all(Vcpu)))
    w.the(Vm).stopping = True
    for vcpu in w.all(Vcpu):
        vcpu.kicked = vcpu.running
