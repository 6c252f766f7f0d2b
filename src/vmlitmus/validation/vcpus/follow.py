"""Follow the vcpus of a recorded run: each event goes to the vcpus that it concerns."""

from __future__ import annotations

from collections.abc import Sequence

from vmlitmus.audit.trace.roster import Member, Roster
from vmlitmus.errors import UsageError
from vmlitmus.trace.events import Kind
from vmlitmus.trace.recording import Recording
from vmlitmus.validation.question import BuiltMachines, Question
from vmlitmus.validation.vcpus.machine import VcpuMachine
from vmlitmus.validation.vcpus.vcpu_run import VcpuRun
from vmlitmus.validation.wording import Row, in_words

UNCLEAR = "an interrupt was sent to a vcpu of one of several VMs"


def follow_vcpus(
    rows: Sequence[Row],
    recording: Recording,
    roster: Roster,
    question: Question,
    built: BuiltMachines,
) -> list[VcpuRun]:
    """Follow all vcpus of all VMs, each for itself."""
    members = _members(rows, roster)
    recorded = frozenset(Kind(r[1]) for r in rows)
    for kind, tracepoint in question.mapping.required.items():
        if Kind[kind.upper()] not in recorded:
            raise UsageError(f"the recording has no event {tracepoint}: nothing can be said")
    key = (recorded, repr(question.extra))
    if key not in built.machines:
        built.machines[key] = VcpuMachine(question, recorded)
    lifted: VcpuMachine = built.machines[key]
    sent = _Sent(members)
    accepted: dict[int, list[tuple[int, int]]] = {tid: [] for tid in members}
    for row in rows:
        if row[1] == Kind.ACCEPT_IRQ:
            for tid in sent.to(row):
                accepted[tid].append((row[0], row[4]))
    runs = {
        tid: VcpuRun(_name(member), tid, sent.others(tid), lifted, accepted[tid])
        for tid, member in members.items()
        if member.vcpu not in question.mapping.skip
    }
    for row in rows:
        _one(row, runs, sent, recording)
    return list(runs.values())


def _members(rows: Sequence[Row], roster: Roster) -> dict[int, Member]:
    """Return the vcpus by thread: of the roster, else as the recording has them."""
    if roster.vcpus:
        return dict(sorted(roster.vcpus.items(), key=lambda m: (m[1].vm, m[1].vcpu or 0)))
    found: dict[int, Member] = {}
    for row in rows:
        if row[1] == Kind.ENTRY and row[4] not in found:
            found[row[4]] = Member(row[4], "", row[5], None)
    numbers = [m.vcpu for m in found.values()]
    if len(numbers) != len(set(numbers)) or -1 in numbers:
        raise UsageError("whose threads enter guests is not known: give --vcpus or --host")
    return dict(sorted(found.items(), key=lambda m: m[1].vcpu or 0))


def _name(member: Member) -> str:
    return f"VM {member.vm} vcpu {member.vcpu}" if member.vm else f"vcpu {member.vcpu}"


class _Sent:
    """To whom something is sent: by the APIC id, of the VM whose thread sends it."""

    def __init__(self, members: dict[int, Member]) -> None:
        self._members = members
        self._vms = sorted({m.vm for m in members.values()})

    def others(self, tid: int) -> frozenset[int]:
        """Return the threads of the other vcpus of a VM."""
        vm = self._members[tid].vm
        return frozenset(t for t, m in self._members.items() if m.vm == vm and t != tid)

    def to(self, row: Row) -> list[int]:
        """Return to whose thread it is sent: one, or one of each VM where the VM is not known."""
        apic = row[5] if row[1] == Kind.ACCEPT_IRQ else row[6] >> 32
        sender = self._members.get(row[4])
        vms = [sender.vm] if sender is not None else self._vms
        return [t for t, m in self._members.items() if m.vm in vms and m.vcpu == apic]


def _one(row: Row, runs: dict[int, VcpuRun], sent: _Sent, recording: Recording) -> None:
    kind = row[1]
    words = in_words(row, recording)
    if kind == Kind.LOST:
        for run in runs.values():
            run.lost()
    elif kind in (Kind.ACCEPT_IRQ, Kind.VMGEXIT):
        targets = [runs[tid] for tid in sent.to(row) if tid in runs]
        if len(targets) > 1:
            for run in targets:
                run.forget(UNCLEAR)
            return
        for run in targets:
            run.take(row, words)
        for run in runs.values():
            if run.tid == row[4] and run not in targets:
                run.own(row, words)
    else:
        for run in runs.values():
            run.take(row, words)
