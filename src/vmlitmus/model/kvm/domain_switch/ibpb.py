"""The IBPB between vcpus: who remembers what ran on a cpu last, and where the barrier is.

kvm_arch_vcpu_load() of 7.2.8 compares the vcpu with last_vcpu of the cpu. Until 6.15
svm_vcpu_load() compared svm->vmcb with current_vmcb, and vmx_vcpu_load_vmcs() the VMCS; L1 and L2
have one each, and only SVM remembers them beyond the vcpu's stay on the cpu. What is remembered
is an address: when the object is freed it has to be forgotten. A proposal puts the barrier off
until VM entry.

A VMCS that is loaded on another cpu is cleared there first, and forgotten.

Not load-bearing: "last_vcpu is compared": without it there are only more barriers; it saves time.

All of it runs with preemption off. IBPBs that a guest executes are in guest/processes.py.
Source: kvm_arch_vcpu_load(), kvm_arch_vcpu_destroy() in arch/x86/kvm/x86.c; svm_vcpu_load() in
arch/x86/kvm/svm/svm.c, vmx_vcpu_load_vmcs() in arch/x86/kvm/vmx/vmx.c (6.12.107).
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, Lore, World
from vmlitmus.model.hardware.predictor import ibpb
from vmlitmus.model.kvm.domain_switch.versions import EVERY_CPU, UNIFIED
from vmlitmus.world.domain_switch import Cpu, Host, KernelObject, Vcpu

LOAD = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_load()", "7.2.8")
LOAD_SVM = KernelFile("arch/x86/kvm/svm/svm.c", "svm_vcpu_load()", "6.12.107")
LOAD_VMX = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_vcpu_load_vmcs()", "6.12.107")
DESTROY = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_destroy()", "7.2.8")
FREE_SVM = KernelFile("arch/x86/kvm/svm/svm.c", "svm_vcpu_free()", "6.12.107")
DEFERRED = Lore(
    "[PATCH 1/2] KVM: x86: Defer IBPBs for vCPU and nested transitions until core run loop",
    "Sean Christopherson",
    "2026-01-27",
)
FORGET = "cmpxchg() of last_vcpu when a vcpu is destroyed"
MARK = "last_vcpu is compared"


class VcpuBarrier(Hooks):
    """No IBPB between vcpus: switch_vcpu_ibpb is off."""

    def on_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """vcpu_load(), preemption off."""

    def before_entry(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """vcpu_enter_guest(), IRQs off, right before VM entry."""

    def on_free(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """The vcpu is freed, by a task on a cpu."""

    def nested_exit(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """A nested VM exit that owes an IBPB."""
        ibpb(w, cpu)


def switch(w: World, cpu: Cpu, wanted: KernelObject | None) -> None:
    """IBPB if something else was remembered."""
    if cpu.mark is not wanted or not w.part(MARK):
        cpu.mark = wanted
        ibpb(w, cpu)


def forget(w: World, gone: KernelObject | None) -> None:
    """No cpu remembers an object any more."""
    for cpu in w.all(Cpu):
        if cpu.mark is gone:
            cpu.mark = None


class AtLoad(VcpuBarrier):
    """As merged: the barrier is at vcpu_load(); until 6.15 by VMCB or VMCS."""

    def on_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if w.part(UNIFIED.part):
            switch(w, cpu, vcpu.object)
            return
        if not w.the(Host).amd:
            for other in w.all(Cpu):
                if other is not cpu and other.mark is vcpu.vmcb:
                    other.mark = None
        switch(w, cpu, vcpu.vmcb)

    def on_free(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if w.part(UNIFIED.part):
            if w.part(FORGET):
                forget(w, vcpu.object)
        elif not w.the(Host).amd:
            forget(w, vcpu.vmcb01)
            forget(w, vcpu.vmcb02)
        elif w.part(EVERY_CPU.part):
            forget(w, vcpu.vmcb)
        else:
            ibpb(w, cpu)


class NestedForgotten(AtLoad):
    """The same, and a nested VM exit makes other cpus forget the vcpu; not merged."""

    def nested_exit(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        forget(w, vcpu.object)
        cpu.mark = vcpu.object
        ibpb(w, cpu)


class AfterMigration(AtLoad):
    """The same, and a vcpu that comes from another cpu gets a barrier too; not merged."""

    def on_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if vcpu.last is not cpu:
            cpu.mark = None
        vcpu.last = cpu
        switch(w, cpu, vcpu.object)


class BothForgotten(AtLoad):
    """The same, and svm_vcpu_free() forgets both VMCBs."""

    def on_free(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        forget(w, vcpu.object)
        forget(w, vcpu.vmcb01)
        forget(w, vcpu.vmcb02)


class Deferred(AtLoad):
    """Proposed 2026-01-27: vcpu_load() marks the vcpu, the barrier is right before VM entry."""

    def on_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if cpu.mark is not vcpu.object:
            cpu.mark = vcpu.object
            vcpu.need_ibpb = True

    def before_entry(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if vcpu.need_ibpb:
            vcpu.need_ibpb = False
            ibpb(w, cpu)

    def nested_exit(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        vcpu.need_ibpb = True


class DeferredByCpu(AtLoad):
    """The same with the mark in the cpu: what a cpu owes it owes to whoever enters next."""

    def on_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if cpu.mark is not vcpu.object:
            cpu.mark = vcpu.object
            cpu.owes_ibpb = True

    def before_entry(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if cpu.owes_ibpb:
            cpu.owes_ibpb = False
            ibpb(w, cpu)

    def nested_exit(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        cpu.owes_ibpb = True


class AtEntry(AtLoad):
    """last_vcpu is compared and set right before VM entry, not at vcpu_load()."""

    def on_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        pass

    def before_entry(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        switch(w, cpu, vcpu.object)
