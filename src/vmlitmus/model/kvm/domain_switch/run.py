"""A vcpu enters its guest and leaves it again; what its exit handlers do in between.

Atomic sections: with IRQs off, IBPBs that were put off and the L1D flush (C); VERW and VM entry
(assembly), between the two an NMI may come; the guest; VM exit with the marks, IRQs still off.
After that the thread is preemptible. A VM entry after a handler that may touch secrets waits for
its end.

Source: vcpu_enter_guest() in arch/x86/kvm/x86.c, vmx_vcpu_enter_exit() in arch/x86/kvm/vmx/vmx.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.leftovers import execute, host_touches
from vmlitmus.model.hardware.predictor import SPECULATION
from vmlitmus.model.kvm.domain_switch.buffers import (
    ENTER_EXIT,
    ENTER_EXIT_6_12,
    HANDLER_MARKS,
    L1D_FLUSH,
    REQUEST,
    BufferClear,
    L1dFlush,
)
from vmlitmus.model.kvm.domain_switch.host_mmio import answer
from vmlitmus.model.kvm.domain_switch.ibpb import VcpuBarrier
from vmlitmus.model.kvm.domain_switch.user_mode import ENTER_GUEST, UserBarrier
from vmlitmus.model.kvm.domain_switch.versions import RETURNS
from vmlitmus.model.scheduler.switching.beside import Beside
from vmlitmus.world.domain_switch import Cpu, Follow, Host, Mode, Vcpu

DISABLE_EXITS = KernelFile("arch/x86/kvm/x86.c", "kvm_get_allowed_disable_exits()", "7.2.8")


def may_handle(vcpu: Vcpu) -> bool:
    """Say whether the vcpu's thread is in the kernel, in KVM_RUN, and runs."""
    return vcpu.idle and vcpu.alive and vcpu.cpu is not None and vcpu.mode == Mode.LOADED


@sequence(source=(ENTER_GUEST, ENTER_EXIT, ENTER_EXIT_6_12, L1D_FLUSH, SPECULATION))
def run_guest(w: World, vcpu: Vcpu) -> Sections:
    cpu = vcpu.cpu
    when(may_handle(vcpu) and not vcpu.handling and cpu is not None and not cpu.resched)
    when(cpu is not None and not cpu.busy)
    vcpu.mode = Mode.ENTERING
    if cpu is not None:
        w.use(VcpuBarrier).before_entry(w, vcpu, cpu)
        w.use(L1dFlush).before_entry(w, cpu)
        w.use(BufferClear).in_c(w, vcpu, cpu)
    yield "{vcpu} turns IRQs off and clears what the host's settings ask for before VM entry"
    if cpu is not None:
        w.use(BufferClear).in_assembly(w, vcpu, cpu)
    yield from w.use(Beside).vm_entry(w, vcpu)
    if cpu is not None:
        execute(w, cpu, vcpu.domain)
    vcpu.mode = Mode.GUEST
    if vcpu.nested:
        yield "{vcpu} enters L2"
    else:
        yield "{vcpu} enters its guest"
    vcpu.mode = Mode.LOADED
    vcpu.halted = False
    answer(w, vcpu)
    if cpu is not None:
        cpu.running = None
        cpu.returns.clear()
        w.use(UserBarrier).irqs_off(w, vcpu, cpu)
        if w.the(Host).follow == Follow.BUFFERS:
            host_touches(w, cpu)
    yield "{vcpu} exits to KVM, which turns IRQs on"
    yield from w.use(UserBarrier).irqs_on(w, vcpu)


@step(
    "{vcpu} begins to handle an exit that may touch secrets",
    source=REQUEST,
    disturbance="emulation",
)
def begin_handling(w: World, vcpu: Vcpu) -> None:
    when(may_handle(vcpu) and not vcpu.handling)
    vcpu.handling = True
    if vcpu.cpu is not None and w.part(HANDLER_MARKS):
        vcpu.cpu.l1tf_flush = True


@step(
    "the exit handler of {vcpu} touches secrets of the host",
    source=REQUEST,
    disturbance="emulation",
)
def handle(w: World, vcpu: Vcpu) -> None:
    when(may_handle(vcpu) and vcpu.handling)
    vcpu.handling = False
    if vcpu.cpu is not None:
        host_touches(w, vcpu.cpu)


@step(
    "the guest on {vcpu} executes HLT without an exit",
    source=DISABLE_EXITS,
    disturbance="guest-halt",
)
def guest_halts(w: World, vcpu: Vcpu) -> None:
    when(vcpu.mode == Mode.GUEST and vcpu.vm.owns_hlt and not w.part(RETURNS.part))
    when(not vcpu.halted)
    vcpu.halted = True
    for cpu in w.all(Cpu):
        if vcpu.cpu is not None and cpu is not vcpu.cpu and cpu.core is vcpu.cpu.core:
            cpu.returns.add(vcpu.domain)
