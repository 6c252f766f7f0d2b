"""The IBPB between a guest and the VMM (VMSCAPE): a mark of the cpu, set after VM exit.

vcpu_enter_guest() sets x86_ibpb_exit_to_user before it turns IRQs on, so that it is set on the cpu
that ran the guest; whoever returns to user mode there next executes the IBPB.

Source: vcpu_enter_guest() in arch/x86/kvm/x86.c, arch_exit_to_user_mode_prepare() in
arch/x86/include/asm/entry-common.h.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, Sections, World, when
from vmlitmus.model.hardware.predictor import ibpb
from vmlitmus.model.kvm.domain_switch.versions import VMSCAPE
from vmlitmus.world.domain_switch import Cpu, Vcpu

ENTER_GUEST = KernelFile("arch/x86/kvm/x86.c", "vcpu_enter_guest()", "7.2.8")
TO_USER = KernelFile(
    "arch/x86/include/asm/entry-common.h", "arch_exit_to_user_mode_prepare()", "7.2.8"
)


class UserBarrier(Hooks):
    """No IBPB before user mode."""

    def irqs_off(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """After VM exit, IRQs off."""

    def irqs_on(self, w: World, vcpu: Vcpu) -> Sections:
        """With IRQs and preemption on."""
        yield from ()

    def to_user(self, w: World, cpu: Cpu) -> None:
        """Somebody returns to user mode on this cpu, IRQs off."""

    def vcpu_to_user(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """A vcpu's thread does."""
        self.to_user(w, cpu)


class MarkedCpu(UserBarrier):
    """As merged since 6.17: the cpu is marked with IRQs off."""

    def irqs_off(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if w.part(VMSCAPE.part):
            cpu.exit_ibpb = True

    def to_user(self, w: World, cpu: Cpu) -> None:
        if cpu.exit_ibpb:
            cpu.exit_ibpb = False
            ibpb(w, cpu)


class MarkedLate(MarkedCpu):
    """The mark is set where preemption is on again, on whatever cpu the thread is by then."""

    def irqs_off(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        pass

    def irqs_on(self, w: World, vcpu: Vcpu) -> Sections:
        when(vcpu.cpu is not None)
        if vcpu.cpu is not None:
            vcpu.cpu.exit_ibpb = True
        yield "{vcpu} sets x86_ibpb_exit_to_user, preemptible"


class MarkedTask(UserBarrier):
    """The mark is in the task: it executes the IBPB when it returns to user mode, wherever."""

    def irqs_off(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        vcpu.user_ibpb = True

    def vcpu_to_user(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if vcpu.user_ibpb:
            vcpu.user_ibpb = False
            ibpb(w, cpu)


class OnVmexit(UserBarrier):
    """IBPB after each VM exit: X86_FEATURE_IBPB_ON_VMEXIT."""

    def irqs_off(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        ibpb(w, cpu)
