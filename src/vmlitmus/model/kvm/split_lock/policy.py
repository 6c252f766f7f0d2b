"""The moments at which KVM decides about split locks, and the vcpu that makes one.

Atomic sections: VM entry with IRQs off, if the policy has something to do there; then the locked
access, which faults or is made, with the VM exit. What comes after the exit belongs to the policy.
Source: vmx_vcpu_run() and handle_exception_nmi() in arch/x86/kvm/vmx/vmx.c.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, Sections, World, sequence, when
from vmlitmus.model.hardware.split_lock import TEST_CTRL, legacy_ac, lock_bus
from vmlitmus.model.kvm.split_lock.bus_lock_exit import exit_after, exit_before
from vmlitmus.world.split_lock import Host, Vcpu

GUEST = KernelFile("arch/x86/kernel/cpu/bus_lock.c", "handle_guest_split_lock()", "7.2.8")
WARN = KernelFile("arch/x86/kernel/cpu/bus_lock.c", "split_lock_warn()", "7.2.8")
HANDLE_EXCEPTION = KernelFile("arch/x86/kvm/vmx/vmx.c", "handle_exception_nmi()", "7.2.8")


class AcPolicy(Hooks):
    """No policy: KVM touches no bit and injects every #AC."""

    def vm_entry(self, w: World, vcpu: Vcpu) -> Sections:
        """Before VM entry, IRQs off."""
        yield from ()

    def vm_exit(self, w: World, vcpu: Vcpu) -> None:
        """After VM exit, IRQs off."""

    def on_wrmsr(self, w: World, vcpu: Vcpu) -> None:
        """The guest has written its MSR_TEST_CTRL; until VM entry the write is not over."""

    def on_ac(self, w: World, vcpu: Vcpu) -> Sections:
        """handle_exception_nmi() for #AC, preemptible."""
        yield from ()


def may_run(w: World, vcpu: Vcpu) -> bool:
    """Say whether the vcpu has a cpu, and its guest and the host still run."""
    alive = not vcpu.vm.killed and not vcpu.vm.crashed and not w.the(Host).died
    return alive and vcpu.cpu is not None and not vcpu.stopped and not vcpu.failed


@sequence(source=(TEST_CTRL, HANDLE_EXCEPTION, GUEST, WARN), fair="weak")
def split_lock(w: World, vcpu: Vcpu) -> Sections:
    when(may_run(w, vcpu) and not vcpu.vm.emulated)
    yield from w.use(AcPolicy).vm_entry(w, vcpu)
    if vcpu.detected or legacy_ac(vcpu):
        w.use(AcPolicy).vm_exit(w, vcpu)
        vcpu.trying = True
        yield from w.use(AcPolicy).on_ac(w, vcpu)
    elif w.the(Host).bus_lock_exit and w.the(Host).amd and not vcpu.stepping:
        yield from exit_before(w, vcpu)
    else:
        lock_bus(w, vcpu)
        vcpu.stepping = False
        w.use(AcPolicy).vm_exit(w, vcpu)
        if w.the(Host).bus_lock_exit and not w.the(Host).amd:
            yield "{vcpu} executes its split lock: the bus is locked, and there is an exit"
            yield from exit_after(w, vcpu)
        else:
            yield "{vcpu} executes its split lock undetected: the bus is locked"
