"""What is measured of two cpus of a core: intervals, and the times nobody knows about. ns.

Plain data, made by ``overlap`` and ``core_sharing``, read by the claims and the report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from vmlitmus.audit.trace.roster import Party


class Measure(StrEnum):
    """In which sense two cpus of a core were busy at one time."""

    TASKS = "as current tasks"
    GUEST = "both in guest mode"
    BESIDE_TASK = "guest beside a user task"
    BESIDE_KERNEL = "guest beside kernel context"
    BESIDE_IRQ = "guest beside an interrupt"
    FORCED_IDLE = "idle while another waits"


@dataclass(frozen=True)
class Seen:
    """An event of a witness."""

    time: int
    cpu: int
    kind: int
    task: int
    a: int
    b: int


@dataclass(frozen=True)
class Interval:
    """Two tasks beside each other: ``start`` and ``end`` in ns, of the first and second cpu.

    ``first`` is the task that was there first, None where both came at one time; ``left`` the one
    whose event ended it. ``events`` are those of the core around it.
    """

    start: int
    end: int
    cpus: tuple[int, int]
    tasks: tuple[int, int]
    came: int  # the cpu whose event began it
    went: int  # the cpu whose event ended it
    events: tuple[Seen, ...] = ()

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass
class Shared:
    """All intervals of one measure between two parties; times in ns.

    ``gave_way`` are those that ended when the cpu that was there first gave way.
    """

    measure: Measure
    parties: tuple[Party, Party]
    count: int = 0
    total: int = 0
    gave_way: int = 0
    stayed: int = 0  # the longest of the others
    longest: list[Interval] = field(default_factory=list)


@dataclass(frozen=True)
class Gap:
    """A time for which a cpu's state is not known, in ns."""

    cpu: int
    start: int
    end: int
    why: str


@dataclass
class Possible:
    """Time for which two guests may have been beside each other: ``total`` in ns."""

    count: int = 0
    total: int = 0
    why: dict[str, int] = field(default_factory=dict)


@dataclass
class Waits:
    """How long something waited, in ns."""

    count: int = 0
    total: int = 0
    longest: int = 0
    at: int = 0

    def add(self, length: int, at: int) -> None:
        self.count += 1
        self.total += length
        if length > self.longest:
            self.longest, self.at = length, at


class Sink(Protocol):
    """Somebody who wants every slice of a task and of guest mode."""

    def ran(self, cpu: int, task: int, start: int, end: int) -> None: ...
    def in_guest(self, cpu: int, task: int, start: int, end: int) -> None: ...
