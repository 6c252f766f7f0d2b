"""Who is who in a recorded run: which task is a vcpu of which VM, and with which cookie.

A roster comes from a table (tid, process, vcpu, cookie), from a snapshot of the host, or from the
run itself (the process column, trace-cmd's guests). A tid names a task only between its fork and
its exit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vmlitmus.errors import UsageError
from vmlitmus.host.cpus.cpulist import as_list
from vmlitmus.named_file import read_named
from vmlitmus.trace.recording import Recording

_WIDEST = 1 << 22  # tids of Linux
_LARGEST = 16 << 20  # bytes of a table
_THREADS = 4  # of a core of a Xeon Phi; others have 2


@dataclass(frozen=True)
class Party:
    """Tasks that trust each other: one VM, one uid, the kernel's threads, or one that is unknown.

    ``kind`` is "vm", "unknown vm", "kernel" or "task"; ``cookie`` is None where it is not known.
    """

    kind: str
    name: str
    cookie: int | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def vcpu(self) -> bool:
        return self.kind in ("vm", "unknown vm")


@dataclass(frozen=True)
class Member:
    """A task of the roster; ``vcpu`` is None for a task that is none."""

    tid: int
    vm: str
    vcpu: int | None
    cookie: int | None

    @property
    def party(self) -> Party:
        if self.vcpu is not None:
            return Party("vm", f"VM {self.vm}", self.cookie)
        return Party("task", f"process {self.vm}", self.cookie)


@dataclass
class Roster:
    """``members`` by tid; ``kernel`` are tids of kernel threads; ``uids`` those of other tasks."""

    members: dict[int, Member] = field(default_factory=dict)
    kernel: frozenset[int] = frozenset()
    uids: dict[int, int] = field(default_factory=dict)
    source: str = ""

    @property
    def vcpus(self) -> dict[int, Member]:
        return {t: m for t, m in self.members.items() if m.vcpu is not None}

    def party(self, tid: int) -> Party:
        """Return the party of a task that never entered a guest, or that is a member."""
        member = self.members.get(tid)
        if member is not None:
            return member.party
        if tid == 0:
            return Party("kernel", "idle", 0)
        if tid in self.kernel:
            return Party("kernel", "kernel threads", 0)
        if tid in self.uids:
            return Party("task", f"uid {self.uids[tid]}")
        return Party("task", "other tasks")

    def add_vms(self, vms: dict[str, dict[int, int]]) -> None:
        """Add VMs that the recording names: name -> vcpu -> tid."""
        for name, vcpus in vms.items():
            for vcpu, tid in vcpus.items():
                self.members.setdefault(tid, Member(tid, name, vcpu, None))

    def without_cookies(self) -> Roster:
        """Return the same tasks, their cookies not known."""
        members = {t: replace(m, cookie=None) for t, m in self.members.items()}
        return Roster(members, self.kernel, self.uids, self.source)


def read_table(path: Path) -> Roster:
    """Read a table of tid, process, vcpu ("-": none) and cookie ("-": not known), by tabs.

    Raises UsageError with the line that is wrong.
    """
    roster = Roster(source=str(path))
    text = read_named(path, _LARGEST, pipes=True).decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            member = _member(line.split("\t"), f"{path}:{number}")
            if member.tid in roster.members:
                raise UsageError(f"{path}:{number}: tid {member.tid} is listed twice")
            roster.members[member.tid] = member
    if not roster.members:
        raise UsageError(f"{path}: no task in it; a line is: tid, process, vcpu, cookie, by tabs")
    return roster


def _member(cells: list[str], place: str) -> Member:
    if not 3 <= len(cells) <= 4:
        raise UsageError(
            f"{place}: {len(cells)} columns; a line is: tid, process, vcpu, cookie, by tabs"
        )
    tid = _number(cells[0], "tid", place)
    vcpu = None if cells[2] == "-" else _number(cells[2], "vcpu", place)
    cookie = None
    if len(cells) == 4 and cells[3] != "-":
        cookie = _number(cells[3], "cookie", place)
    if not re.fullmatch(r"[\w.:@-]{1,64}", cells[1]):
        raise UsageError(f"{place}: {cells[1]!r} is not a process id or the name of a VM")
    if not 0 < tid < _WIDEST:
        raise UsageError(f"{place}: {tid} is no tid")
    return Member(tid, cells[1], vcpu, cookie)


def _number(word: str, name: str, place: str) -> int:
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,16}|\d{1,20}", word):
        raise UsageError(f"{place}: {name} {word!r} is no number")
    return int(word, 0)


def roster_and_cores(
    table: str | None, cores: Iterable[str]
) -> tuple[Roster, tuple[frozenset[int], ...]]:
    """Return the roster of a table (or none), and the cores of lists. Raises UsageError."""
    roster = Roster()
    if table is not None:
        roster.members |= read_table(Path(table)).members
        roster.source = table
    return roster, parse_cores(cores)


def parse_cores(words: Iterable[str]) -> tuple[frozenset[int], ...]:
    """Return cores of lists like "0-1" or "0,48". Raises UsageError."""
    cores: list[frozenset[int]] = []
    for word in words:
        cpus: set[int] = set()
        for part in word.split(","):
            match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part.strip())
            if match is None or int(match[2] or match[1]) < int(match[1]):
                raise UsageError(f"core {word!r} is no list of cpus; for example: 0-1 or 0,48")
            cpus |= set(range(int(match[1]), int(match[2] or match[1]) + 1))
        if len(cpus) > _THREADS:
            raise UsageError(
                f"core {word!r}: {len(cpus)} cpus; a core of x86 has at most {_THREADS}; give "
                "--core once for each core"
            )
        twice = next((c for core in cores for c in core & cpus), None)
        if twice is not None:
            raise UsageError(f"core {word!r}: cpu {twice} is in another core already")
        cores.append(frozenset(cpus))
    return tuple(cores)


def refuse_foreign_cores(words: Sequence[str], recording: Recording) -> None:
    """Raise UsageError for a core with cpus that a recording, which was read, cannot be of."""
    cpus = recording.cpus()
    for word, core in zip(words, parse_cores(words), strict=True):
        foreign = core - cpus if cpus is not None else None
        if cpus and foreign:
            raise UsageError(
                f"core {word!r}: {recording.place} is of cpus {as_list(cpus)}, not of "
                f"{as_list(foreign)}"
            )
