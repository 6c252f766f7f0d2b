"""The host's debug registers around the guest, and a breakpoint of the host that needs them.

Before it enters for the first time after vcpu_load(), KVM may save them in the host save area, from
which a VMSA with DebugSwap has them loaded at each #VMEXIT. After #VMEXIT hw_breakpoint_restore()
loads DR0..DR3 again, but not the masks: the kernel writes a mask only if it differs from the one
that it believes to be there. A breakpoint over a range that the host sets on the cpu while the vcpu
is loaded is saved by nobody, so its mask is lost at the next #VMEXIT; a proposal of our own saves
the masks before each entry (``host_masks_saved``).

Not load-bearing: "save no host DR0..DR3": nobody relies on the saved ones (807cb9ce2ed9 says so).

Not modelled: preemption, after which they are saved anew; a host without breakpoints, which has
nothing to lose.
Source: sev_es_prepare_switch_to_guest() in arch/x86/kvm/svm/sev.c, svm_prepare_switch_to_guest(),
svm_vcpu_put() in svm.c, vcpu_enter_guest() in arch/x86/kvm/x86.c, amd_set_dr_addr_mask() in
arch/x86/kernel/cpu/amd.c, arch_install_hw_breakpoint(), hw_breakpoint_restore() in
arch/x86/kernel/hw_breakpoint.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, World, step, when
from vmlitmus.model.hardware.rmp import leave_guest
from vmlitmus.model.kvm.ap_creation.fixes import MASKS, NO_DRS
from vmlitmus.world.snp import Host, Mode, Vcpu, Vm

SWAP = KernelCommit("b2653cd3b75f", "KVM: SVM: Save host DR masks on CPUs with DebugSwap")
MASK = KernelFile("arch/x86/kernel/cpu/amd.c", "amd_set_dr_addr_mask()", "7.2.8")
INSTALL = KernelFile("arch/x86/kernel/hw_breakpoint.c", "arch_install_hw_breakpoint()", "7.2.8")
RESTORE = "restore DR0..DR3 by hw_breakpoint_restore()"


def prepare_switch_to_guest(w: World, vcpu: Vcpu) -> None:
    """sev_es_prepare_switch_to_guest(), as far as it saves debug registers."""
    if w.the(Host).debug_swap and not vcpu.bsp and (not vcpu.loaded or w.the(Vm).saves_each):
        vcpu.saved_masks = w.the(Vm).debug_swap or w.part(MASKS)
        vcpu.saved_drs = vcpu.saved_masks and not w.part(NO_DRS)
        vcpu.loaded = True


def vcpu_put(vcpu: Vcpu) -> None:
    """svm_vcpu_put(): the host save area is saved anew before the next entry."""
    vcpu.loaded = False


def exit_guest(w: World, vcpu: Vcpu) -> None:
    """#VMEXIT, and what vcpu_enter_guest() does before it turns IRQs on."""
    leave_guest(w, vcpu)
    if w.the(Host).debug_swap and not vcpu.bsp and w.part(RESTORE):
        vcpu.drs = True


@step(
    "the host sets a breakpoint over a range on the cpu of {vcpu}",
    source=INSTALL,
    disturbance="set-breakpoint",
)
def set_breakpoint(w: World, vcpu: Vcpu) -> None:
    when(not vcpu.bsp and not vcpu.running and vcpu.mode == Mode.OUTSIDE)
    vcpu.masks = True
    vcpu.drs = True
    vcpu.saved_masks = False
    vcpu.saved_drs = False


@step("the host reaches its breakpoint on the cpu of {vcpu}", source=MASK, disturbance="breakpoint")
def hit_breakpoint(w: World, vcpu: Vcpu) -> None:
    when(not vcpu.bsp and not vcpu.running and vcpu.mode == Mode.OUTSIDE)
    if not vcpu.masks or not vcpu.drs:
        w.the(Host).missed = True
