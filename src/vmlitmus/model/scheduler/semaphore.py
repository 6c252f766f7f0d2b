"""buslock_sem: one core in the whole machine may have detection off, with mitigation on.

up() hands the semaphore to the waiter at the head of the queue, so nobody barges in. A signal takes
a waiter out of the queue, unless up() has handed it the semaphore before.
Source: kernel/locking/semaphore.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World
from vmlitmus.world.split_lock import Host, Vcpu

SEMAPHORE = KernelFile("kernel/locking/semaphore.c", "__up()", "7.2.8")
HAND_OVER = "up() hands buslock_sem to the first in the queue"


def queue(w: World, vcpu: Vcpu) -> None:
    """down_interruptible() finds the semaphore taken and sleeps."""
    vcpu.place = 1 + sum(1 for other in w.all(Vcpu) if other.place > 0)
    vcpu.sleeping = True


def leave(w: World, vcpu: Vcpu) -> None:
    """A waiter gives up; those behind it move up."""
    for other in w.all(Vcpu):
        if other.place > vcpu.place:
            other.place -= 1
    vcpu.place = 0
    vcpu.passed = 0
    vcpu.sleeping = False


def may_take(w: World, vcpu: Vcpu) -> bool:
    """Say whether the semaphore was handed to the vcpu; without that, whether it is free."""
    return vcpu.place == 0 if w.part(HAND_OVER) else not w.the(Host).semaphore


def taken(w: World, vcpu: Vcpu) -> None:
    """The vcpu has the semaphore; everybody who still waits was passed once more."""
    w.the(Host).semaphore = True
    vcpu.sleeping = False
    vcpu.place = 0
    vcpu.passed = 0
    for other in w.all(Vcpu):
        if other.place > 0 and other.passed < 3:
            other.passed += 1


def up(w: World) -> None:
    """up(&buslock_sem)."""
    handed = w.part(HAND_OVER) and any(vcpu.place == 1 for vcpu in w.all(Vcpu))
    w.the(Host).semaphore = handed
    for vcpu in w.all(Vcpu):
        if vcpu.place > 0 and handed:
            vcpu.place -= 1
