"""Asynchronous page faults: a page is ready, and the guest has to be told.

A worker puts its work on async_pf.done. If the list was empty, it makes KVM_REQ_APF_READY, and
kicks unless apf.pageready_pending says that the guest is about to acknowledge an earlier page.
The vcpu serves the request, or the guest's write of MSR_KVM_ASYNC_PF_ACK, which clears
pageready_pending, by taking works from the list while the guest's structure has no token. Before
it goes on it waits in flush_work() until the worker has returned whose work it took. The guest's
interrupt handler empties the structure and then writes the MSR: in between KVM may put the next
notice there.

Not load-bearing: "smp_store_mb() of pageready_pending": the vcpu's next barrier is that of the
entry handshake, after which it looks at its requests.

Not load-bearing: "clear pageready_pending before looking at the list": the request that came with a
page is seen at the next entry in any case.

Not modelled: a guest that switches the feature off and on; tokens; the synchronous retry; a vcpu
that cannot be told at the fault and halts (KVM_REQ_APF_HALT); where more works are on the list,
flush_work() for the first.
Source: async_pf_execute(), kvm_check_async_pf_completion() in virt/kvm/async_pf.c,
kvm_arch_async_page_present_queued(), kvm_arch_async_page_present(), kvm_set_msr_common() in
arch/x86/kvm/x86.c.
"""

from __future__ import annotations

from vmlitmus.lang import CpuEvent, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.vcpu_wakeup.kick import set_request, wake_up, wake_up_or_kick
from vmlitmus.model.kvm.vcpu_wakeup.versions import ACK_BARRIER
from vmlitmus.world.vcpu_wakeup import Task, Vcpu

PF = "virt/kvm/async_pf.c"
X86 = "arch/x86/kvm/x86.c"
EXECUTE = KernelFile(PF, "async_pf_execute()", "7.2.8")
CHECK = KernelFile(PF, "kvm_check_async_pf_completion()", "7.2.8")
QUEUED = KernelFile(X86, "kvm_arch_async_page_present_queued()", "7.2.8")
PRESENT = KernelFile(X86, "kvm_arch_async_page_present()", "7.2.8")
MSR = KernelFile(X86, "kvm_set_msr_common()", "7.2.8")
CLEAR_FIRST = "clear pageready_pending before looking at the list"


@step("{vcpu} accesses a page that the host has to swap in", source=EXECUTE, disturbance="fault")
def fault(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.queued < 2)
    w.happens(CpuEvent.VM_EXIT, vcpu)
    vcpu.running = False
    vcpu.left = True
    vcpu.queued += 1
    vcpu.works += 1


def reporting(w: World, vcpu: Vcpu) -> bool:
    """Say whether a worker has not returned that has put its work on the list."""
    return any(task.target is vcpu and not task.idle for task in w.all(Task))


def check_completion(w: World, vcpu: Vcpu) -> Sections:
    """kvm_check_async_pf_completion()."""
    more = True
    last = False
    while more:
        when(vcpu.on_cpu and not (last and reporting(w, vcpu)))
        ready = vcpu.done
        yield "{vcpu} looks at async_pf.done"
        when(vcpu.on_cpu)
        more = ready > 0 and not vcpu.slot
        if more:
            with w.locked("async_pf.lock"):
                vcpu.done -= 1
                last = vcpu.done == 0
            vcpu.slot = True
            vcpu.queued -= 1
        yield "{vcpu} takes a work from async_pf.done if the guest can take a notice"
        when(vcpu.on_cpu)
        if more:
            vcpu.ready_pending = True
            vcpu.irq = True
        yield "{vcpu} sets pageready_pending and the guest's interrupt if it took a work"


@step("the guest on {vcpu} reads the notice of a page", source=PRESENT, fair="strong")
def read_notice(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.irq and not vcpu.reads)
    vcpu.irq = False
    vcpu.slot = False
    vcpu.reads = True


@step("the guest on {vcpu} writes MSR_KVM_ASYNC_PF_ACK", source=MSR, fair="strong")
def acknowledge(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.reads)
    w.happens(CpuEvent.VM_EXIT, vcpu)
    vcpu.reads = False
    vcpu.running = False
    vcpu.left = True
    vcpu.acks = True


@sequence("{vcpu} has handled the acknowledgement", source=(MSR, CHECK, PRESENT), fair="weak")
def handle_ack(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.at_rest and vcpu.acks)
    vcpu.acks = False
    if not w.part(CLEAR_FIRST):
        yield "{vcpu} handles MSR_KVM_ASYNC_PF_ACK, and looks for more pages before the clear"
        yield from check_completion(w, vcpu)
    with w.locked("XCHG in smp_store_mb()", w.part(ACK_BARRIER.part)):
        vcpu.ready_pending = False
    yield "{vcpu} clears pageready_pending: MSR_KVM_ASYNC_PF_ACK"
    if w.part(CLEAR_FIRST):
        yield from check_completion(w, vcpu)


@sequence(
    "{task} has told {vcpu} that a page is ready",
    source=(EXECUTE, QUEUED),
    disturbance="fault",
    fair="weak",
)
def page_present(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(vcpu.works > 0 and task.target is None)
    task.target = vcpu
    vcpu.works -= 1
    with w.locked("async_pf.lock"):
        first = vcpu.done == 0
        vcpu.done += 1
    yield "{task} has a page for {vcpu} and puts its work on async_pf.done"
    if first:
        set_request(w, vcpu)
        yield "{task} makes KVM_REQ_APF_READY of {vcpu}"
        pending = vcpu.ready_pending
        yield "{task} looks whether {vcpu} is about to acknowledge"
        if not pending:
            yield from wake_up_or_kick(w, task, vcpu)
    yield from wake_up(w, task, vcpu)
    task.target = None
