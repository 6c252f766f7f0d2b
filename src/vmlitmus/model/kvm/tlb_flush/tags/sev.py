"""SEV: the ASID is the VM's, and pre_sev_run() flushes when another VMCB had it on this cpu.

Its early return asks two things: that this VMCB was the last that ran with the ASID on this cpu,
and that the vcpu entered here last. When a VM is destroyed its ASID is free for another one, and
sev_asid_free() forgets the last VMCB of each cpu, for the address of a VMCB may come back too.

Not modelled: DEACTIVATE and DF_FLUSH (topic cache-flush), which flush no TLB.
Source: pre_sev_run(), sev_asid_free() in arch/x86/kvm/svm/sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.kvm.tlb_flush.tag import Tags, forget, vmcb_of
from vmlitmus.model.kvm.tlb_flush.tags.svm import clears_always
from vmlitmus.model.kvm.tlb_flush.versions import LAST_NONE, SEV_FREE
from vmlitmus.world.memory import Owner
from vmlitmus.world.snp import Mode
from vmlitmus.world.tlb import Cpu, Page, Tlb, Vcpu, Vm, Vmcb

PRE_SEV_RUN = KernelFile("arch/x86/kvm/svm/sev.c", "pre_sev_run()", "7.2.8")
ASID_FREE = KernelFile("arch/x86/kvm/svm/sev.c", "sev_asid_free()", "7.2.8")
OTHER_VMCB = "flush when another VMCB had the ASID here"
OTHER_CPU = "flush when the vcpu entered elsewhere last"


class Sev(Tags):
    """One ASID for all vcpus of a VM."""

    def flush(self, w: World, vcpu: Vcpu) -> None:
        vmcb_of(w, vcpu).flush = True

    def flush_root(self, w: World, vcpu: Vcpu) -> None:
        self.flush(w, vcpu)

    def before_vmrun(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        vmcb = vmcb_of(w, vcpu)
        vcpu.asid = vcpu.vm.sev_asid
        for tlb in w.all(Tlb):
            if tlb.cpu is cpu and tlb.tag == vcpu.asid:
                other = tlb.last is not vmcb and w.part(OTHER_VMCB)
                if other or (elsewhere(w, vcpu, cpu) and w.part(OTHER_CPU)):
                    vmcb.flush = True
                tlb.last = vmcb
        if vmcb.flush and not vcpu.bad:
            forget(w, cpu, vcpu.asid)
        if not vcpu.bad or clears_always(w):
            vmcb.flush = False

    def nested(self, w: World, vcpu: Vcpu) -> None:
        vcpu.current = w.part("flush at each switch between L1 and L2")


def elsewhere(w: World, vcpu: Vcpu, cpu: Cpu) -> bool:
    """Say whether the vcpu entered elsewhere last; a new one of 5.8 was on cpu0."""
    if vcpu.last_entry is None and not w.part(LAST_NONE.part):
        return cpu.index != 0
    return vcpu.last_entry is not cpu


@step(
    "{vm} is destroyed and its ASID freed; {successor} gets ASID, VMCB address and host memory",
    source=(ASID_FREE, SEV_FREE.source),
    disturbance="asid-reuse",
)
def reuse_asid(w: World, vm: Vm, successor: Vm) -> None:
    when(vm.alive and not successor.alive and vm.sev_asid == successor.sev_asid)
    when(vm.sev_asid > 0 and vm.index < successor.index)
    when(not any(page.invalidating > 0 for page in w.all(Page)))
    when(all(v.idle and v.mode == Mode.OUTSIDE for v in w.all(Vcpu) if v.vm is vm))
    vm.alive = False
    successor.alive = True
    for page in w.all(Page):
        if page.vm is vm:
            page.mapped = False
            page.present = False
            page.owner = Owner.FREE
    for tlb in w.all(Tlb):
        if tlb.tag == vm.sev_asid:
            tlb.last = inherited(w, tlb, successor)


def inherited(w: World, tlb: Tlb, successor: Vm) -> Vmcb | None:
    """Return the cpu's last VMCB with the ASID: one of the successor has its address."""
    if not w.part(SEV_FREE.part) and tlb.last is not None:
        for vmcb in w.all(Vmcb):
            if vmcb.vcpu.vm is successor:
                return vmcb
    return None
