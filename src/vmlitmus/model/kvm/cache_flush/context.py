"""A second VM with the same ASID: intra-host migration (MOVE) and mirror (COPY).

MOVE takes kvm->lock and all vcpu mutexes of both VMs; afterwards the source is no longer SEV, so
every reclaim hook skips it, and the target has a mask of its own, which is empty. The target faults
in what its mm still maps and nobody is just about to take away. COPY leaves the owner as it is.
Both refuse SNP. 7.2.13 and 7.3.4 flush under all locks, as is modelled; 7.2.8 and 6.12.118 do not:
they are what "without flush on move" is. 7.2.9 was not read; by the changelog of 7.2.10 it flushes
after the switch.

Both may fail: MOVE when it has locked all vcpus of both VMs, which go on where they were once they
are unlocked; COPY when it has kvm->lock of both and allocates the mirror's mask. 7.2.8 stores into
the mirror after that. A reclaim notifier takes neither lock, so that it sees an order in which
sev->active comes first. create_vcpu.py says what both refuse. Not modelled: MOVE of a mirror; a
COPY that is refused before it has the locks, which changes nothing.

Source: sev_vm_move_enc_context_from(), sev_check_source_vcpus(), sev_vm_copy_enc_context_from() in
sev.c; commit 93de2a6a4b91.
"""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.cache_flush.create_vcpu import Outcome, counts_no_vcpu, possible
from vmlitmus.model.kvm.cache_flush.policy import writeback_caches
from vmlitmus.world import CopyOrder, Host, MoveFlush, Page, Role, Task, Vcpu, Vm, VmKind

MOVE = KernelCommit("93de2a6a4b91", "KVM: SEV: flush the source VM at intra-host migration")
CHECK = KernelFile("arch/x86/kvm/svm/sev.c", "sev_check_source_vcpus()", "7.2.8")
COPY = KernelFile("arch/x86/kvm/svm/sev.c", "sev_vm_copy_enc_context_from()", "7.2.8")


def flushes_at(w: World, place: MoveFlush) -> bool:
    """Say whether MOVE flushes at this place among its steps."""
    return w.the(Host).move_flush == place and w.part("flush on move")


def fault_in(vm: Vm) -> None:
    """A VM that has become SEV maps what its memslots cover."""
    if vm.memslot:
        vm.mapped = {page for page in vm.has if page not in vm.invalidating}


@sequence(
    "{task} moves the encryption context of {vm} to {to}", source=(MOVE, CHECK), disturbance="move"
)
def move_context(w: World, task: Task, vm: Vm, to: Vm, outcome: Outcome) -> Sections:
    when(vm.role == Role.OWNER and vm.active and vm.alive and vm.kind != VmKind.SNP)
    when(to.role == Role.TARGET and not to.active and to.alive)
    when(possible(w.the(Host).context_calls, outcome))
    when(not vm.kvm_lock and not to.kvm_lock)
    when(not any(vcpu.cpu is not None for vcpu in w.all(Vcpu) if vcpu.vm is vm))
    vm.kvm_lock = True
    to.kvm_lock = True
    if flushes_at(w, MoveFlush.BEFORE_LOCKS):
        yield "{task} takes kvm->lock of {vm} and {to}"
        yield from writeback_caches(w, task, vm, w.all(Page)[0])
        when(not any(vcpu.cpu is not None for vcpu in w.all(Vcpu) if vcpu.vm is vm))
    vm.locked = True
    yield "{task} locks all vcpus of {vm} and {to}"
    refused = (vm.creating or to.creating) and w.part("refuse MOVE while a vcpu is made")
    if refused or outcome == Outcome.FAILS:
        unlock(vm, to)
        yield "{task} fails to move the encryption context of {vm}, and unlocks everything"
        return
    if flushes_at(w, MoveFlush.UNDER_LOCKS):
        yield from writeback_caches(w, task, vm, w.all(Page)[0])
    to.active = True
    to.has_mask = w.part("allocate a mask on move")
    if to.created:
        to.plain_vcpu = False
    fault_in(to)
    vm.mapped.clear()
    vm.active = False
    if flushes_at(w, MoveFlush.AFTER_MOVE):
        yield "{task} moves the encryption context of {vm} to {to} and flushes after that"
        yield from writeback_caches(w, task, vm, w.all(Page)[0])
    unlock(vm, to)


def unlock(vm: Vm, to: Vm) -> None:
    """Drop the vcpu mutexes and kvm->lock of both VMs."""
    vm.locked = False
    vm.kvm_lock = False
    to.kvm_lock = False


@sequence("{task} makes {mirror} a mirror of {vm}", source=COPY, disturbance="copy")
def copy_context(w: World, task: Task, vm: Vm, mirror: Vm, outcome: Outcome) -> Sections:
    when(vm.role == Role.OWNER and vm.active and vm.alive)
    when(vm.kind != VmKind.SNP and not vm.kvm_lock and not mirror.kvm_lock)
    when(mirror.role == Role.MIRROR and not mirror.active and mirror.alive)
    when(possible(w.the(Host).context_calls, outcome))
    when(counts_no_vcpu(mirror) or not w.part("refuse COPY once a vcpu is counted"))
    if outcome == Outcome.FAILS or w.the(Host).copy_order != CopyOrder.MASK_FIRST:
        vm.kvm_lock = True
        mirror.kvm_lock = True
        mirror.active = w.the(Host).copy_order != CopyOrder.MASK_FIRST
        yield "{task} takes kvm->lock of {vm} and {mirror} in COPY"
        unlock(vm, mirror)
    if outcome == Outcome.FAILS:
        mirror.active = w.the(Host).copy_order == CopyOrder.KEPT
        yield "{task} gets no memory for have_run_cpus of {mirror}, so COPY fails"
        return
    mirror.active = True
    mirror.has_mask = w.part("allocate a mask on copy")
    fault_in(mirror)
