"""VM entry as a request sees it, and what comes before and after.

Atomic sections: the requests are looked at and served; IRQs off and IN_GUEST_MODE; the last look;
VM entry. IRQs stay off until the mode is OUTSIDE_GUEST_MODE again: an IPI meanwhile is taken by
the VM exit that it causes, and handled after it. A guest need never exit by itself.

smp_mb__after_srcu_read_unlock() is no instruction on x86: the barrier is the smp_mb() inside
srcu_read_unlock(). VM entry and VM exit drain no store buffer here.

Not modelled: signals and TIF_NEED_RESCHED, fast paths that enter again at once, SMM.
Source: vcpu_enter_guest() and kvm_vcpu_exit_request() in arch/x86/kvm/x86.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.world.snp import Mode
from vmlitmus.world.vcpu_wakeup import Cpu, Vcpu

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


def serve_request(w: World, vcpu: Vcpu) -> None:
    """kvm_check_request(), and what it asks for."""
    with w.unobserved("only the vcpu itself clears the bit"):
        if vcpu.request:
            with w.locked("clear_bit()"):
                vcpu.request = False
            vcpu.tlb.clear()


@sequence(source=(ENTER, LAST, SRCU), fair="weak")
def enter_guest(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.at_rest and not vcpu.halted)
    serve_request(w, vcpu)
    yield "{vcpu} serves its requests"
    irqs(vcpu, off=True)
    if w.part(MODE_FIRST):
        vcpu.mode = Mode.IN_GUEST
        yield "{vcpu} turns IRQs off and sets IN_GUEST_MODE"
        if w.part(ENTRY_BARRIER):
            w.barrier(by="smp_mb() in srcu_read_unlock()")
    kicked = vcpu.mode == Mode.EXITING
    yield "{vcpu} looks whether it was kicked"
    pending = vcpu.request
    yield "{vcpu} looks at its requests for the last time"
    if kicked or pending:
        vcpu.left = True
        yield "{vcpu} backs out"
        return
    if not w.part(MODE_FIRST):
        vcpu.mode = Mode.IN_GUEST
        yield "{vcpu} sets IN_GUEST_MODE only now"
    vcpu.running = True
    yield "{vcpu} enters the guest"


@step("{vcpu} exits", source=ENTER)
def vmexit(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running)
    vcpu.running = False
    vcpu.left = True


@step("{vcpu} exits for an IPI", source=ENTER, fair="weak")
def vmexit_for_ipi(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and has_ipi(vcpu.cpu))
    vcpu.running = False
    vcpu.left = True


def has_ipi(cpu: Cpu | None) -> bool:
    """Say whether something makes a guest on this cpu exit."""
    return cpu is not None and cpu.ipi


@step("{vcpu} executes HLT", source=ENTER, disturbance="halt")
def halt(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running)
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
