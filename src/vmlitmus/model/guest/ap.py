"""The guest's kdump kernel, which reads all of the guest's memory, VMSA pages included.

A read of a VMSA in use is a nested page fault that comes again until the page is no longer in use.
Since d2062cc1b1c3 the kdump kernel destroys the other vcpus first, takes the VMSA bit off their
pages, and leaves its own VMSA out.
Source: commit d2062cc1b1c3.
"""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, World, step, when
from vmlitmus.model.hardware.rmp import free_to_act
from vmlitmus.world.snp import Page, Vcpu, Vm

KDUMP = KernelCommit(
    "d2062cc1b1c3", "x86/sev: Do not touch VMSA pages during SNP guest memory kdump"
)


def dumpable(w: World, vcpu: Vcpu, page: Page) -> bool:
    """Say whether the kdump kernel on a vcpu will read a page now."""
    if not vcpu.dumps or page.launch:
        return False
    if not w.the(Vm).dump_destroys:
        return True
    others = [v for v in w.all(Vcpu) if v is not vcpu]
    return all(v.destroyed for v in others) and not page.vmsa


@step("{vcpu} starts to read {page} for the dump", source=KDUMP, disturbance="kdump")
def start_read(w: World, vcpu: Vcpu, page: Page) -> None:
    when(free_to_act(vcpu) and vcpu.reading is None and dumpable(w, vcpu, page))
    vcpu.reading = page


@step("{vcpu} takes a nested page fault on {page}", source=KDUMP, disturbance="kdump")
def read_faults(w: World, vcpu: Vcpu, page: Page) -> None:
    when(vcpu.running and vcpu.reading is page and page.in_use)


@step("{vcpu} has read {page}", source=KDUMP, disturbance="kdump", fair="strong")
def end_read(w: World, vcpu: Vcpu, page: Page) -> None:
    when(vcpu.running and vcpu.reading is page and not page.in_use)
    vcpu.reading = None
