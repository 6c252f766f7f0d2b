"""VMX with APICv: what vmcs01 has to say of it, and how an interrupt that is in service ends.

With virtual-interrupt delivery the cpu sets the bit in the ISR and SVI itself, and at an EOI clears
the bit that SVI names; without it KVM sets the bit when it injects, and an EOI exits: KVM clears
the bit and makes KVM_REQ_EVENT, for an interrupt that waited for the end of this one. KVM writes
the controls and SVI into vmcs01 when it switches APICv. While L2 runs, vmcs02 is loaded: until
7.0 both writes were deferred to the exit from L2 to L1, and until 6.19 that exit made
KVM_REQ_APICV_UPDATE, which finds nothing to change.

Not load-bearing: "write vmcs01 at once while L2 runs": what was deferred is done before L1 runs.

Not modelled: interrupts that come while L2 runs; several vectors; APICv in vmcs12.
Source: vmx_refresh_apicv_exec_ctrl(), vmx_hwapic_isr_update() in arch/x86/kvm/vmx/vmx.c,
__nested_vmx_vmexit() in arch/x86/kvm/vmx/nested.c, kvm_apic_update_apicv(), apic_set_eoi() in
arch/x86/kvm/lapic.c.
"""

from __future__ import annotations

from vmlitmus.lang import CpuEvent, KernelFile, Sdm, Sections, World, step, when
from vmlitmus.model.kvm.vcpu_wakeup.kick import set_request
from vmlitmus.model.kvm.vcpu_wakeup.versions import AT_ONCE, REFRESH, UPDATE_SVI
from vmlitmus.world.vcpu_wakeup import Host, Vcpu

REFRESHES = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_refresh_apicv_exec_ctrl()", "7.2.8")
NESTED_EXIT = KernelFile("arch/x86/kvm/vmx/nested.c", "__nested_vmx_vmexit()", "7.2.8")
DELIVERY = Sdm("vol. 3C, 31.2.2 (virtual-interrupt delivery)")
EOI = Sdm("vol. 3C, 31.1.4 (EOI virtualization)")
SET_EOI = KernelFile("arch/x86/kvm/lapic.c", "apic_set_eoi()", "7.2.8")
EOI_EVENT = "make KVM_REQ_EVENT at an EOI"


def refresh_controls(w: World, vcpu: Vcpu, off: bool) -> None:
    """vmx_refresh_apicv_exec_ctrl(), and vmx_hwapic_isr_update() where APICv is switched on."""
    deferred = vcpu.in_l2 and not w.part(AT_ONCE.part)
    if deferred:
        vcpu.refresh_due = True
    else:
        vcpu.controls = not off
    if not off and w.part(UPDATE_SVI.part):
        if deferred:
            vcpu.svi_due = True
        else:
            vcpu.svi = vcpu.in_service


def exit_guest(w: World, vcpu: Vcpu) -> None:
    """An exit that KVM handles."""
    w.happens(CpuEvent.VM_EXIT, vcpu)
    vcpu.running = False
    vcpu.left = True


@step("the guest on {vcpu} takes the interrupt", source=DELIVERY, fair="strong")
def take_interrupt(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.irr and not vcpu.in_service and not vcpu.in_l2)
    vcpu.irr = False
    vcpu.in_service = w.the(Host).ends
    vcpu.handling = w.the(Host).ends
    vcpu.svi = w.the(Host).ends


@step("the guest on {vcpu} takes the injected interrupt", source=DELIVERY, fair="strong")
def take_injected(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.injected and not vcpu.in_l2)
    vcpu.injected = False
    vcpu.handling = True


@step("the guest on {vcpu} writes EOI", source=(EOI, SET_EOI), fair="strong")
def end_interrupt(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.handling and not vcpu.in_l2)
    vcpu.handling = False
    if not vcpu.controls:
        exit_guest(w, vcpu)
        vcpu.in_service = False
        if w.part(EOI_EVENT):
            set_request(w, vcpu)
    elif vcpu.svi:
        vcpu.in_service = False
        vcpu.svi = False


@step("L1 on {vcpu} enters L2", source=NESTED_EXIT, disturbance="l2")
def enter_l2(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and not vcpu.in_l2)
    exit_guest(w, vcpu)
    vcpu.in_l2 = True


@step("L2 on {vcpu} exits to L1", source=NESTED_EXIT, disturbance="l2", fair="weak")
def exit_l2(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.in_l2)
    exit_guest(w, vcpu)
    vcpu.in_l2 = False


def finish_l2_exit(w: World, vcpu: Vcpu) -> Sections:
    """The end of __nested_vmx_vmexit(): what was deferred while L2 ran."""
    if vcpu.refresh_due and not vcpu.in_l2:
        vcpu.refresh_due = False
        if w.part(REFRESH.part):
            with w.unobserved("only the vcpu itself writes apicv_active"):
                vcpu.controls = vcpu.active
        else:
            with w.locked("set_bit()"):
                vcpu.update = True
        yield "{vcpu} refreshes the controls of vmcs01, or requests that"
        when(vcpu.on_cpu)
    if vcpu.svi_due and not vcpu.in_l2:
        vcpu.svi_due = False
        with w.unobserved("only the vcpu itself writes apicv_active"):
            if vcpu.active:
                vcpu.svi = vcpu.in_service
        yield "{vcpu} writes SVI into vmcs01 if it has APICv"
        when(vcpu.on_cpu)
