"""A guest that takes a VMSA back without the host: it clears EFER.SVME in it.

VMRUN with such a VMSA fails, so that it is in use never again, and RMPADJUST may follow; a write to
a VMSA in use faults until it no longer is. An SVSM does so.

Not modelled: VMPLs; a guest that sets the bit again.
Source: APM vol. 2, 15.5.1 and 15.36.12; coconut-svsm, 50ad98e2.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, World, step, when
from vmlitmus.model.hardware.rmp import free_to_act
from vmlitmus.world.snp import Page, Vcpu

CONSISTENCY = Apm("15.5.1")


@step("{vcpu} clears EFER.SVME in {page}", source=CONSISTENCY, disturbance="clear-svme")
def clear_svme(w: World, vcpu: Vcpu, page: Page) -> None:
    when(free_to_act(vcpu) and len(vcpu.asks) > 0 and page.svme)
    when(page.vmsa and not page.launch and not page.in_use)
    page.svme = False
