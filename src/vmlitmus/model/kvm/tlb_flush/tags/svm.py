"""SVM without SEV: each cpu hands out ASIDs, and a generation ends when there are none left.

A VMCB keeps its ASID while it runs on the cpu where it got it and the generation lasts. The ASID
itself belongs to the vcpu, L1 and L2 share it. A new generation flushes all ASIDs at the next
VMRUN. A flush is a mark in the VMCB, which hardware obeys at VMRUN. Until 7.2.10 and 6.12.117 KVM
clears the mark after each VMRUN, also after one that failed its consistency checks. Since then a
VMRUN that failed leaves it, and the flush of all ASIDs is owed by the cpu, not by a VMCB.

Since 7.3.2 and 6.12.117 both VMCBs of a vcpu drop their generation, not only the current one. What
is compared with the cpu is still the last cpu of the current VMCB, not that of the vcpu.

Generations are compared for equality only: ``valid`` says that the VMCB's is the cpu's, ``first``
that it is the first one in which the cpu handed out ASIDs, which may come a second time after the
cpu was offline.

Not modelled: cpus without FlushByAsid; a generation after the second that repeats.
Source: pre_svm_run(), new_asid(), svm_flush_tlb_asid() in arch/x86/kvm/svm/svm.c.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelFile, World
from vmlitmus.model.kvm.tlb_flush.tag import Tags, forget, forget_all, vmcb_of
from vmlitmus.model.kvm.tlb_flush.versions import BOTH_VMCBS, FLUSH_OWED
from vmlitmus.world.tlb import Cpu, Failed, Host, Reset, Vcpu, Vmcb

SVM = "arch/x86/kvm/svm/svm.c"
PRE_RUN = KernelFile(SVM, "pre_svm_run()", "7.2.8")
NEW_ASID = KernelFile(SVM, "new_asid()", "7.2.8")
FLUSH_ASID = KernelFile(SVM, "svm_flush_tlb_asid()", "7.2.8")
RUN = KernelFile(SVM, "svm_vcpu_run()", "7.2.8")
TLB_CONTROL = Apm("15.16")
ELSEWHERE = "take a new ASID on another cpu"
WRAP = "flush all ASIDs when a generation ends"


class Svm(Tags):
    """ASIDs handed out by each cpu."""

    def flush(self, w: World, vcpu: Vcpu) -> None:
        vmcb_of(w, vcpu).flush = True

    def flush_root(self, w: World, vcpu: Vcpu) -> None:
        self.flush(w, vcpu)

    def before_vmrun(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        vmcb = vmcb_of(w, vcpu)
        if w.part(ELSEWHERE):
            for other in w.all(Vmcb):
                if other.vcpu is vcpu and needs_new_asid(w, vcpu, vmcb, other, cpu):
                    other.valid = False
        vmcb.cpu = cpu
        if not vmcb.valid:
            new_asid(w, vcpu, vmcb, cpu)
        obey(w, vcpu, vmcb, cpu)

    def nested(self, w: World, vcpu: Vcpu) -> None:
        vcpu.current = w.part("flush at each switch between L1 and L2")


def needs_new_asid(w: World, vcpu: Vcpu, current: Vmcb, vmcb: Vmcb, cpu: Cpu) -> bool:
    """Say whether the generation of a VMCB is dropped because of the cpu."""
    resets = w.the(Host).resets
    if resets == Reset.VCPU:
        return vcpu.last_entry is not cpu
    both = resets == Reset.BOTH or (resets == Reset.MERGED and w.part(BOTH_VMCBS.part))
    return current.cpu is not cpu and (vmcb is current or both)


def owed_by_cpu(w: World) -> bool:
    """Say whether the cpu owes the flush of all ASIDs, until a VMRUN has obeyed it."""
    return w.the(Host).failed == Failed.MERGED and w.part(FLUSH_OWED.part)


def clears_always(w: World) -> bool:
    """Say whether tlb_ctl is cleared although VMRUN failed."""
    failed = w.the(Host).failed
    return failed == Failed.CLEARS or (failed == Failed.MERGED and not w.part(FLUSH_OWED.part))


def new_asid(w: World, vcpu: Vcpu, vmcb: Vmcb, cpu: Cpu) -> None:
    """Take the cpu's next ASID; when there is none left, begin a new generation."""
    if cpu.next_asid > w.the(Host).asids:
        cpu.first = cpu.restarted
        cpu.restarted = False
        cpu.next_asid = 1
        for other in w.all(Vmcb):
            if other.cpu is cpu:
                other.valid = cpu.first and other.first
        if w.part(WRAP):
            if owed_by_cpu(w):
                cpu.flush_all = True
            else:
                vmcb.flush_all = True
    vmcb.valid = True
    vmcb.first = cpu.first
    vcpu.asid = cpu.next_asid
    cpu.next_asid += 1


def obey(w: World, vcpu: Vcpu, vmcb: Vmcb, cpu: Cpu) -> None:
    """VMRUN: hardware flushes what the VMCB asks for, if it gets past its checks."""
    if not vcpu.bad:
        if vmcb.flush_all or cpu.flush_all:
            forget_all(w, cpu)
        elif vmcb.flush:
            forget(w, cpu, vcpu.asid)
        cpu.flush_all = False
    if vcpu.bad and vmcb.flush_all and w.the(Host).failed == Failed.ENDS:
        cpu.next_asid = w.the(Host).asids + 1
    if not vcpu.bad or clears_always(w):
        vmcb.flush = False
        vmcb.flush_all = False
