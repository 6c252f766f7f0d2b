"""The table by which a cpu finds the target of an IPI: of PIDs on VMX, of physical ids with AVIC.

The entry of a vcpu names its posted-interrupt descriptor, or its vAPIC page. KVM_CREATE_VCPU
writes the entry when it has made the vcpu, and may fail after that: the id is in use, or there is
no file descriptor left. Up to 7.2 the entry stays when the vcpu is freed. AVIC writes the entry
again when the vcpu that has the id is loaded; VMX never does.

Where VMX has IPI virtualization, the microcode of a sender posts into the descriptor that the
entry names, as a device does. Where the vcpu was freed, that is memory of somebody else, and so
are vector and target of the notification.

Atomic sections: the entry of the new vcpu; the failure with the free; the post; the notification.

Not modelled: a sender that has read an entry when it is cleared; other failures of KVM_CREATE_VCPU,
which free the vcpu in the same way.

Source: kvm_vm_ioctl_create_vcpu() in virt/kvm/kvm_main.c, vmx_vcpu_create() in
arch/x86/kvm/vmx/vmx.c, avic_init_backing_page() in arch/x86/kvm/svm/avic.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sdm, Sections, World, sequence, step, when
from vmlitmus.model.kvm.vcpu_wakeup.versions import CLEAR_ENTRY, FIRST_CHECK
from vmlitmus.world.vcpu_wakeup import Apic, Backing, Host, Task, Vcpu

BACKING = KernelFile("arch/x86/kvm/svm/avic.c", "avic_init_backing_page()", "7.2.8")
PID_TABLE = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_vcpu_create()", "7.2.8")
CREATE = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "7.2.8")
IPIV = Sdm("vol. 3C, 31.1.6 (IPI virtualization)")


def has_table(w: World, vcpu: Vcpu) -> bool:
    """Say whether cpus look up the vcpu in a table."""
    return vcpu.apic == Apic.AVIC or (vcpu.apic == Apic.POSTED and w.the(Host).ipiv)


@sequence(
    source=(CREATE, BACKING, PID_TABLE, FIRST_CHECK.source),
    disturbance="create-again",
    fair="weak",
)
def create_again(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(task.target is None and has_table(w, vcpu))
    if w.part(FIRST_CHECK.part):
        yield "{task} finds that the id of {vcpu} is in use"
        return
    vcpu.backing = Backing.SECOND
    vcpu.is_running = False
    yield "{task} creates a second vcpu with the id of {vcpu}, and writes its entry"
    if vcpu.backing == Backing.SECOND:
        vcpu.backing = Backing.FREED
    yield "{task} finds that the id of {vcpu} is in use, and frees the second vcpu"


@sequence(
    source=(CREATE, BACKING, PID_TABLE, CLEAR_ENTRY.source),
    disturbance="create-fails",
    fair="weak",
)
def create_fails(w: World, task: Task) -> Sections:
    when(task.target is None and all(has_table(w, vcpu) for vcpu in w.all(Vcpu)))
    yield "{task} creates a vcpu with a new id, and writes its entry"
    if not w.part(CLEAR_ENTRY.part):
        w.the(Host).stale_entry = True
    yield "{task} gets no file descriptor for the new vcpu, and frees it"


@step(
    "the guest on {task} sends an IPI to the id of a vcpu that was freed",
    source=(IPIV, BACKING),
    disturbance="ipi",
)
def send_to_freed(w: World, task: Task) -> None:
    when(task.idle and task.target is None and w.the(Host).stale_entry)
    w.the(Host).freed_written = True


@sequence(source=(IPIV, PID_TABLE), disturbance="ipi", fair="weak")
def send_posted_ipi(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(task.target is None and vcpu.apic == Apic.POSTED and w.the(Host).ipiv)
    notifies = False
    with w.locked("an atomic update of the descriptor"):
        if vcpu.backing == Backing.OWN:
            vcpu.pir = True
            notifies = not vcpu.on and not vcpu.sn
            if notifies:
                vcpu.on = True
    if vcpu.backing == Backing.FREED:
        w.the(Host).freed_written = True
    wakeup = vcpu.wakeup_vector
    at = vcpu.ndst
    yield "{task}'s microcode posts an IPI into the descriptor that the entry of {vcpu} names"
    if notifies:
        if wakeup:
            at.wakeup = True
        else:
            at.notify = True
    yield "{task}'s microcode notifies {at} unless ON or SN was set"
