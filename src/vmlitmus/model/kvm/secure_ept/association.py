"""A TD vcpu goes to another cpu: it leaves the list of one, and is put in that of the other.

The TDX module associates a vcpu with the cpu on which it enters, and refuses it everywhere else
until TDH.VP.FLUSH was executed there. KVM keeps a list for each cpu, of which only that cpu changes
anything, with IRQs off. A thread that is scheduled in elsewhere reads vcpu->cpu, has that cpu
execute tdx_flush_vp() by an IPI, and adds the vcpu to the list of its own cpu. vcpu->cpu is
written last. tdx_flush_vp() does nothing on a cpu that is not vcpu->cpu: if that goes offline at
the same time, its own callback has done the work.

KVM_TDX_INIT_VCPU has TDH.VP.INIT associate the vcpu, writes its VMCS with TDH.VP.WR, which wants it
associated here, and says then that it is initialized. Its thread may be moved in between.
tdx_flush_vp() leaves TDH.VP.FLUSH out for a vcpu that is not initialized. As a cure KVM may say so
before TDH.VP.INIT.

Not modelled: TDH.VP.FLUSH that fails; that a thread is moved in the middle of a turn of KVM_RUN;
other SEAMCALLs that associate a vcpu.
Source: tdx_vcpu_load(), tdx_flush_vp_on_cpu(), tdx_flush_vp(), tdx_disassociate_vp() and
tdx_vcpu_init() in arch/x86/kvm/vmx/tdx.c, kvm_arch_vcpu_load() in arch/x86/kvm/x86.c,
tdh_vp_flush(), tdh_vp_init(), tdh_vp_rd_wr() and associate_vcpu() of the TDX module 1.5.01.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, TdxModule, World, sequence, step, when
from vmlitmus.model.kvm.secure_ept.module import RELEASE, clear_tlb
from vmlitmus.world.secure_ept.td import Cpu, Moved, Td, Vcpu

TDX = "arch/x86/kvm/vmx/tdx.c"
LOAD = KernelFile(TDX, "tdx_vcpu_load()", "7.2.8")
FLUSH_VP = KernelFile(TDX, "tdx_flush_vp()", "7.2.8")
ARCH_LOAD = KernelFile("arch/x86/kvm/x86.c", "kvm_arch_vcpu_load()", "7.2.8")
SCHEDULE = KernelFile("kernel/sched/core.c", "__schedule()", "7.2.8")
INIT = KernelFile(TDX, "tdx_vcpu_init()", "7.2.8")
VP_INIT = TdxModule("tdh_vp_init()", RELEASE)
VP_WR = TdxModule("tdh_vp_rd_wr()", RELEASE)
VP_FLUSH = TdxModule("tdh_vp_flush()", RELEASE)
ASSOCIATE = TdxModule("associate_vcpu()", RELEASE)
FLUSHES_BEFORE = "flush a vcpu on the cpu before it is loaded on another"
LISTS = "put a vcpu in the list of the cpu that loads it"
INVALIDATES = "TDH.VP.FLUSH flushes the translations of the TD"
FORGETS = "TDH.VP.FLUSH forgets which vcpu entered last"


def vp_flush(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """TDH.VP.FLUSH on a cpu; a vcpu that is not associated with it is left alone."""
    if vcpu.lp == cpu:
        vcpu.lp = None
        if w.part(INVALIDATES):
            clear_tlb(cpu)
        if w.part(FORGETS):
            cpu.last = None


def flush_vp(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """tdx_flush_vp() in an IPI: the sender waits, so nobody sees the order of its writes."""
    cpu.ipi = False
    if cpu.online and vcpu.kvm_cpu == cpu:
        if vcpu.initialized:
            vp_flush(w, vcpu, cpu)
        vcpu.listed.discard(cpu)
        vcpu.kvm_cpu = None


@step("{vcpu} is scheduled out", source=SCHEDULE, disturbance="migration")
def schedule_out(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and not vcpu.out and vcpu.cpu.loaded is None and vcpu.wants is None)
    when(not w.the(Td).building)
    vcpu.out = True


def arrive(w: World, vcpu: Vcpu, cpu: Cpu) -> Sections:
    """kvm_arch_vcpu_load() on a cpu, with preemption off."""
    vcpu.out = False
    vcpu.cpu = cpu
    cpu.loaded = vcpu
    yield "{vcpu} is scheduled in on {cpu}, with preemption off"
    before = vcpu.kvm_cpu
    yield "{vcpu} reads vcpu->cpu to be loaded on {cpu}"
    if before != cpu:
        if before is not None and w.part(FLUSHES_BEFORE):
            before.ipi = before.online
            yield "{vcpu} sends an IPI with tdx_flush_vp() from {cpu}"
            when(not before.irqs_off or not before.online)
            flush_vp(w, vcpu, before)
            yield "{vcpu} has had tdx_flush_vp() executed before it is on {cpu}"
        if w.part(LISTS):
            vcpu.listed.add(cpu)
        yield "{vcpu} is added to the list of {cpu}"
        vcpu.kvm_cpu = cpu
    cpu.loaded = None
    yield "{vcpu} has {cpu} in vcpu->cpu and preemption on"


@sequence(source=(LOAD, FLUSH_VP, ARCH_LOAD, VP_FLUSH, ASSOCIATE), fair="weak")
def load(w: World, vcpu: Vcpu, cpu: Cpu) -> Sections:
    when(vcpu.out and vcpu.created and cpu.active and cpu.loaded is None)
    when(not w.the(Td).ending and not w.the(Td).building)
    yield from arrive(w, vcpu, cpu)


@sequence(source=(INIT, VP_INIT, VP_WR, LOAD, FLUSH_VP), disturbance="init-vcpu", fair="weak")
def init_vcpu(w: World, vcpu: Vcpu, cpu: Cpu, moved: Moved) -> Sections:
    td = w.the(Td)
    when(not vcpu.initialized and vcpu.lp is None and not vcpu.out)
    when(vcpu.cpu.loaded is None and not td.ending and not td.building)
    vcpu.initialized = td.marks_first
    vcpu.lp = vcpu.cpu
    yield "TDH.VP.INIT associates {vcpu} with its cpu; to be on {cpu} {moved}"
    if moved == Moved.BEFORE_WRITES and cpu != vcpu.cpu:
        when(cpu.active and cpu.loaded is None)
        yield from arrive(w, vcpu, cpu)
    if vcpu.lp is not None and vcpu.lp != vcpu.cpu:
        td.bugged = True
        yield "TDH.VP.WR of {vcpu} is refused: it is associated with another cpu"
    else:
        vcpu.lp = vcpu.cpu
        yield "TDH.VP.WR of {vcpu} has written its VMCS"
    if moved == Moved.AFTER_WRITES and cpu != vcpu.cpu:
        when(cpu.active and cpu.loaded is None)
        yield from arrive(w, vcpu, cpu)
    vcpu.initialized = True
    yield "{vcpu} is VCPU_TD_STATE_INITIALIZED"
