"""buslock_sem: one core in the whole machine may have detection off, with mitigation on.

up() hands the semaphore to the waiter at the head of the queue, so nobody barges in.
Source: kernel/locking/semaphore.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, when
from vmlitmus.world.split_lock import Host, Vcpu

SEMAPHORE = KernelFile("kernel/locking/semaphore.c", "__up()", "7.2.8")
HAND_OVER = "up() hands buslock_sem to the first in the queue"


def down(w: World, vcpu: Vcpu) -> Sections:
    """down_interruptible(&buslock_sem)."""
    if not w.the(Host).semaphore:
        taken(w, vcpu)
        yield "{vcpu} takes buslock_sem"
    else:
        vcpu.place = 1 + sum(1 for other in w.all(Vcpu) if other.place > 0)
        yield "{vcpu} queues for buslock_sem"
        when(may_take(w, vcpu))
        taken(w, vcpu)
        yield "{vcpu} has buslock_sem"


def may_take(w: World, vcpu: Vcpu) -> bool:
    """Say whether the semaphore was handed to the vcpu; without that, whether it is free."""
    return vcpu.place == 0 if w.part(HAND_OVER) else not w.the(Host).semaphore


def taken(w: World, vcpu: Vcpu) -> None:
    """The vcpu has the semaphore; everybody who still waits was passed once more."""
    w.the(Host).semaphore = True
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
