"""The part of the vcpu run loop that matters for cache flushing.

vcpu_load() binds a vcpu to a cpu; vcpu_enter_guest() runs with IRQs off from before it sets
IN_GUEST_MODE until after #VMEXIT: request check, pre_sev_run(), VMRUN. Interrupts sent meanwhile
are taken after the exit, and that is when a waiting TLB flush and a write-back IPI are answered.
An exit comes at any time, and so does an interrupt that was sent; where time is looked at,
``interrupts_first`` has an interrupt end guest mode and be handled before anything else on its cpu.

Not modelled: halting, signals, faults (an SPTE that was zapped stays away).
Source: vcpu_enter_guest() in arch/x86/kvm/x86.c, pre_sev_run() in arch/x86/kvm/svm/sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy, Mark
from vmlitmus.model.kvm.guest_wbinvd import note_load
from vmlitmus.world import Cpu, Host, Task, Vcpu, Vm

LOAD = KernelFile("virt/kvm/kvm_main.c", "vcpu_load()", "7.2.8")
ENTER = KernelFile("arch/x86/kvm/x86.c", "vcpu_enter_guest()", "7.2.8")
PRE_SEV_RUN = KernelFile("arch/x86/kvm/svm/sev.c", "pre_sev_run()", "7.2.8")


def interrupted(w: World, cpu: Cpu | None) -> bool:
    """Say whether a cpu has nothing but a write-back IPI to do, where interrupts come first."""
    return w.the(Host).interrupts_first and any(cpu in task.targets for task in w.all(Task))


def is_kicked(w: World, vcpu: Vcpu) -> bool:
    """Say whether an interrupt ends guest mode, where interrupts come first."""
    asked = any(vcpu in task.awaited for task in w.all(Task))
    return interrupted(w, vcpu.cpu) or (w.the(Host).interrupts_first and asked)


def may_switch(vcpu: Vcpu) -> bool:
    """Say whether the vcpu's task may be scheduled out and in."""
    return vcpu.idle or vcpu.preemptible


def load_on(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """vcpu_load() on a cpu where no other vcpu is loaded."""
    when(not interrupted(w, cpu))
    when(may_switch(vcpu) and vcpu.cpu is None)
    when(vcpu.alive and vcpu.vm.active and not vcpu.vm.locked)
    when(vcpu.vm.alive and cpu.active)
    when(not any(other.cpu is cpu for other in w.all(Vcpu)))
    vcpu.cpu = cpu
    w.use(FlushPolicy).vcpu_load(w, vcpu, cpu)
    note_load(w, vcpu, cpu)


@step("{vcpu} is loaded on its home {cpu}", source=LOAD)
def vcpu_load(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(cpu is vcpu.home)
    load_on(w, vcpu, cpu)


@step("{vcpu} is migrated to {cpu}", source=LOAD, disturbance="migration")
def vcpu_migrate(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(cpu is not vcpu.home)
    load_on(w, vcpu, cpu)


@step("{vcpu} is put", source=LOAD)
def vcpu_put(w: World, vcpu: Vcpu) -> None:
    when(may_switch(vcpu) and vcpu.cpu is not None and not interrupted(w, vcpu.cpu))
    vcpu.cpu = None


@sequence(source=(ENTER, PRE_SEV_RUN, Apm("15.5")))
def enter_guest(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.cpu is not None and not interrupted(w, vcpu.cpu))
    vcpu.in_guest = True
    yield "{vcpu} turns IRQs off, sets IN_GUEST_MODE and sees no request"
    if vcpu.cpu is not None:
        w.use(FlushPolicy).before_vmrun(w, vcpu, vcpu.cpu)
        if w.use(FlushPolicy).marks_before_vmrun(w):
            yield from w.use(Mark).before_vmrun(w, vcpu, vcpu.cpu)
        if vcpu.last_cpu is not vcpu.cpu:
            vcpu.tlb.clear()
        w.use(FlushPolicy).after_early_return(w, vcpu, vcpu.cpu)
        vcpu.last_cpu = vcpu.cpu
    yield "{vcpu} goes through pre_sev_run()"
    when(not w.the(Host).rebooting)
    vcpu.running = True
    yield "{vcpu} executes VMRUN"
    kicked = is_kicked(w, vcpu)
    vcpu.running = False
    if vcpu.vmsa is not None and vcpu.cpu is not None:
        vcpu.cpu.dirty.add(vcpu.vmsa)
    if vcpu.cpu is not None:
        w.use(FlushPolicy).after_vmexit(w, vcpu, vcpu.cpu)
    vcpu.in_guest = False
    answer_tlb_flush(w, vcpu)
    if kicked:
        yield "{vcpu} takes #VMEXIT for an interrupt and turns IRQs on"
    else:
        yield "{vcpu} takes #VMEXIT and turns IRQs on"


def answer_tlb_flush(w: World, vcpu: Vcpu) -> None:
    """The interrupt of a TLB flush request is taken; the next entry flushes the TLB."""
    if any(vcpu in task.awaited for task in w.all(Task)):
        vcpu.tlb.clear()
    for task in w.all(Task):
        task.awaited.discard(vcpu)


def request_tlb_flush(w: World, task: Task, vm: Vm) -> None:
    """kvm_flush_remote_tlbs(): a vcpu outside guest mode flushes before it enters again."""
    for vcpu in w.all(Vcpu):
        if vcpu.vm is vm and vcpu.in_guest:
            task.awaited.add(vcpu)
        elif vcpu.vm is vm:
            vcpu.tlb.clear()
