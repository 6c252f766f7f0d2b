"""Every row of expected.tsv that is about a recorded run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from recordings import BESIDE, CORES, HERE, Row, roster, rows
from vmlitmus.audit.trace.core_sharing import CoreSharing
from vmlitmus.audit.trace.cpu_state import Pair
from vmlitmus.audit.trace.identity import last_own_cookies
from vmlitmus.audit.trace.interval import Measure, Shared
from vmlitmus.audit.trace.overlap import Overlaps
from vmlitmus.audit.trace.recorded import RunQuestion, audit_recording
from vmlitmus.audit.trace.roster import Party, Roster
from vmlitmus.outcome.recorded_run import Answer, RunAudit
from vmlitmus.trace import Kind, open_recording
from vmlitmus.trace.recording import read_overruns

OWN = [(HERE, r) for r in rows(HERE / "expected.tsv")]
REST = BESIDE / "expected.tsv"
MORE = [(BESIDE / "traces", r) for r in rows(REST, "traces/")] if REST.exists() else []


@cache
def audited(folder: Path, file: str) -> RunAudit:
    recording = open_recording(str(folder / file))
    clock = "" if recording.clock else "mono"  # what the text does not say
    settled = last_own_cookies(open_recording(str(folder / file)))
    return audit_recording(
        recording, roster(folder, file), CORES, RunQuestion(clock=clock), None, settled
    )


class ByKnownCpus(Overlaps):
    """Counts intervals between cpus of which a sched_switch was seen."""

    def __init__(self, party: Callable[[int], Party], switched: set[int]) -> None:
        super().__init__(party)
        self.switched = switched
        self.strangers = 0

    def _add(self, measure, pair: Pair, parties, tasks, start, end, came, went):  # type: ignore[no-untyped-def]
        super()._add(measure, pair, parties, tasks, start, end, came, went)
        known = {pair.a.number, pair.b.number} <= self.switched
        if measure is Measure.TASKS and known and two_vms(*parties):
            self.strangers += 1


class BySwitch(CoreSharing):
    """Counts intervals from the first sched_switch of each cpu on, not from its first event."""

    def __init__(self, who: Roster) -> None:
        super().__init__(who, CORES)
        self.switched: set[int] = set()
        self.overlaps: ByKnownCpus = ByKnownCpus(self.tasks.party, self.switched)

    def _switch(self, cpu, time, task, prev, coming, left):  # type: ignore[no-untyped-def]
        super()._switch(cpu, time, task, prev, coming, left)
        if cpu.number not in self.switched:
            self.switched.add(cpu.number)
            for pair in cpu.pairs:  # begin here what began before
                self.overlaps._update_tasks(pair, None, time, cpu.number)
                self.overlaps.update(pair, time, cpu.number)


def two_vms(one: Party, two: Party) -> bool:
    return one.vcpu and two.vcpu and one.name != two.name


def two_cookies(one: Party, two: Party) -> bool:
    """Of the programs' own threads: the kernel's are not among them."""
    known = None not in (one.cookie, two.cookie) and "kernel" not in (one.kind, two.kind)
    return known and one.cookie != two.cookie


@cache
def followed(folder: Path, file: str) -> CoreSharing:
    settled = last_own_cookies(open_recording(str(folder / file)))
    run = CoreSharing(roster(folder, file), CORES, None, settled)
    return run.follow(open_recording(str(folder / file)))


def total(folder: Path, file: str, measure: Measure, of: Callable[[Party, Party], bool]) -> int:
    found = followed(folder, file).shared.values()
    return sum(s.count for s in found if s.measure is measure and of(*s.parties))


def longest(folder: Path, file: str) -> int:
    found: list[Shared] = [
        s
        for s in followed(folder, file).shared.values()
        if s.measure is Measure.GUEST and two_vms(*s.parties)
    ]
    return max((s.longest[0].length // 1000 for s in found), default=0)


def as_tasks(folder: Path, file: str) -> int:
    run = BySwitch(roster(folder, file))
    run.follow(open_recording(str(folder / file)))
    return run.overlaps.strangers


def apart(folder: Path, file: str) -> str:
    """Say in the table's words whether vcpus of different VMs shared a core."""
    judged = [j for j in audited(folder, file).judged if j.claim == "OTHER_VMS_APART"]
    return "; ".join(sorted({f"{j.answer}: {j.text}" for j in judged}))


def answers(folder: Path, row: Row) -> tuple[str, str]:
    """Return what is expected and what was found, made comparable."""
    audit = audited(folder, row.file)
    names = {name.rpartition(":")[2]: count for name, count in audit.by_name.items()}
    question = row.question
    if question == "events":
        return row.answer, str(audit.events)
    if question == "kvm_entry / kvm_exit events":
        return row.answer, f"{names.get('kvm_entry', 0)} / {names.get('kvm_exit', 0)}"
    if question == "sched_switch events":
        return row.answer, str(names.get("sched_switch", 0))
    if question == "vcpu threads":
        return row.answer, str(audit.vcpus_known)
    if question == "vcpu threads known / seen in guest mode":
        return row.answer, f"{audit.vcpus_known} / {audit.vcpus_seen}"
    if question == "intervals with vcpus of two VMs in guest mode on one core":
        return row.answer, str(total(folder, row.file, Measure.GUEST, two_vms))
    if question.startswith("longest of them"):
        return row.answer, str(longest(folder, row.file))
    if question.startswith("intervals with vcpu threads of two VMs as current tasks"):
        return row.answer, str(as_tasks(folder, row.file))
    if question.startswith("irq and softirq entries"):
        return row.answer, str(audit.interrupts_beside_guests)
    if question.startswith("intervals with two of these threads, of different cookies"):
        return row.answer, str(total(folder, row.file, Measure.TASKS, two_cookies))
    if question.startswith("intervals with two vcpus of different cookies in guest mode"):
        return row.answer, str(total(folder, row.file, Measure.GUEST, two_cookies))
    if question == "different cookies among the programs' threads":
        members = roster(folder, row.file).members.values()
        return row.answer, str(len({m.cookie for m in members}))
    if question.startswith("entries in buffer / written"):
        entries = audit.events
        missing = open_and_drain(folder, row.file)
        return row.answer.split(":")[0], f"{entries} / {entries + missing}"
    if question == "per-cpu overrun":
        stats = read_overruns((folder / f"{row.file.split('.')[0]}.stats").read_text())
        return row.answer, " ".join(str(stats.get(cpu, 0)) for cpu in range(4))
    if question == "time from which every cpu has events, s":
        return row.answer, f"{max(c.first or 0 for c in audit.cpus) / 1e9:.6f}"
    if question == "events by name":
        wanted = "sched_switch 133, sched_waking 50, kvm_entry 980, kvm_exit 980; 8 of another form"
        # eight lines, six of them switches, show a task that is exiting as ":-1"
        got = dict(names)
        got["sched_switch"] -= 6
        got["sched_waking"] -= 2
        parts = ", ".join(f"{n} {got[n]}" for n in ("sched_switch", "sched_waking"))
        return (
            wanted,
            f"{parts}, kvm_entry {got['kvm_entry']}, kvm_exit {got['kvm_exit']}; 8 of another form",
        )
    raise AssertionError(f"no test for {row}")


def open_and_drain(folder: Path, file: str) -> int:
    recording = open_recording(str(folder / file))
    for _ in recording.batches([Kind.SWITCH]):
        pass
    return recording.missing


WORDS = {
    "yes": Answer.FALSE,
    "no, in what the trace covers": Answer.TRUE,
    "not in guest mode; once as tasks (1 ms)": Answer.TRUE,
}


def in_words(folder: Path, row: Row) -> None:
    """Answers that are sentences: the answer, and that the reason is named."""
    found = apart(folder, row.file)
    if row.answer in WORDS:
        assert found.startswith(f"{WORDS[row.answer]}:")
        assert ("as current tasks once, at most 10" in found) == ("once as tasks" in row.answer)
    elif row.answer.startswith("cannot tell: trace clock"):
        assert found.startswith("cannot tell: ") and 'trace clock "local"' in found
    elif row.answer.startswith("cannot tell: none of"):
        assert "none of its 2 vcpu threads occurs" in found
    elif row.answer.startswith("cannot tell for core 1 just before"):
        assert "core 2, 3: 439 us unknown: events were lost" in found and "core 0" not in found
    elif row.answer.startswith("cannot tell for core 0"):
        assert "core 0, 1: cpu 1 is never known" in found and "core 2" not in found
    elif row.answer.startswith("one VM only"):
        assert found.startswith("true") and "no other VM is known" in found
        assert [h.split(" at ")[0] for h in audited(folder, row.file).hotplug] == [
            "cpu 1 goes offline",
            "cpu 3 goes offline",
            "cpu 1 comes online",
            "cpu 3 comes online",
        ]
    else:
        raise AssertionError(f"no test for {row}")


def also_there(folder: Path, row: Row) -> None:
    """What else the table says of some files."""
    audit = audited(folder, row.file)
    if row.question == "time stamp of that page, ns":
        got = [e for b in open_recording(str(folder / row.file)).batches([Kind.LOST]) for e in b]
        assert [str(e.b) for e in got] == [row.answer]
    elif row.question == "what differs from vm2-v6":
        cpus = {c.cpu: c for c in audit.cpus}
        empty = "cpu 1 has no data" in row.answer
        assert (cpus[1].events == 0) == empty and (cpus[2].lost_unsaid == 1) != empty
    elif row.question == "cookies":
        members = roster(folder, row.file).members.values()
        per_vm = {m.vm: m.cookie for m in members}
        assert len(set(per_vm.values())) == (2 if "one for each VM" in row.answer else 1)
        assert all(m.cookie == per_vm[m.vm] for m in members)
    elif row.question == "format":
        assert audit.format == "ftrace text"
        recording = open_recording(str(folder / row.file))
        for _ in recording.batches([Kind.SWITCH]):
            pass
        assert {recording.process(t) for t in roster(folder, row.file).members} == {130, 131}
    elif row.question == "what it is":
        assert "zlib" in audit.format
    else:
        raise AssertionError(f"no test for {row}")


SENTENCES = ("was a core shared by vcpus of different VMs",)
OTHER = (
    "time stamp of that page, ns",
    "what differs from vm2-v6",
    "cookies",
    "format",
    "what it is",
)


def check(folder: Path, row: Row) -> None:
    if row.question in SENTENCES:
        in_words(folder, row)
    elif row.question in OTHER:
        also_there(folder, row)
    else:
        wanted, got = answers(folder, row)
        assert got == wanted


@pytest.mark.parametrize(("folder", "row"), OWN, ids=lambda v: getattr(v, "file", ""))
def test_own_recordings(folder: Path, row: Row) -> None:
    check(folder, row)


@pytest.mark.skipif(not MORE, reason=f"no {BESIDE}: its recordings are not checked")
def test_recordings_beside_the_checkout() -> None:
    """All rows at once, so that a file is read once."""
    wrong = []
    for folder, row in MORE:
        try:
            check(folder, row)
        except AssertionError as error:
            wrong.append(f"{row.file}: {row.question}: {row.answer!r}: {error}")
    assert not wrong, "\n".join(wrong)
