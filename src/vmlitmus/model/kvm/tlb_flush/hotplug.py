"""A cpu goes offline and comes back: svm_enable_virtualization_cpu().

Until 25f744ffa0c8 the generation began at its first value again. The first VMCB that takes an ASID
then begins the generation that was the first one before, and a VMCB that got its ASID in that one
finds it current, though its ASID may now be another's.

A TLB is empty after its cpu was offline.

Source: svm_enable_virtualization_cpu() in arch/x86/kvm/svm/svm.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.kvm.tlb_flush.tag import forget_all
from vmlitmus.model.kvm.tlb_flush.versions import GENERATION
from vmlitmus.world.tlb import Cpu, Host, Vcpu, Vmcb

ENABLE = KernelFile("arch/x86/kvm/svm/svm.c", "svm_enable_virtualization_cpu()", "7.2.8")


@step("{cpu} goes offline", source=ENABLE, disturbance="hotplug")
def go_offline(w: World, cpu: Cpu) -> None:
    when(cpu.online and not any(vcpu.cpu is cpu for vcpu in w.all(Vcpu)))
    cpu.online = False
    forget_all(w, cpu)


@step("{cpu} comes online and virtualization is enabled", source=(ENABLE, GENERATION.source))
def come_online(w: World, cpu: Cpu) -> None:
    when(not cpu.online)
    cpu.online = True
    cpu.next_asid = w.the(Host).asids + 1
    cpu.restarted = not w.part(GENERATION.part)
    for vmcb in w.all(Vmcb):
        if vmcb.cpu is cpu:
            vmcb.valid = False
