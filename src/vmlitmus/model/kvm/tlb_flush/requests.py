"""kvm_flush_remote_tlbs(): make KVM_REQ_TLB_FLUSH of each vcpu, kick those in guest mode, wait.

The request comes before the look at vcpu->mode; the vcpu sets its mode before it looks at its
requests: one of the two sees the other. A vcpu that an earlier kick has put in EXITING_GUEST_MODE
gets an IPI too and is waited for, for it may be on its way to VMRUN. Bit and mode are one section
for each vcpu: whatever comes in between is either before both or after both for that vcpu.

Not modelled: memory order (a missing barrier is one of the two orders swapped). The topic
vcpu-wakeup has the same bit, mode and SPTE under x86-TSO.
Source: kvm_make_vcpu_request(), kvm_request_needs_ipi() in virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, step, when
from vmlitmus.world.snp import Mode
from vmlitmus.world.tlb import Task, Vcpu, Vm

MAIN = "virt/kvm/kvm_main.c"
MAKE = KernelFile(MAIN, "kvm_make_vcpu_request()", "7.2.8")
NEEDS_IPI = KernelFile(MAIN, "kvm_request_needs_ipi()", "7.2.8")
KICK = KernelFile(MAIN, "__kvm_vcpu_kick()", "7.2.8")
WAIT = "wait for the vcpus that were kicked"
EXITING = "kick and wait for a vcpu that is EXITING_GUEST_MODE"
BIT = "make the request of vcpus outside guest mode too"
BIT_FIRST = "make the request before looking at the mode"


def needs_ipi(w: World, vcpu: Vcpu) -> bool:
    """kvm_request_needs_ipi() of a request with KVM_REQUEST_WAIT."""
    if vcpu.mode == Mode.EXITING:
        return w.part(EXITING)
    return vcpu.mode == Mode.IN_GUEST


def kick(w: World, task: Task, vcpu: Vcpu) -> None:
    """Put the vcpu in EXITING_GUEST_MODE and send its cpu an IPI."""
    if needs_ipi(w, vcpu):
        vcpu.mode = Mode.EXITING
        if w.part(WAIT):
            task.awaits.add(vcpu)


def flush_remote_tlbs(w: World, task: Task, vm: Vm) -> Sections:
    """The caller's section is closed; it goes on when all IPIs are answered."""
    for vcpu in w.all(Vcpu):
        if vcpu.vm is vm and vcpu.counted:
            if not w.part(BIT_FIRST):
                kick(w, task, vcpu)
                yield "{task} makes its request of {vcpu} after it looked at the mode"
            if w.part(BIT) or vcpu.mode != Mode.OUTSIDE:
                vcpu.flush = True
            if w.part(BIT_FIRST):
                kick(w, task, vcpu)
            yield "{task} makes KVM_REQ_TLB_FLUSH of {vcpu}, which is {vcpu.mode}"
    when(not task.awaits)


def answer(w: World, vcpu: Vcpu) -> None:
    """The vcpu is outside guest mode with IRQs on: whoever waits for its IPI goes on."""
    vcpu.mode = Mode.OUTSIDE
    for task in w.all(Task):
        task.awaits.discard(vcpu)


@step("somebody else kicks {vcpu} and does not wait", source=KICK, disturbance="kick")
def kick_for_something(w: World, vcpu: Vcpu) -> None:
    when(vcpu.mode == Mode.IN_GUEST)
    vcpu.mode = Mode.EXITING
