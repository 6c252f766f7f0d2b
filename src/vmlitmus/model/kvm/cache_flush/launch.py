"""LAUNCH_UPDATE: the firmware encrypts in place what the host has written as plaintext.

The plaintext may still be in a host-tagged line; written back later it replaces the ciphertext.
KVM executes CLFLUSH on the pages first, unless SME_COHERENT makes that needless.
Source: sev_clflush_pages() and sev_launch_update_data() in arch/x86/kvm/svm/sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.hardware.cache import clflush_host_mapping
from vmlitmus.world import Cpu, Host, Owner, Page, PageKind, Task

LAUNCH = KernelFile("arch/x86/kvm/svm/sev.c", "sev_launch_update_data()", "7.2.8")


@sequence("{task} lets firmware encrypt {page}", source=LAUNCH, disturbance="launch")
def launch_update(w: World, task: Task, page: Page, cpu: Cpu) -> Sections:
    when(page.owner == Owner.HOST and page.kind == PageKind.MEMORY and cpu.online)
    cpu.host_dirty.add(page)
    yield "{task} writes plaintext to {page} on {cpu}"
    if w.part("CLFLUSH before LAUNCH_UPDATE") and not w.the(Host).sme_coherent:
        clflush_host_mapping(w, page)
    yield "{task} executes sev_clflush_pages() on {page}"
    if w.the(Host).sme_coherent:
        for holder in w.all(Cpu):
            holder.host_dirty.discard(page)
    page.owner = Owner.GUEST
    page.intact = True
