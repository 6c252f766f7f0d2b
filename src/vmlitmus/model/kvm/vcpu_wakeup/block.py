"""A vcpu that executed HLT blocks until it has an event.

Atomic sections: the waiter is published; the task's state is TASK_INTERRUPTIBLE, by XCHG; the
condition is looked at; schedule() takes the task off its cpu, unless somebody has made it
TASK_RUNNING meanwhile. Whoever wakes it up makes its event first and looks at the waiter second.
The event is the request here, as KVM_REQ_NMI is: kvm_vcpu_has_events() tests its bit.

Not modelled: halt polling, which looks at the same condition; signals; timers.
Source: kvm_vcpu_block() in virt/kvm/kvm_main.c, prepare_to_rcuwait() in include/linux/rcuwait.h,
try_to_wake_up() and __schedule() in kernel/sched/core.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.world.vcpu_wakeup import Vcpu

BLOCK = KernelFile("virt/kvm/kvm_main.c", "kvm_vcpu_block()", "7.2.8")
WAIT = KernelFile("include/linux/rcuwait.h", "prepare_to_rcuwait()", "7.2.8")
SCHEDULE = KernelFile("kernel/sched/core.c", "__schedule()", "7.2.8")
STATE_BARRIER = "the barrier in set_current_state()"
LOOK_LAST = "look for an event after TASK_INTERRUPTIBLE"


def set_current_state(w: World, vcpu: Vcpu) -> None:
    """TASK_INTERRUPTIBLE, with a full barrier after it."""
    with w.locked("XCHG in set_current_state()", w.part(STATE_BARRIER)):
        vcpu.sleepy = True


def schedule(w: World, vcpu: Vcpu) -> Sections:
    """Sleep if the state is still TASK_INTERRUPTIBLE; go on when it is not."""
    with w.locked("the lock of the runqueue"):
        vcpu.asleep = vcpu.sleepy
    yield "{vcpu} calls schedule()"
    when(not vcpu.asleep)
    yield "{vcpu} goes on in kvm_vcpu_block()"


@sequence(source=(BLOCK, WAIT, SCHEDULE), fair="weak")
def block(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.at_rest and vcpu.halted)
    vcpu.waiting = True
    yield "{vcpu} publishes itself as waiter"
    woken = False
    while not woken:
        if w.part(LOOK_LAST):
            set_current_state(w, vcpu)
            yield "{vcpu} is TASK_INTERRUPTIBLE"
            woken = vcpu.request
            yield "{vcpu} looks whether it has an event"
        else:
            woken = vcpu.request
            yield "{vcpu} looks whether it has an event, for the last time"
            set_current_state(w, vcpu)
            yield "{vcpu} is TASK_INTERRUPTIBLE only now"
        if not woken:
            yield from schedule(w, vcpu)
    vcpu.waiting = False
    yield "{vcpu} is waiter no more"
    vcpu.sleepy = False
    vcpu.halted = False
    yield "{vcpu} is TASK_RUNNING and leaves kvm_vcpu_block()"
