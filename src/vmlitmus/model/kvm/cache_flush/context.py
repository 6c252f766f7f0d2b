"""A second VM with the same ASID: intra-host migration (MOVE) and mirror (COPY).

MOVE takes all vcpu mutexes of both VMs; afterwards the source is no longer SEV, so every reclaim
hook skips it, and the target has a mask of its own, which is empty. COPY leaves the owner as it is.
Source: sev_migrate_from(), sev_vm_copy_enc_context_from() in sev.c; commit 93de2a6a4b91.
"""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.cache_flush.policy import writeback_caches
from vmlitmus.world import Page, Role, Task, Vcpu, Vm

MOVE = KernelCommit("93de2a6a4b91", "KVM: SEV: flush the source VM at intra-host migration")
COPY = KernelFile("arch/x86/kvm/svm/sev.c", "sev_vm_copy_enc_context_from()", "7.2.13")


@sequence("{task} moves the encryption context of {vm} to {to}", source=MOVE, disturbance="move")
def move_context(w: World, task: Task, vm: Vm, to: Vm) -> Sections:
    when(vm.role == Role.OWNER and vm.active and vm.alive)
    when(to.role == Role.TARGET and not to.active)
    when(not vm.locked)
    when(not any(vcpu.cpu is not None for vcpu in w.all(Vcpu)))
    vm.locked = True
    yield "{task} locks all vcpus of {vm} and {to}"
    if w.part("flush on move"):
        yield from writeback_caches(w, task, vm, w.all(Page)[0])
    to.active = True
    to.has_mask = w.part("allocate a mask on move")
    to.mapped = to.has
    vm.mapped.clear()
    vm.active = False
    vm.locked = False


@step("{task} makes {mirror} a mirror of {vm}", source=COPY, disturbance="copy")
def copy_context(w: World, task: Task, vm: Vm, mirror: Vm) -> None:
    when(task.idle and vm.role == Role.OWNER and vm.active and vm.alive)
    when(mirror.role == Role.MIRROR and not mirror.active)
    mirror.active = True
    mirror.has_mask = w.part("allocate a mask on copy")
    mirror.mapped = mirror.has
