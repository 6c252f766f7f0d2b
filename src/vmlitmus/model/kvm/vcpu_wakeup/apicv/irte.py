"""The IOMMU's half of AVIC: a device posts to a vcpu, and its interrupt is given to another one.

The IOMMU sets the bit in the vIRR of the vcpu that the IRTE names, and reads IsRun there: if it is
set, it rings the doorbell of the cpu in the IRTE, else it writes the GA log if GALogIntr is set,
whose handler wakes the vcpu. A vcpu has the IRTEs that name it on a list. When it is loaded it
sets IsRun and the cpu in all of them, and clears IsRun when it is put; GALogIntr is set while it
blocks, until 6.16 always.

When the guest gives the interrupt to another vcpu, or changes its vector, KVM takes the IRTE off
the list, drops the lock of the list, and changes the IRTE. Meanwhile it says of the old vcpu what
was true before. Until 6.16 KVM changed the IRTE first, while the old vcpu had it on its list. A
proposal of our own, ``irte_update = "holds-the-lock"``: the old vcpu's lock is held until the IRTE
has changed.

The handler of the GA log finds the vcpu under svm_vm_data_hash_lock, and wakes it when it has
dropped the lock. It is a thread, and nobody who destroys a VM waits for it. A proposal of our own,
``ga_log = "under-the-lock"``: it wakes the vcpu under the lock, and the VM leaves the hash before
its vcpus are freed.

Atomic sections: the bit in the vIRR; IsRun; what finds the vcpu; what wakes it; each stay under the
lock of a list, with the IRTE that is written there. One task at a time changes IRTEs, under
irqfds.lock.

Not modelled: how an interrupt comes whose IRTE is in remapped mode; that the last device goes.
That the IOMMU sets the vIRR before it reads IsRun is what blocking relies on, as with the
microcode of a cpu.

Source: avic_pi_update_irte(), avic_update_iommu_vcpu_affinity(), avic_ga_log_notifier() in
arch/x86/kvm/svm/avic.c, amd_iommu_update_ga() in drivers/iommu/amd/iommu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.vcpu_wakeup.versions import UNLINK_FIRST
from vmlitmus.world.vcpu_wakeup import Apic, Cpu, Device, GaLog, Host, Task, Vcpu

AVIC = "arch/x86/kvm/svm/avic.c"
UPDATE_IRTE = KernelFile(AVIC, "avic_pi_update_irte()", "7.2.8")
AFFINITY = KernelFile(AVIC, "avic_update_iommu_vcpu_affinity()", "7.2.8")
GA_LOG = KernelFile(AVIC, "avic_ga_log_notifier()", "7.2.8")
DESTROY_VM = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_destroy_vm()", "7.2.8")
UPDATE_GA = KernelFile("drivers/iommu/amd/iommu.c", "amd_iommu_update_ga()", "7.2.8")
FOLLOW = "IRTEs follow a vcpu that is loaded or put"


def listed(w: World, vcpu: Vcpu, device: Device) -> bool:
    """Say whether an IRTE in guest mode is on the vcpu's list."""
    return device.listed is vcpu and not device.remapped and w.part(FOLLOW)


def load_irtes(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """avic_update_iommu_vcpu_affinity() of a vcpu that runs."""
    for device in w.all(Device):
        if listed(w, vcpu, device):
            device.runs = True
            device.at = cpu
            device.logs = not w.part(UNLINK_FIRST.part)


def put_irtes(w: World, vcpu: Vcpu, blocks: bool) -> None:
    """avic_update_iommu_vcpu_affinity() of a vcpu that does not."""
    for device in w.all(Device):
        if listed(w, vcpu, device):
            device.runs = False
            device.logs = blocks or not w.part(UNLINK_FIRST.part)


def switch_irtes(w: World, vcpu: Vcpu, off: bool) -> None:
    """AVIC_ACTIVATE and AVIC_DEACTIVATE."""
    for device in w.all(Device):
        if device.listed is vcpu:
            device.remapped = off


@sequence(source=UPDATE_GA, disturbance="iommu-irq", fair="weak", hardware=True)
def iommu_posts(w: World, device: Device) -> Sections:
    vcpu = device.target
    when(vcpu is not None and not device.remapped)
    if vcpu is not None:
        with w.locked("an atomic update of the vIRR"):
            vcpu.virr = True
    yield "the IOMMU sets the bit of {device} in the vIRR of {device.target}"
    if device.runs and device.at is not None:
        device.at.doorbell = True
    if device.logs and not device.runs and vcpu is not None:
        w.the(GaLog).tags.add(vcpu)
    yield "the IOMMU rings the doorbell of the cpu in the IRTE, or writes the GA log, if it says so"


@sequence(source=GA_LOG, fair="weak")
def handle_ga_log(w: World, log: GaLog, vcpu: Vcpu) -> Sections:
    when(vcpu in log.tags)
    found = w.the(Host).hashed and not vcpu.gone
    if not w.the(Host).wakes_locked:
        yield "avic_ga_log_notifier() looks for {vcpu}, and drops svm_vm_data_hash_lock"
    log.tags.discard(vcpu)
    if found and vcpu.gone:
        w.the(Host).gone_woken = True
    with w.locked("the lock of try_to_wake_up()"):
        if found and vcpu.waiting and vcpu.sleepy:
            vcpu.sleepy = False
            vcpu.asleep = False
    yield "avic_ga_log_notifier() wakes {vcpu} if it waits"


@sequence(
    "{task} has destroyed the VM", source=(DESTROY_VM, GA_LOG), disturbance="destroy", fair="weak"
)
def destroy_vm(w: World, task: Task) -> Sections:
    when(task.target is None and w.the(Host).hashed and not w.the(Host).irqfds_lock)
    when(all(vcpu.at_rest for vcpu in w.all(Vcpu)) and all(d.idle for d in w.all(Device)))
    for device in w.all(Device):
        device.target = None
        device.listed = None
    if w.the(Host).wakes_locked:
        w.the(Host).hashed = False
        yield "{task} takes the interrupts away, and the VM off svm_vm_data_hash"
    free_vcpus(w)
    yield "{task} frees the vcpus"
    w.the(Host).hashed = False
    yield "{task} has taken the VM off svm_vm_data_hash"


def free_vcpus(w: World) -> None:
    """kvm_destroy_vcpus()."""
    for vcpu in w.all(Vcpu):
        vcpu.gone = True


def name(w: World, device: Device, vcpu: Vcpu) -> None:
    """The IRTE names a vcpu, and says what the vcpu's entry says."""
    device.target = vcpu
    device.runs = vcpu.entry_runs
    device.at = vcpu.entry_cpu
    device.logs = vcpu.entry_logs
    with w.unobserved("apicv_active is written before the lock of the list is taken"):
        device.remapped = not vcpu.active


@sequence(
    "{task} has given the interrupt of {device} to {vcpu}",
    source=(UPDATE_IRTE, AFFINITY, UNLINK_FIRST.source),
    disturbance="reroute",
    fair="weak",
)
def reroute(w: World, task: Task, device: Device, vcpu: Vcpu) -> Sections:
    when(task.target is None and vcpu.apic == Apic.AVIC and device.target is not None)
    when(not w.the(Host).irqfds_lock)
    if not w.part(UNLINK_FIRST.part):
        yield from change_first(w, task, device, vcpu)
        return
    if not w.the(Host).holds_list:
        w.the(Host).irqfds_lock = True
        device.listed = None
        yield "{task} takes the IRTE of {device} off the list of {device.target}"
    when(device.idle)
    name(w, device, vcpu)
    device.listed = vcpu
    w.the(Host).irqfds_lock = False
    yield "{task} makes the IRTE of {device} name {vcpu}, and puts it on its list"


def change_first(w: World, task: Task, device: Device, vcpu: Vcpu) -> Sections:
    """avic_pi_update_irte() and svm_ir_list_add() of 6.12.107."""
    when(device.idle)
    w.the(Host).irqfds_lock = True
    device.target = vcpu
    device.runs = False
    device.logs = True
    yield "{task} makes the IRTE of {device} name {vcpu}, not running"
    device.listed = None
    yield "{task} takes the IRTE of {device} off the old list"
    if vcpu.entry_runs:
        device.runs = True
        device.at = vcpu.entry_cpu
    device.listed = vcpu
    w.the(Host).irqfds_lock = False
    yield "{task} puts the IRTE of {device} on the list of {vcpu}, and sets IsRun if it runs"
