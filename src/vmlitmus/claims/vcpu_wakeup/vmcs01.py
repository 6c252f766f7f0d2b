"""Whether an interrupt ends that the guest has handled, and L1 runs with the controls it should."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.vcpu_wakeup import Apic, Vcpu

ISR = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_hwapic_isr_update()", "7.2.8")
REFRESH = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_refresh_apicv_exec_ctrl()", "7.2.8")


@condition("interrupt-in-service", "a guest handles an interrupt", source=ISR)
def interrupt_in_service(w: World) -> bool:
    return any(v.in_service for v in w.all(Vcpu))


@condition(
    "eoi-lost",
    "an interrupt stays in service though the guest has written EOI",
    source=ISR,
    backed_by=("interrupt-in-service",),
)
def eoi_lost(w: World) -> bool:
    return any(v.in_service and not v.handling and not v.injected for v in w.all(Vcpu))


@condition("apicv-changes-in-l2", "a vcpu that runs L2 switches its APICv", source=REFRESH)
def apicv_changes_in_l2(w: World) -> bool:
    return any(v.running and v.in_l2 and not v.active for v in w.all(Vcpu))


@condition(
    "stale-controls",
    "a vcpu runs L1 with controls that do not match its apicv_active",
    source=REFRESH,
    backed_by=("apicv-changes-in-l2",),
)
def stale_controls(w: World) -> bool:
    vmx = [v for v in w.all(Vcpu) if v.apic == Apic.POSTED]
    return any(v.running and not v.in_l2 and v.controls is not v.active for v in vmx)
