"""What a recorded run is made of: events of one form, whatever file they come from.

An event is a record of six 64-bit words, so that millions a second can be passed on; ``Event``
names their parts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

WORDS = 6
SIZE = 8 * WORDS  # bytes of a record
RECORD = struct.Struct("=QHHIqqqq")
NONE = -1  # a number that the event does not have


class Kind(IntEnum):
    """What an event says; the comment names its numbers a, b, c.

    Source: the tracepoints' format files of Linux 6.1 to 7.2.
    """

    OTHER = 0
    SWITCH = 1  # task that leaves, task that comes, how the first leaves (``Left``)
    ENTRY = 2  # vcpu id
    EXIT = 3  # vcpu id, exit reason, instruction set (1 VMX, 2 SVM)
    FORK = 4  # parent, child
    TASK_EXIT = 5  # task
    WAKEUP = 6  # task, target cpu
    WAKING = 7  # task, target cpu
    MIGRATE = 8  # task, cpu that it leaves, cpu that it goes to
    IRQ_ENTRY = 9  # vector or line
    IRQ_EXIT = 10  # vector or line
    SOFTIRQ_ENTRY = 11  # vector
    SOFTIRQ_EXIT = 12  # vector
    CPU_IDLE = 13  # state, cpu
    HOTPLUG_ENTRY = 14  # cpu, target state, step
    HOTPLUG_EXIT = 15  # cpu, state reached, error
    PRCTL_ENTRY = 16  # option, second argument, third argument
    PRCTL_EXIT = 17  # value
    USERSPACE_EXIT = 18  # reason
    IPI_SEND = 19  # cpu
    CORE_SHARE = 20  # command, task, scope (a probe on sched_core_share_pid)
    VCPU_WAKEUP = 21  # ns waited, whether it slept (else a poll was enough), valid
    ACCEPT_IRQ = 22  # apic id, vector, delivery mode (``Mode``)
    INJECT_IRQ = 23  # vector
    SPLIT_LOCK = 24  # address (a probe on handle_guest_split_lock)
    EXEC = 25  # task
    WAKEUP_NEW = 26  # a task just made, target cpu; the event's own task made it
    VCPU_RESET = 27  # whether for an INIT (a probe on kvm_vcpu_reset)
    VCPU_SIPI = 28  # vector (a probe on kvm_vcpu_deliver_sipi_vector)
    VMGEXIT = 29  # exit code, information 1 and 2, of the GHCB
    IPI_MASK = 30  # a cpu, a mask of it and the 63 behind it, a mask of the next 64
    LOST = 62  # how many (NONE: unknown), until when (NONE: unknown), why (``Loss``)
    UNPARSED = 63  # text only, never passed on: offset and length of the line


class Left(IntEnum):
    """How a task left the cpu at a sched_switch."""

    SLEEPING = 0
    RUNNABLE = 1
    DEAD = 2


class Mode(IntEnum):
    """How an interrupt is delivered: APIC_DM_* of arch/x86/include/asm/apicdef.h."""

    FIXED = 0
    LOWEST = 0x100
    SMI = 0x200
    READ = 0x300
    NMI = 0x400
    INIT = 0x500
    SIPI = 0x600
    EXTERNAL = 0x700


class Loss(IntEnum):
    """Why events are missing."""

    OVERWRITTEN = 0  # the recording says that events were lost here
    DAMAGED = 1  # what stands here cannot be read


class Event(NamedTuple):
    """One event: ``time`` in ns of the trace clock, ``task`` the tid that ran on ``cpu``.

    An event LOST has the time of the last event before the gap; in text, where that is known only
    afterwards, the time of the last line.
    """

    time: int
    kind: int
    type: int
    cpu: int
    task: int
    a: int
    b: int
    c: int


class Batch:
    """Some events, in order of time.

    ``data`` is a buffer of ``count`` records of ``SIZE`` bytes; it is used again for the next
    batch.
    """

    def __init__(self, data: memoryview, count: int) -> None:
        self.data = data
        self.count = count

    def rows(self) -> Iterator[tuple[int, ...]]:
        """Return the records as plain tuples, in the order of ``Event``."""
        return RECORD.iter_unpack(self.data[: SIZE * self.count])

    def __iter__(self) -> Iterator[Event]:
        return map(Event._make, self.rows())


@dataclass
class Stretch:
    """What is known of one cpu's events: ``first`` and ``last`` in ns, None where it has none.

    ``lost`` counts events that the recording says are missing (``unknown_losses`` more times it
    does not say how many); ``damaged`` counts places that could not be read; ``backwards`` events
    earlier than the one before.
    """

    first: int | None = None
    last: int | None = None
    events: int = 0
    lost: int = 0
    unknown_losses: int = 0
    damaged: int = 0
    backwards: int = 0
