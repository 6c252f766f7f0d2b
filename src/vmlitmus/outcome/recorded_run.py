"""What an audit of a recorded run found, as plain data: the only thing that its reports read.

Times are in ns of the recording's clock. Source: the JSON contract ``vmlitmus/audit/1``.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmlitmus.outcome.audit import Answer, Judged
from vmlitmus.outcome.audit import exit_code as code_of


@dataclass(frozen=True)
class CpuCoverage:
    """What the recording has of one cpu; ``first`` and ``last`` are None where it has nothing."""

    cpu: int
    core: int | None  # its place among the cores; None where no topology names it
    first: int | None
    last: int | None
    events: int
    lost: int
    lost_unsaid: int  # times that events were lost and it is not said how many
    damaged: int


@dataclass(frozen=True)
class CoreCoverage:
    """How much of one core is known: ``known`` with the state of all siblings.

    ``possible`` is time for which two guests may have been beside each other, by reason.
    """

    cpus: tuple[int, ...]
    known: int
    length: int
    possible: dict[str, int]


@dataclass(frozen=True)
class Moment:
    """One event of a witness, in words."""

    time: int
    cpu: int
    text: str


@dataclass(frozen=True)
class Witness:
    """One interval: two tasks beside each other on two cpus of a core."""

    start: int
    length: int
    cpus: tuple[int, int]
    tasks: tuple[int, int]
    names: tuple[str, str]
    moments: tuple[Moment, ...]


@dataclass(frozen=True)
class Overlap:
    """All intervals of one kind between two parties, with the longest of them.

    ``gave_way`` counts those that ended when the cpu that was there first gave way; ``stayed`` is
    the longest of the others.
    """

    measure: str
    parties: tuple[str, str]
    cookies: tuple[int | None, int | None]
    count: int
    total: int
    longest: int
    gave_way: int
    stayed: int
    witnesses: tuple[Witness, ...]


@dataclass(frozen=True)
class Waited:
    """How often something waited, for how long, and when longest."""

    what: str
    count: int
    total: int
    longest: int
    at: int


@dataclass(frozen=True)
class RunAudit:
    """A whole audit of a recorded run."""

    where: str
    format: str
    clock: str
    kernel: str
    events: int
    by_name: dict[str, int]
    start: int
    length: int
    tasks_known: int
    vcpus_known: int
    vcpus_seen: int
    judged: tuple[Judged, ...]
    overlaps: tuple[Overlap, ...]
    cpus: tuple[CpuCoverage, ...]
    cores: tuple[CoreCoverage, ...]
    waits: tuple[Waited, ...]
    interrupts_beside_guests: int
    failed_entries: dict[int, int]
    hotplug: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def code(self) -> int:
        """The exit code: 0 all asked claims true, 1 some false, 3 some cannot be told."""
        return code_of(j.answer for j in self.judged) if self.judged else 3


__all__ = [
    "Answer",
    "CoreCoverage",
    "CpuCoverage",
    "Judged",
    "Moment",
    "Overlap",
    "RunAudit",
    "Waited",
    "Witness",
]
