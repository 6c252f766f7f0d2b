"""buslock_sem: one core in the whole machine may have detection off, with mitigation on.

up() hands the semaphore to the waiter at the head of the queue, so nobody barges in.
Source: kernel/locking/semaphore.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, when
from vmlitmus.world.split_lock import Host, Vcpu

SEMAPHORE = KernelFile("kernel/locking/semaphore.c", "__up()", "7.2.13")
HAND_OVER = "up() hands buslock_sem to the first in the queue"


def down(w: World, vcpu: Vcpu) -> Sections:
    """down_interruptible(&buslock_sem)."""
    if not w.the(Host).semaphore:
        taken(w, vcpu)
        yield "{vcpu} takes buslock_sem"
    else:
        vcpu.place = 1 + sum(1 for other in w.all(Vcpu) if other.place > 0)
        yield "{vcpu} queues for buslock_sem"
        if w.part(HAND_OVER):
            when(vcpu.place == 0)
        else:
            when(not w.the(Host).semaphore)
            vcpu.place = 0
            taken(w, vcpu)
        vcpu.passed = 0
        yield "{vcpu} has buslock_sem"


def taken(w: World, vcpu: Vcpu) -> None:
    """The vcpu gets the semaphore while others may wait."""
    w.the(Host).semaphore = True
    count_passed(w, vcpu)


def count_passed(w: World, vcpu: Vcpu) -> None:
    """Everybody who still waits was passed once more."""
    for other in w.all(Vcpu):
        if other is not vcpu and other.place > 0 and other.passed < 3:
            other.passed += 1


def up(w: World) -> None:
    """up(&buslock_sem)."""
    first_waits = any(vcpu.place == 1 for vcpu in w.all(Vcpu))
    if w.part(HAND_OVER):
        w.the(Host).semaphore = first_waits
        for vcpu in w.all(Vcpu):
            if vcpu.place > 0:
                vcpu.place -= 1
        if first_waits:
            for vcpu in w.all(Vcpu):
                if vcpu.place > 0 and vcpu.passed < 3:
                    vcpu.passed += 1
    else:
        w.the(Host).semaphore = False
