"""A vcpu that executed HLT blocks until it has an event.

Atomic sections: the waiter is published; the task's state is TASK_INTERRUPTIBLE, by XCHG; the
event is looked for; schedule() takes the task off the runqueue, unless somebody has made it
TASK_RUNNING meanwhile; the put, with IRQs off; the switch. Whoever wakes it up makes its event
first and looks at the waiter second. The event is a request here, as KVM_REQ_NMI is, a page that
is ready, or an interrupt.

Not modelled: halt polling, which looks at the same condition; signals; timers.
Source: kvm_vcpu_block() in virt/kvm/kvm_main.c, prepare_to_rcuwait() in include/linux/rcuwait.h,
try_to_wake_up() and __schedule() in kernel/sched/core.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.vcpu_wakeup.apicv.avic import blocking, unblocking
from vmlitmus.model.kvm.vcpu_wakeup.apicv.posted import (
    add_to_list,
    posting,
    set_wakeup_vector,
    sync_sleeper,
)
from vmlitmus.model.kvm.vcpu_wakeup.apicv.pre_block import after_block, before_block
from vmlitmus.model.kvm.vcpu_wakeup.entry import irqs
from vmlitmus.model.kvm.vcpu_wakeup.versions import AT_PUT, NO_PREEMPTION
from vmlitmus.world.vcpu_wakeup import Apic, Host, Vcpu

BLOCK = KernelFile("virt/kvm/kvm_main.c", "kvm_vcpu_block()", "7.2.8")
WAIT = KernelFile("include/linux/rcuwait.h", "prepare_to_rcuwait()", "7.2.8")
SCHEDULE = KernelFile("kernel/sched/core.c", "__schedule()", "7.2.8")
STATE_BARRIER = "the barrier in set_current_state()"
LOOK_LAST = "look for an event after TASK_INTERRUPTIBLE"


def look_for_event(w: World, vcpu: Vcpu) -> Sections:
    """kvm_vcpu_check_block(): as far as a test has events."""
    if vcpu.apic == Apic.POSTED:
        yield from sync_sleeper(w, vcpu)
    when(vcpu.on_cpu)
    if vcpu.async_pf:
        vcpu.event = vcpu.done > 0
    else:
        vcpu.event = vcpu.irr or vcpu.request
    if vcpu.apic == Apic.AVIC or w.the(Host).switchable:
        yield "{vcpu} looks whether it has a request"
        when(vcpu.on_cpu)
        looks = True
        if w.the(Host).switchable:
            looks = vcpu.irr_pending
            yield "{vcpu} reads irr_pending before it sleeps"
            when(vcpu.on_cpu)
        if looks:
            vcpu.event = vcpu.event or vcpu.virr
    yield "{vcpu} looks whether it has an event"
    when(vcpu.on_cpu)


def set_current_state(w: World, vcpu: Vcpu) -> Sections:
    """TASK_INTERRUPTIBLE, with a full barrier after it."""
    with w.locked("XCHG in set_current_state()", w.part(STATE_BARRIER)):
        vcpu.sleepy = True
    yield "{vcpu} is TASK_INTERRUPTIBLE"
    when(vcpu.on_cpu)


def schedule(w: World, vcpu: Vcpu) -> Sections:
    """Sleep if the state is still TASK_INTERRUPTIBLE; go on when it is not."""
    with w.locked("the lock of the runqueue"):
        sleeps = vcpu.sleepy
        vcpu.asleep = sleeps
    if vcpu.scheduled and sleeps:
        irqs(vcpu, off=True)
    yield "{vcpu} calls schedule()"
    if vcpu.scheduled and sleeps:
        if vcpu.apic == Apic.POSTED and posting(w) and w.part(AT_PUT.part):
            add_to_list(w, vcpu)
            yield "{vcpu} is put on the wakeup list of its cpu"
            set_wakeup_vector(w, vcpu)
            yield "{vcpu} gets the wakeup vector as PID.NV"
        irqs(vcpu, off=False)
        vcpu.cpu = None
        yield "{vcpu}'s cpu has switched to another task"
    when(not vcpu.asleep and vcpu.on_cpu)
    yield "{vcpu} goes on in kvm_vcpu_block()"
    when(vcpu.on_cpu)


@sequence(source=(BLOCK, WAIT, SCHEDULE), fair="weak")
def block(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.at_rest and vcpu.halted)
    yield from before_block(w, vcpu)
    when(vcpu.on_cpu)
    if vcpu.apic == Apic.AVIC:
        vcpu.pinned = w.part(NO_PREEMPTION.part)
        yield from blocking(w, vcpu)
        when(vcpu.on_cpu)
    vcpu.waiting = True
    vcpu.pinned = False
    yield "{vcpu} stores its task in its rcuwait: it waits"
    when(vcpu.on_cpu)
    while not vcpu.event:
        if w.part(LOOK_LAST):
            yield from set_current_state(w, vcpu)
            yield from look_for_event(w, vcpu)
        else:
            yield from look_for_event(w, vcpu)
            yield from set_current_state(w, vcpu)
        if not vcpu.event:
            yield from schedule(w, vcpu)
    vcpu.pinned = w.part(NO_PREEMPTION.part)
    vcpu.waiting = False
    yield "{vcpu} clears its rcuwait: it waits no more"
    when(vcpu.on_cpu)
    if vcpu.apic == Apic.AVIC:
        yield from unblocking(w, vcpu)
        when(vcpu.on_cpu)
    after_block(w, vcpu)
    vcpu.pinned = False
    vcpu.sleepy = False
    vcpu.halted = False
    vcpu.event = False
    yield "{vcpu} is TASK_RUNNING and leaves kvm_vcpu_block()"
