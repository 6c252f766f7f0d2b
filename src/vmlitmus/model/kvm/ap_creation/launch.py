"""KVM_SEV_SNP_LAUNCH_FINISH: the launch VMSA of each vcpu is synced and encrypted.

snp_launch_update_vmsa() runs under kvm->lock: for each vcpu that is online, the registers are
copied into the VMSA page, one after the other; the page is assigned to the guest in the RMP and
encrypted by the firmware. Vcpu ioctls run under vcpu->mutex, which it did not take.
KVM_CREATE_VCPU counts the new vcpu under kvm->lock, builds it outside, and puts it online under
the lock again.

Not modelled: other launch commands, the measurement, firmware failures.
Source: snp_launch_update_vmsa(), sev_es_sync_vmsa() in arch/x86/kvm/svm/sev.c,
kvm_vm_ioctl_create_vcpu() in virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.ap_creation.fixes import LOCK_VCPUS, NO_CREATING, SYNC_ONCE
from vmlitmus.world.snp import Host, Page, Task, Vcpu, Vm

FINISH = KernelFile("arch/x86/kvm/svm/sev.c", "snp_launch_update_vmsa()", "7.2.13")
SET_REGS = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_ioctl_set_regs()", "7.2.13")
CREATE_VCPU = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "7.2.13")


def sync(w: World, vcpu: Vcpu, page: Page) -> None:
    """Copy a register into the VMSA; a write to a page of the guest is an RMP fault."""
    if page.assigned:
        w.the(Host).rmp_fault = True
    elif vcpu.new_regs:
        page.new_regs = True
    else:
        page.old_regs = True


def unlock(w: World) -> None:
    for vcpu in w.all(Vcpu):
        vcpu.held = False
    w.the(Vm).locked = False


@sequence(source=FINISH, disturbance="launch-finish")
def launch_finish(w: World, task: Task) -> Sections:
    vm = w.the(Vm)
    when(not vm.locked)
    vm.locked = True
    yield "{task} enters KVM_SEV_SNP_LAUNCH_FINISH and takes kvm->lock"
    if vm.creating and w.part(NO_CREATING):
        vm.locked = False
        yield "{task} fails with -EBUSY: a vcpu is being created"
        return
    if w.part(LOCK_VCPUS):
        when(not any(vcpu.in_run and vcpu.online for vcpu in w.all(Vcpu) if not vcpu.bsp))
        for vcpu in w.all(Vcpu):
            vcpu.held = True
        yield "{task} takes all vcpu mutexes"
    for vcpu in w.all(Vcpu):
        if vcpu.online and not vcpu.bsp and vcpu.launch is not None:
            if vcpu.protected and w.part(SYNC_ONCE):
                unlock(w)
                yield "{task} fails with -EINVAL: the VMSA is encrypted"
                return
            sync(w, vcpu, vcpu.launch)
            yield "{task} copies RIP of {vcpu} into its launch VMSA"
            sync(w, vcpu, vcpu.launch)
            yield "{task} copies RSP of {vcpu} into its launch VMSA"
            vcpu.launch.assigned = True
            vcpu.launch.vmsa = True
            vcpu.protected = True
            yield "{task} assigns the launch VMSA of {vcpu} and encrypts it"
    vm.finished = True
    vm.missed = vm.missed or vm.creating
    unlock(w)
    yield "{task} returns from KVM_SEV_SNP_LAUNCH_FINISH"


@step("{vcpu} gets new registers by KVM_SET_REGS", source=SET_REGS, disturbance="set-regs")
def set_regs(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.online and not vcpu.bsp and not vcpu.in_run and not vcpu.held)
    vcpu.new_regs = True


@sequence(source=CREATE_VCPU, disturbance="create-vcpu")
def create_vcpu(w: World, task: Task, vcpu: Vcpu) -> Sections:
    vm = w.the(Vm)
    when(not vcpu.online and not vm.locked and not vm.creating)
    vm.creating = True
    yield "{task} enters KVM_CREATE_VCPU and counts {vcpu} in created_vcpus"
    when(not vm.locked)
    vcpu.online = True
    vm.creating = False
    yield "{task} puts {vcpu} online"
