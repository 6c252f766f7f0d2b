"""An asynchronous #PF in a Linux guest, and an NMI before its handler has read why it came.

KVM writes into memory of the guest that a page is not present, and injects #PF, with a token for an
address, where the guest is in user mode. The handler reads that reason and clears it; where there
is none, the #PF is an ordinary one. IRQs are off until then, which keeps no NMI away. The handler
of an NMI may take a #PF itself: perf reads memory of the user for a call chain. The reason is not
for that one. Up to 7.2.12 it reads and clears it all the same, and the kernel panics, as KVM sends
nothing while it is in kernel mode. The version is that of the guest's kernel here.

Atomic sections: the reason with the #PF; the NMI; its #PF, with the reason read and cleared; its
end; the read of the handler, with the clear.

Not modelled: the reason for a page that is ready, which is no #PF since 5.8; an NMI between the
read and the clear, which finds the reason as one before them does; KVM as a guest hypervisor.
Source: __kvm_handle_async_pf() and kvm_read_and_reset_apf_flags() in arch/x86/kernel/kvm.c,
kvm_arch_async_page_not_present() in arch/x86/kvm/x86.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.kvm.vcpu_wakeup.versions import NMI_KEEPS
from vmlitmus.world.vcpu_wakeup import Vcpu

HANDLE = KernelFile("arch/x86/kernel/kvm.c", "__kvm_handle_async_pf()", "7.2.8")
READ = KernelFile("arch/x86/kernel/kvm.c", "kvm_read_and_reset_apf_flags()", "7.2.8")
NOT_PRESENT = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_async_page_not_present()", "7.2.8")


@step(
    "KVM writes that a page is not present and injects #PF into {vcpu}, which is in user mode",
    source=NOT_PRESENT,
    disturbance="not-present",
)
def not_present(w: World, vcpu: Vcpu) -> None:
    when(vcpu.at_rest and vcpu.async_pf and not vcpu.faulting and not vcpu.in_nmi)
    when(not vcpu.panicked)
    vcpu.reason = True
    vcpu.faulting = True


@step("an NMI comes to the guest on {vcpu}", source=HANDLE, disturbance="guest-nmi")
def nmi(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and not vcpu.in_nmi and not vcpu.panicked)
    vcpu.in_nmi = True


@step(
    "the handler of the NMI on {vcpu} reads memory of the user, and takes a #PF",
    source=(HANDLE, READ, NMI_KEEPS.source),
    disturbance="guest-nmi",
)
def fault_in_nmi(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.in_nmi and not vcpu.panicked)
    if vcpu.reason and not w.part(NMI_KEEPS.part):
        vcpu.reason = False
        vcpu.panicked = True


@step("the handler of the NMI on {vcpu} returns", source=HANDLE, disturbance="guest-nmi")
def end_nmi(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.in_nmi and not vcpu.panicked)
    vcpu.in_nmi = False


@step("the handler of #PF on {vcpu} reads why it came", source=(HANDLE, READ), fair="weak")
def read_reason(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.faulting and not vcpu.in_nmi and not vcpu.panicked)
    vcpu.waits_for_page = vcpu.reason
    vcpu.reason = False
    vcpu.faulting = False
