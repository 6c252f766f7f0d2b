"""KVM_CREATE_VCPU in one thread while another makes the VM an SEV VM: INIT, COPY or MOVE.

A vcpu is set up for SEV where it is made, or by MOVE for the vcpus that its target has by then. The
call counts the vcpu in created_vcpus under kvm->lock, sets it up without that lock, and puts it
online under it again; a call that fails takes the count back. INIT and COPY refuse a VM that has
counted a vcpu, MOVE one with a vcpu that is counted and not online; each holds kvm->lock. 7.3.4
holds it until the vcpu is online, so that it has some of these runs only.

Not modelled: what becomes of such a vcpu in the guest; more than one vcpu made so.
Source: kvm_vm_ioctl_create_vcpu() in virt/kvm/kvm_main.c, sev_vcpu_create(),
sev_check_source_vcpus(), __sev_guest_init(), sev_vm_copy_enc_context_from() in sev.c.
"""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.world import Calls, Host, Task, Vm

CREATE = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "7.2.8")
SET_UP = KernelFile("arch/x86/kvm/svm/sev.c", "sev_vcpu_create()", "7.2.8")


class Outcome(Enum):
    """What comes of one call."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"


def possible(calls: Calls, outcome: Outcome) -> bool:
    """Say whether a call may come to this where the scenario has its outcome chosen."""
    if outcome == Outcome.SUCCEEDS:
        return calls != Calls.FAIL
    return calls != Calls.SUCCEED


def counts_no_vcpu(vm: Vm) -> bool:
    """kvm->created_vcpus is 0."""
    return not vm.creating and not vm.created


@sequence(source=(CREATE, SET_UP), disturbance="create-vcpu")
def create_vcpu(w: World, task: Task, vm: Vm, outcome: Outcome) -> Sections:
    when(vm.alive and not vm.kvm_lock and counts_no_vcpu(vm))
    when(possible(w.the(Host).create_calls, outcome))
    vm.creating = True
    yield "{task} enters KVM_CREATE_VCPU of {vm} and counts the vcpu in created_vcpus"
    vm.plain_vcpu = not vm.active
    yield "{task} sets up the new vcpu of {vm} by what the VM is now"
    when(not vm.kvm_lock)
    vm.creating = False
    vm.created = outcome == Outcome.SUCCEEDS
    vm.plain_vcpu = vm.plain_vcpu and vm.created
    yield "{task} ends KVM_CREATE_VCPU of {vm}, which {outcome}"
