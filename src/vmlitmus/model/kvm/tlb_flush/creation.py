"""A vcpu comes online: who finds it before it is, and who misses it after it runs.

KVM_CREATE_VCPU stores the vcpu in kvm->vcpu_array, gives userspace its file descriptor, and
increments online_vcpus, by which kvm_for_each_vcpu() and thus each TLB flush goes. In which order,
and whether vcpu->mutex is held meanwhile, differs. kvm_for_each_vcpu() goes up to online_vcpus - 1,
which is no bound at all while none is online; kvm_get_vcpu() clamped its index to vcpu 0.

All of it is under kvm->lock, one vcpu of a VM at a time. At last kvm_arch_vcpu_postcreate()
synchronizes the TSC under vcpu->mutex, which KVM_RUN may have by then: up to 7.2 without kvm->lock,
in 7.3.4 with it.

Not modelled: what else KVM_CREATE_VCPU does without kvm->lock, which nobody can find.
Source: kvm_vm_ioctl_create_vcpu() in virt/kvm/kvm_main.c, kvm_get_vcpu() in
include/linux/kvm_host.h, kvm_arch_vcpu_postcreate() in arch/x86/kvm/x86.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.tlb_flush.versions import (
    EACH_ONLINE,
    GET_ONLINE,
    MUTEX,
    STORE_LATE,
    UNLOCKED,
)
from vmlitmus.world.tlb import Host, Task, Vcpu

CREATE = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "7.2.8")
CREATE_6_12 = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "6.12.107")
RUN = KernelFile("virt/kvm/kvm_main.c", "kvm_vcpu_ioctl()", "7.2.8")
GET = KernelFile("include/linux/kvm_host.h", "kvm_get_vcpu()", "7.2.8")
EACH = KernelFile("include/linux/kvm_host.h", "kvm_for_each_vcpu()", "7.2.8")


def may_create(vcpu: Vcpu) -> bool:
    """Say whether a vcpu that does not exist yet can be made: kvm->lock is free."""
    new = not vcpu.counted and not vcpu.fd and not vcpu.seen and not vcpu.freed
    return new and vcpu.vm.creating is None


@sequence(source=(CREATE, CREATE_6_12, UNLOCKED.source), disturbance="create-vcpu", fair="weak")
def create_vcpu(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(may_create(vcpu))
    vcpu.vm.creating = vcpu
    vcpu.seen = not w.part(STORE_LATE.part)
    yield "{task} is in KVM_CREATE_VCPU for {vcpu}, under kvm->lock"
    vcpu.fd = True
    vcpu.held = w.part(MUTEX.part)
    yield "{task} installs the file descriptor of {vcpu}"
    vcpu.seen = True
    yield "{task} is about to increment online_vcpus"
    vcpu.counted = True
    vcpu.vm.online += 1
    vcpu.held = False
    if w.the(Host).early_run:
        vcpu.creating = True
        if w.part(UNLOCKED.part):
            vcpu.vm.creating = None
        yield "{task} increments online_vcpus and drops the mutex of {vcpu}"
        when(not vcpu.in_run)
        vcpu.creating = False
        if not w.part(UNLOCKED.part):
            vcpu.vm.creating = None
        yield "{task} has synchronized the TSC of {vcpu} under its mutex"
        return
    vcpu.vm.creating = None
    yield "{task} increments online_vcpus: {vcpu} is online"


@step("{vcpu} enters KVM_RUN and holds vcpu->mutex", source=RUN, disturbance="early-run")
def early_run(w: World, vcpu: Vcpu) -> None:
    when(vcpu.creating and not vcpu.in_run)
    vcpu.in_run = True


@step("{vcpu} leaves KVM_RUN for a signal", source=RUN, disturbance="signal")
def leave_run(w: World, vcpu: Vcpu) -> None:
    when(vcpu.in_run)
    vcpu.in_run = False


@sequence(source=(CREATE, CREATE_6_12), disturbance="create-fails", fair="weak")
def create_fails(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(may_create(vcpu))
    vcpu.vm.creating = vcpu
    vcpu.seen = not w.part(STORE_LATE.part)
    yield "{task} is in KVM_CREATE_VCPU for {vcpu}, and there is no file descriptor left"
    vcpu.seen = False
    vcpu.freed = True
    vcpu.vm.creating = None
    yield "{task} frees {vcpu} again"


@sequence(source=EACH, disturbance="each-vcpu", fair="weak")
def for_each_vcpu(w: World, task: Task, vcpu: Vcpu) -> Sections:
    unbounded = vcpu.vm.online == 0 and not w.part(EACH_ONLINE.part)
    when(vcpu.seen and (vcpu.counted or unbounded))
    task.target = vcpu
    yield "{task} finds {vcpu} by kvm_for_each_vcpu()"
    use(w, task)
    yield "{task} sends a request to the vcpu that it found"


@sequence(source=GET, disturbance="get-vcpu", fair="weak")
def get_vcpu(w: World, task: Task, vcpu: Vcpu) -> Sections:
    clamped = vcpu.vm.online == 0 and vcpu.index == 0 and not w.part(GET_ONLINE.part)
    when(vcpu.seen and (vcpu.counted or clamped))
    task.target = vcpu
    yield "{task} finds {vcpu} by kvm_get_vcpu()"
    use(w, task)
    yield "{task} uses what kvm_get_vcpu() returned"


def use(w: World, task: Task) -> None:
    """Dereference the vcpu that was found."""
    if task.target is not None and task.target.freed:
        w.the(Host).freed_vcpu_used = True
    task.target = None
