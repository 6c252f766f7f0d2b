"""VM entry as a request sees it, and what comes before and after.

Atomic sections: the requests are looked at and served; IRQs off and IN_GUEST_MODE; the last look;
VM entry. IRQs stay off until the mode is OUTSIDE_GUEST_MODE again: an IPI meanwhile is taken by
the VM exit that it causes, and handled after it. A guest need never exit by itself.

smp_mb__after_srcu_read_unlock() is no instruction on x86: the barrier is the smp_mb() inside
srcu_read_unlock(). Whether VM entry and VM exit drain the store buffer is assumed:
they do not.

Not modelled: signals and TIF_NEED_RESCHED, fast paths that enter again at once, SMM.
Source: vcpu_enter_guest() and kvm_vcpu_exit_request() in arch/x86/kvm/x86.c.
"""

from __future__ import annotations

from vmlitmus.lang import CpuEvent, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.vcpu_wakeup.apicv.avic import look_at_virr
from vmlitmus.model.kvm.vcpu_wakeup.apicv.inhibit import inject, update_apicv
from vmlitmus.model.kvm.vcpu_wakeup.apicv.posted import SYNC_ENTRY, sync_entry
from vmlitmus.model.kvm.vcpu_wakeup.apicv.vmcs01 import finish_l2_exit
from vmlitmus.model.kvm.vcpu_wakeup.async_pf import check_completion
from vmlitmus.model.kvm.vcpu_wakeup.mask import mark
from vmlitmus.world.snp import Mode
from vmlitmus.world.vcpu_wakeup import Apic, Host, Vcpu

X86 = "arch/x86/kvm/x86.c"
ENTER = KernelFile(X86, "vcpu_enter_guest()", "7.2.8")
LAST = KernelFile(X86, "kvm_vcpu_exit_request()", "7.2.8")
SRCU = KernelFile("kernel/rcu/srcutree.c", "__srcu_read_unlock()", "7.2.8")
ENTRY_BARRIER = "smp_mb() in srcu_read_unlock() after IN_GUEST_MODE"
MODE_FIRST = "set IN_GUEST_MODE before the last look at the requests"


def irqs(vcpu: Vcpu, off: bool) -> None:
    """Turn IRQs off or on at the vcpu's cpu."""
    if vcpu.cpu is not None:
        vcpu.cpu.irqs_off = off


def serve_request(w: World, vcpu: Vcpu) -> bool:
    """kvm_check_request(), and what it asks for; says whether there was one."""
    found = False
    with w.unobserved("only the vcpu itself clears the bit"):
        if vcpu.request:
            found = True
            with w.locked("clear_bit()"):
                vcpu.request = False
            vcpu.tlb.clear()
    return found


@sequence(source=(ENTER, LAST, SRCU), fair="weak")
def enter_guest(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.at_rest and not vcpu.halted and not vcpu.acks and not vcpu.ap)
    switched = vcpu.apic == Apic.AVIC or w.the(Host).switchable
    yield from finish_l2_exit(w, vcpu)
    if switched:
        yield from update_apicv(w, vcpu)
        when(vcpu.on_cpu)
    served = serve_request(w, vcpu)
    yield "{vcpu} serves its requests"
    if served and switched:
        yield from inject(w, vcpu)
    if served and vcpu.async_pf:
        yield from check_completion(w, vcpu)
    when(vcpu.on_cpu)
    irqs(vcpu, off=True)
    if w.part(MODE_FIRST):
        vcpu.mode = Mode.IN_GUEST
        yield "{vcpu} turns IRQs off and sets IN_GUEST_MODE"
        if w.part(ENTRY_BARRIER):
            w.barrier(by="smp_mb() in srcu_read_unlock()")
    if vcpu.apic == Apic.POSTED and w.part(SYNC_ENTRY):
        yield from sync_entry(w, vcpu)
    kicked = vcpu.mode == Mode.EXITING
    yield "{vcpu} looks whether it was kicked"
    pending = vcpu.request
    if switched:
        yield "{vcpu} looks at one of its requests for the last time"
        pending = pending or vcpu.update
    yield "{vcpu} looks at its requests for the last time"
    if kicked or pending:
        vcpu.left = True
        yield "{vcpu} cancels the entry"
        return
    if not w.part(MODE_FIRST):
        vcpu.mode = Mode.IN_GUEST
        yield "{vcpu} sets IN_GUEST_MODE after its last look at the requests"
    yield from mark(w, vcpu)
    w.happens(CpuEvent.VM_ENTRY)
    if vcpu.apic == Apic.AVIC:
        with_avic = vcpu.active
        yield "{vcpu} looks whether AVIC is on in its VMCB"
        if with_avic:
            look_at_virr(w, vcpu)
    vcpu.running = True
    yield "{vcpu} enters the guest"


@step("{vcpu} exits", source=ENTER)
def vmexit(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running)
    w.happens(CpuEvent.VM_EXIT, vcpu)
    vcpu.running = False
    vcpu.left = True


@step("{vcpu} exits for an IPI", source=ENTER, fair="weak")
def vmexit_for_ipi(w: World, vcpu: Vcpu) -> None:
    unposted = vcpu.last.notify and not vcpu.controls
    when(vcpu.running and (vcpu.last.ipi or vcpu.last.wakeup or unposted))
    w.happens(CpuEvent.VM_EXIT, vcpu)
    vcpu.running = False
    vcpu.left = True


@step("{vcpu} executes HLT", source=ENTER, disturbance="halt")
def halt(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and not vcpu.reads)
    w.happens(CpuEvent.VM_EXIT, vcpu)
    vcpu.running = False
    vcpu.left = True
    vcpu.halted = True


@sequence(source=ENTER, fair="weak")
def after_exit(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.left)
    vcpu.mode = Mode.OUTSIDE
    yield "{vcpu} sets OUTSIDE_GUEST_MODE"
    irqs(vcpu, off=False)
    vcpu.left = False
    yield "{vcpu} turns IRQs on"
