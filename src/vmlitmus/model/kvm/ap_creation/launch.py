"""KVM_SEV_SNP_LAUNCH_FINISH: the launch VMSA of each vcpu is synced and encrypted.

snp_launch_update_vmsa() runs under kvm->lock: for each vcpu that is online, the BSP included, the
registers are copied into the VMSA page, one after the other; the page is assigned to the guest in
the RMP, immutable, and SNP_LAUNCH_UPDATE has firmware encrypt it and clear that bit. When firmware
refuses, snp_page_reclaim() has it clear the bit, too, and makes the page shared again; the vcpus
before it stay encrypted. The measurement is the last command, which firmware may refuse as well.
Vcpu ioctls run under vcpu->mutex, which it did not take; since it does it takes one after the
other. KVM_CREATE_VCPU counts the new vcpu under kvm->lock, builds it outside, and puts it online
under the lock again; a call that fails takes the count back, under the lock as well. 7.3.4 holds
the lock all the time.

A proposal of our own, ``encrypted_vcpus = "skipped"``: LAUNCH_FINISH passes over the vcpus that an
earlier call has encrypted.

Not modelled: other launch commands, what is measured, firmware that refuses SNP_PAGE_RECLAIM.
Source: snp_launch_update_vmsa(), snp_launch_finish(), snp_page_reclaim(), sev_es_sync_vmsa() in
arch/x86/kvm/svm/sev.c, kvm_vm_ioctl_create_vcpu(), kvm_lock_all_vcpus() in virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.rmp import rmpupdate_shared
from vmlitmus.model.kvm.ap_creation.fixes import (
    CREATE_LOCKED,
    LOCK_VCPUS,
    NO_CREATING,
    SYNC_ONCE,
)
from vmlitmus.world.snp import Host, Page, Task, Vcpu, Vm

FINISH = (
    KernelFile("arch/x86/kvm/svm/sev.c", "snp_launch_finish()", "7.2.8"),
    KernelFile("arch/x86/kvm/svm/sev.c", "snp_launch_update_vmsa()", "7.2.8"),
)
SET_REGS = KernelFile("arch/x86/kvm/regs.c", "kvm_arch_vcpu_ioctl_set_regs()", "7.2.8")
CREATE_VCPU = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "7.2.8")


def sync(w: World, vcpu: Vcpu, page: Page) -> None:
    """Copy a register into the VMSA; a write to a page of the guest is an RMP fault."""
    if page.assigned:
        w.the(Host).rmp_fault = True
    elif vcpu.new_regs:
        page.new_regs = True
    else:
        page.old_regs = True


def unlock_vcpus(w: World) -> None:
    for vcpu in w.all(Vcpu):
        vcpu.held = False


def fail(w: World) -> None:
    """Return an error: all locks are dropped."""
    unlock_vcpus(w)
    w.the(Vm).locked = False


def snp_page_reclaim(w: World, page: Page) -> None:
    """Take a page back that firmware refused."""
    w.the(Host).refuses = False
    if w.part("SNP_PAGE_RECLAIM before RMPUPDATE"):
        page.immutable = False
    rmpupdate_shared(page)


@step("firmware will refuse the next launch command", source=FINISH, disturbance="firmware-fails")
def refuse_update(w: World) -> None:
    when(not w.the(Host).refuses)
    w.the(Host).refuses = True


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
        for vcpu in w.all(Vcpu):
            if vcpu.online:
                when(vcpu.idle and (not vcpu.in_run or vcpu.failed))
                vcpu.held = True
                yield "{task} takes vcpu->mutex of {vcpu}"
    for vcpu in w.all(Vcpu):
        skipped = vcpu.protected and vm.skips_encrypted
        if vcpu.online and vcpu.launch is not None and not skipped:
            if vcpu.protected and w.part(SYNC_ONCE):
                fail(w)
                yield "{task} fails with -EINVAL: the VMSA is encrypted"
                return
            sync(w, vcpu, vcpu.launch)
            yield "{task} copies RIP of {vcpu} into its launch VMSA"
            sync(w, vcpu, vcpu.launch)
            yield "{task} copies RSP of {vcpu} into its launch VMSA"
            vcpu.launch.assigned = True
            vcpu.launch.immutable = True
            yield "{task} assigns the launch VMSA of {vcpu} by RMPUPDATE"
            if w.the(Host).refuses:
                snp_page_reclaim(w, vcpu.launch)
                fail(w)
                yield "{task} fails: firmware refuses the launch VMSA of {vcpu}"
                return
            vcpu.launch.immutable = False
            vcpu.launch.vmsa = True
            vcpu.protected = True
            yield "{task} lets firmware encrypt the launch VMSA of {vcpu}"
    unlock_vcpus(w)
    yield "{task} has had the VMSAs of all vcpus encrypted and has released each vcpu->mutex"
    vm.locked = False
    if w.the(Host).refuses:
        w.the(Host).refuses = False
        yield "{task} fails: firmware refuses SNP_LAUNCH_FINISH"
        return
    vm.finished = True
    vm.missed = vm.missed or vm.creating
    yield "{task} returns from KVM_SEV_SNP_LAUNCH_FINISH"


@step("{vcpu} gets new registers by KVM_SET_REGS", source=SET_REGS, disturbance="set-regs")
def set_regs(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.online and not vcpu.bsp and not vcpu.in_run and not vcpu.held)
    vcpu.new_regs = True


class Creation(Enum):
    """What comes of KVM_CREATE_VCPU."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"


@sequence(source=CREATE_VCPU, disturbance="create-vcpu")
def create_vcpu(w: World, task: Task, vcpu: Vcpu, creation: Creation) -> Sections:
    vm = w.the(Vm)
    when(not vcpu.online and not vm.locked and not vm.creating)
    when((creation == Creation.FAILS) == w.the(Host).create_fails)
    vm.creating = True
    vm.locked = w.part(CREATE_LOCKED)
    yield "{task} enters KVM_CREATE_VCPU and counts {vcpu} in created_vcpus"
    when(not vm.locked or w.part(CREATE_LOCKED))
    vm.locked = False
    vm.creating = False
    if creation == Creation.FAILS:
        yield "{task} fails and takes {vcpu} off created_vcpus"
        return
    vcpu.online = True
    yield "{task} puts {vcpu} online"
