"""DebugSwap: who loads the debug registers at #VMEXIT.

With DebugSwap in the VMSA the cpu loads DR0..DR3 and their address masks from the host save area,
and saves nothing there. Without it the cpu does neither, and what the guest ran with is what stays.

Not modelled: DR7, which #VMEXIT resets; the cpu of the BSP, which is in the guest from the start.
Source: APM vol. 2, 15.35.9 and appendix B, table B-4; comment in sev_es_prepare_switch_to_guest().
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.world.snp import Features, Host, Page, Vcpu, Vm


def swaps(w: World, page: Page) -> bool:
    """Say whether a VMSA has DebugSwap on."""
    if page.features == Features.MANAGED:
        return w.the(Vm).debug_swap
    return page.features == Features.DEBUG_SWAP


def load_debug_registers(w: World, vcpu: Vcpu, page: Page) -> None:
    """Load what a swap of type B loads."""
    if w.the(Host).debug_swap and not vcpu.bsp:
        vcpu.drs = False
        if swaps(w, page):
            vcpu.masks = vcpu.saved_masks
            vcpu.drs = vcpu.saved_drs
