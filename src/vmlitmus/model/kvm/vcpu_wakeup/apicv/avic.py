"""AVIC under SVM: IsRunning, the doorbell, and what blocking and scheduling do to them.

The microcode of a sender sets the bit in the target's vIRR and reads IsRunning in the physical-id
table: if it is set, the doorbell of the cpu in the entry is rung, else the sender exits and KVM
rings the doorbell of a vcpu in IN_GUEST_MODE or wakes it. VMRUN looks at the vIRR, and so does a
cpu in the guest whose doorbell rings; in the host a doorbell does nothing. A vcpu that blocks
clears IsRunning before it publishes itself as waiter, and sets it again when it is one no more.

The bit goes to the page that the entry names: id_table.py.

With erratum 1235 the microcode's store may still be in the store buffer when IsRunning is read:
so a comment in avic_vcpu_blocking() supposes; all that is known is that the sender's exit is
missing. Without AVIC, which may be inhibited (inhibit.py), an interrupt is injected when
KVM_REQ_EVENT is served.

Not load-bearing: "read the mode before apicv_active": the vIRR is set before either is read, and a
vcpu that switches AVIC off after that looks at it.

Not modelled: logical ids; nesting. The IOMMU is in irte.py.
Source: arch/x86/kvm/svm/avic.c, svm_complete_interrupt_delivery() in arch/x86/kvm/svm/svm.c.
"""

from __future__ import annotations

from vmlitmus.lang import (
    Apm,
    CpuEvent,
    KernelFile,
    Sections,
    World,
    sequence,
    step,
    when,
)
from vmlitmus.model.kvm.vcpu_wakeup.apicv.irte import load_irtes, put_irtes
from vmlitmus.model.kvm.vcpu_wakeup.kick import request_event, set_irr_pending, wake_up
from vmlitmus.model.kvm.vcpu_wakeup.versions import (
    COMPLETE,
    NO_IPIV,
    NO_PREEMPTION,
    OWN_ENTRY,
    VIRR_THEN_ACTIVE,
)
from vmlitmus.world.snp import Mode
from vmlitmus.world.vcpu_wakeup import Apic, Backing, Cpu, Host, Task, Vcpu

AVIC = "arch/x86/kvm/svm/avic.c"
BLOCKING = KernelFile(AVIC, "avic_vcpu_blocking()", "7.2.8")
AVIC_LOAD = KernelFile(AVIC, "__avic_vcpu_load()", "7.2.8")
INCOMPLETE = KernelFile(AVIC, "avic_incomplete_ipi_interception()", "7.2.8")
DELIVERY = KernelFile("arch/x86/kvm/svm/svm.c", "svm_complete_interrupt_delivery()", "7.2.8")
DOORBELL = Apm("15.29")
CLEAR_RUNNING = "clear IsRunning before the vcpu looks for an event"
MODE_THEN_ACTIVE = "read the mode before apicv_active"
SRCU_LOCK = "smp_mb() in srcu_read_lock() after VM exit"


def set_running(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """__avic_vcpu_load(): the cpu and IsRunning are one word."""
    with w.unobserved("only the vcpu itself writes apicv_active"):
        if vcpu.apic == Apic.AVIC and vcpu.active:
            vcpu.entry_cpu = cpu
            write_entry(w, vcpu)
            if not (w.the(Host).erratum and w.part(NO_IPIV.part)):
                vcpu.is_running = True
            vcpu.entry_runs = True
            vcpu.entry_logs = False
            load_irtes(w, vcpu, cpu)


def clear_running(w: World, vcpu: Vcpu, blocks: bool) -> None:
    """__avic_vcpu_put(); ``blocks``: of a vcpu that is a waiter, or is about to be one."""
    if vcpu.apic == Apic.AVIC:
        put_irtes(w, vcpu, blocks)
        vcpu.is_running = False
        vcpu.entry_runs = False
        vcpu.entry_logs = blocks
        write_entry(w, vcpu)


def write_entry(w: World, vcpu: Vcpu) -> None:
    """The entry is what the table has, changed in part; or, later, what the vcpu has kept."""
    if w.part(OWN_ENTRY.part):
        vcpu.backing = Backing.OWN


def write_virr(w: World, vcpu: Vcpu) -> None:
    """The microcode sets the bit in the page that the entry names."""
    if vcpu.backing == Backing.OWN:
        vcpu.virr = True
    if vcpu.backing == Backing.FREED:
        w.the(Host).freed_written = True


def blocking(w: World, vcpu: Vcpu) -> Sections:
    """kvm_arch_vcpu_blocking()."""
    if vcpu.apic == Apic.AVIC and w.part(CLEAR_RUNNING):
        clear_running(w, vcpu, True)
    yield "{vcpu} is about to block: IsRunning is clear if it has AVIC"


def unblocking(w: World, vcpu: Vcpu) -> Sections:
    """kvm_arch_vcpu_unblocking(): with preemption off since it is a waiter no more."""
    if vcpu.apic == Apic.AVIC:
        here = vcpu.last
        if not w.part(NO_PREEMPTION.part):
            yield "{vcpu} reads vcpu->cpu, with preemption on"
            when(vcpu.on_cpu)
        set_running(w, vcpu, here)
    yield "{vcpu} is about to run: IsRunning is set if it has AVIC"


def complete_delivery(w: World, task: Task, vcpu: Vcpu, looked: bool) -> Sections:
    """svm_complete_interrupt_delivery(); ``looked``: it has found AVIC on already."""
    active = True
    if not looked and not w.part(MODE_THEN_ACTIVE):
        active = vcpu.active
        yield "{task} reads apicv_active of {vcpu} before its mode"
    found = vcpu.mode
    yield "{task} reads the mode of {vcpu}"
    if not looked and w.part(MODE_THEN_ACTIVE):
        active = vcpu.active
    yield "{task} reads apicv_active of {vcpu}"
    if not active:
        yield from request_event(w, task, vcpu)
    elif found == Mode.IN_GUEST:
        w.happens(CpuEvent.X2APIC_WRITE)
        vcpu.last.doorbell = True
        yield "{task} rings the doorbell of the cpu of {vcpu}"
    else:
        yield from wake_up(w, task, vcpu)


@step("the guest on {task} has an IPI for {vcpu}", source=INCOMPLETE, disturbance="ipi")
def begin_ipi(w: World, task: Task, vcpu: Vcpu) -> None:
    when(task.idle and task.target is None and vcpu.apic == Apic.AVIC)
    task.target = vcpu


@sequence(
    "{task} has sent its IPI",
    source=(DOORBELL, INCOMPLETE, BLOCKING),
    disturbance="ipi",
    fair="weak",
)
def send_ipi(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(task.target is vcpu and vcpu.apic == Apic.AVIC)
    task.target = None
    with w.locked("the microcode's store", not w.the(Host).erratum):
        write_virr(w, vcpu)
    yield "{task}'s microcode sets the bit in the vIRR of {vcpu}"
    running = vcpu.is_running
    yield "{task}'s microcode reads IsRunning of {vcpu}"
    if running:
        vcpu.entry_cpu.doorbell = True
        yield "{task}'s microcode rings the doorbell"
    else:
        w.happens(CpuEvent.VM_EXIT)
        if w.part(SRCU_LOCK):
            w.barrier(by="smp_mb() in srcu_read_lock()")
        yield "{task} exits and enters kvm->srcu"
        if w.part(COMPLETE.part):
            if w.the(Host).switchable:
                yield from set_irr_pending(task, vcpu)
            yield from complete_delivery(w, task, vcpu, False)
        else:
            yield from wake_up(w, task, vcpu)


@step("{task} has an interrupt for {vcpu}'s vIRR", source=DELIVERY, disturbance="avic-irq")
def begin_avic_irq(w: World, task: Task, vcpu: Vcpu) -> None:
    when(task.idle and task.target is None and vcpu.apic == Apic.AVIC)
    task.target = vcpu


@sequence(
    "{task} has delivered its interrupt", source=DELIVERY, disturbance="avic-irq", fair="weak"
)
def deliver_avic(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(task.target is vcpu and vcpu.apic == Apic.AVIC)
    task.target = None
    active = True
    if not w.part(VIRR_THEN_ACTIVE.part):
        active = vcpu.active
        yield "{task} reads apicv_active of {vcpu} before it sets the vIRR"
    with w.locked("set_bit()"):
        vcpu.virr = True
    yield "{task} sets the bit in the vIRR of {vcpu}"
    if w.the(Host).switchable:
        yield from set_irr_pending(task, vcpu)
    yield from complete_delivery(w, task, vcpu, active and not w.part(VIRR_THEN_ACTIVE.part))


@step("{cpu}'s doorbell rings", source=DOORBELL, fair="weak", hardware=True)
def doorbell(w: World, cpu: Cpu) -> None:
    when(cpu.doorbell)
    cpu.doorbell = False
    with w.locked("the look at the vIRR"):
        for vcpu in w.all(Vcpu):
            if vcpu.running and vcpu.last is cpu and vcpu.active and vcpu.virr:
                vcpu.virr = False
                vcpu.irr = True


def look_at_virr(w: World, vcpu: Vcpu) -> None:
    """What VMRUN does with AVIC: it reads memory, through the cpu's own buffer."""
    with w.unobserved("the bit is cleared by an atomic operation"):
        if vcpu.virr:
            with w.locked("the LOCK of the microcode"):
                vcpu.virr = False
            vcpu.irr = True
