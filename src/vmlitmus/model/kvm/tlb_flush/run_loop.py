"""The run loop as TLB flushes see it: requests, IN_GUEST_MODE, the last look, VMRUN.

Requests are served with IRQs on, so the task may be preempted and moved between the test of a bit
and what it asks for. A vcpu whose root is obsolete loads another one and flushes its TLB. From
IN_GUEST_MODE to #VMEXIT IRQs are off: IPIs are answered after that. A vcpu that finds a request in
its last look backs out.

A VMM may take a vcpu out of L2 when KVM_RUN has returned: the VMCB of L1 is the current one then,
and nobody asks for the flush that each switch has which KVM emulates. No root is loaded either.

Not modelled: halting, signals, other requests than those of TLB and MMU.
Source: vcpu_enter_guest() in arch/x86/kvm/x86.c, kvm_mmu_load() in arch/x86/kvm/mmu/mmu.c.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.tlb_flush.requests import answer
from vmlitmus.model.kvm.tlb_flush.tag import Tags, vmcb_of
from vmlitmus.world.snp import Mode
from vmlitmus.world.tlb import Cpu, Host, Level, Vcpu, Vmcb

X86 = "arch/x86/kvm/x86.c"
ENTER = KernelFile(X86, "vcpu_enter_guest()", "7.2.8")
MMU_LOAD = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_mmu_load()", "7.2.8")
LOAD = KernelFile(X86, "kvm_arch_vcpu_load()", "7.2.8")
PUT = KernelFile(X86, "kvm_arch_vcpu_put()", "7.2.8")
NESTED = KernelFile("arch/x86/kvm/svm/nested.c", "nested_svm_transition_tlb_flush()", "7.2.8")
LEAVE = KernelFile("arch/x86/kvm/svm/nested.c", "svm_leave_nested()", "7.2.8")
CHECKS = Apm("15.5.1")
LAST_LOOK = "look at the requests after IN_GUEST_MODE"
ROOT_FLUSH = "flush the TLB when a root is loaded"


def may_run(vcpu: Vcpu) -> bool:
    """Say whether the vcpu's task is in KVM_RUN."""
    return vcpu.vm.alive and vcpu.fd and not vcpu.held and not vcpu.freed


def requested(vcpu: Vcpu) -> bool:
    """kvm_request_pending(), as far as it is modelled here."""
    return vcpu.flush or vcpu.current or vcpu.reload


def load_root(w: World, vcpu: Vcpu) -> None:
    """kvm_mmu_load(), once an obsolete root is dropped."""
    if vcpu.reload and w.part(ROOT_FLUSH):
        w.use(Tags).flush_root(w, vcpu)
    vcpu.reload = False
    vcpu.obsolete = False


@sequence(source=(ENTER, MMU_LOAD, Apm("15.5")), fair="weak")
def enter_guest(w: World, vcpu: Vcpu) -> Sections:
    when(w.the(Host).level == Level.KVM)
    when(vcpu.cpu is not None and may_run(vcpu) and not vcpu.srcu)
    if vcpu.reload:
        load_root(w, vcpu)
        yield "{vcpu} loads another root and flushes its TLB"
        when(vcpu.cpu is not None)
    if vcpu.flush or vcpu.current:
        vcpu.flush = False
        vcpu.current = False
        yield "{vcpu} takes its TLB flush request"
        when(vcpu.cpu is not None)
        w.use(Tags).flush(w, vcpu)
    yield "{vcpu} has served its requests"
    when(vcpu.cpu is not None)
    vcpu.mode = Mode.IN_GUEST
    yield "{vcpu} turns IRQs off and sets IN_GUEST_MODE"
    if (requested(vcpu) and w.part(LAST_LOOK)) or vcpu.resched:
        vcpu.resched = False
        answer(w, vcpu)
        yield "{vcpu} sees a request or need_resched, and cancels the entry"
        return
    if vcpu.cpu is not None:
        w.use(Tags).before_vmrun(w, vcpu, vcpu.cpu)
        vcpu.last_entry = vcpu.cpu
    if vcpu.bad:
        vcpu.bad = False
        answer(w, vcpu)
        yield "{vcpu} executes VMRUN, which fails its consistency checks"
        return
    vcpu.running = True
    yield "{vcpu} executes VMRUN on {vcpu.cpu}"
    vcpu.running = False
    answer(w, vcpu)
    yield "{vcpu} takes #VMEXIT and turns IRQs on"


@step(
    "{vcpu}'s next VMRUN will fail its consistency checks",
    source=CHECKS,
    disturbance="vmrun-fails",
)
def spoil(w: World, vcpu: Vcpu) -> None:
    when(vcpu.mode == Mode.OUTSIDE and not vcpu.bad)
    vcpu.bad = True


@step("the cpu of {vcpu} has to reschedule", source=ENTER, disturbance="resched")
def need_resched(w: World, vcpu: Vcpu) -> None:
    when(vcpu.mode == Mode.OUTSIDE and not vcpu.resched)
    vcpu.resched = True


@step("{vcpu} is scheduled out", source=PUT, disturbance="preemption")
def preempt(w: World, vcpu: Vcpu) -> None:
    when(vcpu.mode == Mode.OUTSIDE and vcpu.cpu is not None)
    vcpu.cpu = None


def load(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """vcpu_load() on a cpu where no other vcpu is."""
    when(vcpu.vm.alive and cpu.online)
    when(not any(other.cpu is cpu for other in w.all(Vcpu)))
    vcpu.cpu = cpu
    w.use(Tags).load(w, vcpu, cpu)


@step("{vcpu} is loaded on its home {cpu}", source=LOAD, fair="weak")
def load_home(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(vcpu.cpu is None and cpu is vcpu.home and vcpu.fd and w.the(Host).level == Level.KVM)
    load(w, vcpu, cpu)


@step("{vcpu} is migrated to {cpu}", source=LOAD, disturbance="migration")
def migrate(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(vcpu.mode == Mode.OUTSIDE and vcpu.cpu is not cpu)
    load(w, vcpu, cpu)


@step("KVM emulates a nested entry or exit of {vcpu}", source=NESTED, disturbance="nested")
def switch_level(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.mode == Mode.OUTSIDE and vcpu.last_entry is not None)
    when(any(vmcb.vcpu is vcpu and vmcb.for_l2 for vmcb in w.all(Vmcb)))
    vcpu.l2 = not vcpu.l2
    if vcpu.l2:
        vmcb_of(w, vcpu).flush = False
        vmcb_of(w, vcpu).flush_all = False
    w.use(Tags).nested(w, vcpu)


@step(
    "the VMM has {vcpu} leave L2 by KVM_SET_NESTED_STATE",
    source=LEAVE,
    disturbance="leave-nested",
)
def leave_nested(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.mode == Mode.OUTSIDE and vcpu.l2)
    vcpu.l2 = False
    if w.the(Host).leave_flushes:
        w.use(Tags).nested(w, vcpu)
