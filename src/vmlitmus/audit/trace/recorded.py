"""The audit of a recorded run: events in, answers and figures out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vmlitmus.audit.trace.core_sharing import CoreSharing
from vmlitmus.audit.trace.cpu_state import Core
from vmlitmus.audit.trace.interval import Interval, Measure, Seen, Shared, Sink, Waits
from vmlitmus.audit.trace.roster import Roster
from vmlitmus.audit.trace.run_claims import (
    BY_DEFAULT,
    CLAIMS,
    COMPARABLE,
    OTHER_CLOCKS,
    WITH_COOKIES,
    Case,
    judge,
)
from vmlitmus.errors import UsageError, unknown
from vmlitmus.outcome.recorded_run import (
    CoreCoverage,
    CpuCoverage,
    Moment,
    Overlap,
    RunAudit,
    Waited,
    Witness,
)
from vmlitmus.trace.events import Kind, Stretch
from vmlitmus.trace.recording import Recording


@dataclass(frozen=True)
class RunQuestion:
    """What the user asks for. ``clock`` is what the recording does not say; ``siblings`` how many
    vcpus share a core in the guest; ``window`` how long a reschedule IPI may take, in ns;
    ``doubt`` why the cores or the tasks of the host cannot be believed.
    """

    claims: tuple[str, ...] = ()
    clock: str = ""
    siblings: int | None = None
    window: int = 1_000_000
    doubt: str = ""

    def check(self) -> None:
        """Raise UsageError for a claim or a clock that is not known."""
        for claim in self.claims:
            if claim not in CLAIMS:
                raise UsageError(unknown("claim", claim, CLAIMS))
        clocks = (*COMPARABLE, *OTHER_CLOCKS)
        if self.clock and self.clock not in clocks:
            raise UsageError(unknown("clock", self.clock, clocks))


def audit_recording(
    recording: Recording,
    roster: Roster,
    cores: Sequence[frozenset[int]],
    question: RunQuestion,
    sink: Sink | None = None,
    settled: Mapping[int, int] | None = None,
) -> RunAudit:
    """Audit a recording, which is read once. ``settled`` is that of ``CoreSharing``."""
    question.check()
    roster.add_vms(recording.guests)
    run = CoreSharing(roster, cores, sink, settled).follow(recording)
    doubt = _doubt(recording, run, cores, question)
    case = Case(run, doubt, question.siblings, question.window)
    claims = question.claims or _default_claims(roster)
    counts = recording.counts()
    vcpus = roster.vcpus
    return RunAudit(
        where=recording.place,
        format=recording.format,
        clock=question.clock or recording.clock,
        kernel=recording.uname,
        events=sum(counts.values()),
        by_name=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        start=run.start,
        length=run.span,
        tasks_known=len(roster.members),
        vcpus_known=len(vcpus),
        vcpus_seen=sum(t in run.tasks.guests_seen for t in vcpus),
        judged=tuple(judge(case, claims)),
        overlaps=tuple(_overlap(s, recording) for s in _sorted(run.shared.values())),
        cpus=tuple(_cpus(recording.stretches(), run)),
        cores=tuple(_core(core, run) for core in run.cores),
        waits=tuple(_waits(run)),
        interrupts_beside_guests=run.irqs_beside,
        failed_entries=dict(run.failed),
        hotplug=tuple(
            f"cpu {cpu} {'comes online' if up else 'goes offline'} at {time / 1e9:.6f} s"
            for time, cpu, up in run.hotplug
        ),
        notes=tuple(_notes(recording, run, question)),
    )


def _default_claims(roster: Roster) -> tuple[str, ...]:
    cookies = {m.cookie for m in roster.members.values()} - {None}
    return (*BY_DEFAULT, *(WITH_COOKIES if len(cookies) > 1 else ()))


def _doubt(
    recording: Recording, run: CoreSharing, cores: Sequence[frozenset[int]], question: RunQuestion
) -> str:
    """Say why nothing can be told of two cpus at once, or "" where it can."""
    clock = question.clock or recording.clock
    if question.doubt:
        return question.doubt
    if not cores:
        return "the cores are not known: give --host or --core"
    if run.backwards:
        return f"the clock goes backwards {run.backwards} times"
    if not clock:
        return f"the {recording.format} does not name its clock: give --clock"
    if clock not in COMPARABLE:
        return f'trace clock "{clock}" is not comparable between cpus'
    if not run.kinds[Kind.SWITCH]:
        return "no sched_switch was recorded"
    return ""


def _sorted(shared: Iterable[Shared]) -> list[Shared]:
    order = list(Measure)
    return sorted(
        shared,
        key=lambda s: (order.index(s.measure), -s.total, str(s.parties[0]), str(s.parties[1])),
    )


def _overlap(shared: Shared, recording: Recording) -> Overlap:
    return Overlap(
        measure=str(shared.measure),
        parties=(str(shared.parties[0]), str(shared.parties[1])),
        cookies=(shared.parties[0].cookie, shared.parties[1].cookie),
        count=shared.count,
        total=shared.total,
        longest=shared.longest[0].length if shared.longest else 0,
        gave_way=shared.gave_way,
        stayed=shared.stayed,
        witnesses=tuple(_witness(i, recording) for i in shared.longest),
    )


def _witness(interval: Interval, recording: Recording) -> Witness:
    names = tuple(recording.name(task) or f"task {task}" for task in interval.tasks)
    return Witness(
        start=interval.start,
        length=interval.length,
        cpus=interval.cpus,
        tasks=interval.tasks,
        names=(names[0], names[1]),
        moments=tuple(Moment(e.time, e.cpu, _in_words(e, recording)) for e in interval.events),
    )


def _in_words(event: Seen, recording: Recording) -> str:
    """Say an event as a clause with the tracepoint's name in it."""

    def who(task: int) -> str:
        name = recording.name(task) if task else "idle"
        return f"{name or 'task'} ({task})" if task else "the idle task"

    if event.kind == Kind.SWITCH:
        return f"sched_switch: {who(event.a)} leaves, {who(event.b)} runs"
    if event.kind == Kind.ENTRY:
        return f"kvm_entry: {who(event.task)} enters guest mode"
    if event.kind == Kind.EXIT:
        return f"kvm_exit: {who(event.task)} leaves guest mode"
    if event.kind in (Kind.WAKEUP, Kind.MIGRATE):
        return f"{Kind(event.kind).name.lower()} of {who(event.a)}"
    if event.kind == Kind.LOST:
        return "events are lost"
    name = Kind(event.kind).name.lower().replace("_", " ")
    return f"{name} {event.a}"


def _cpus(stretches: dict[int, Stretch], run: CoreSharing) -> Iterable[CpuCoverage]:
    cores = {cpu.number: n for n, core in enumerate(run.cores) for cpu in core.cpus}
    for cpu in sorted(set(stretches) | set(cores)):
        known = stretches.get(cpu, Stretch())
        yield CpuCoverage(
            cpu,
            cores.get(cpu),
            known.first,
            known.last,
            known.events,
            known.lost,
            known.unknown_losses,
            known.damaged,
        )


def _core(core: Core, run: CoreSharing) -> CoreCoverage:
    cpus = tuple(cpu.number for cpu in core.cpus)
    return CoreCoverage(cpus, core.known, run.span, dict(sorted(core.possible.why.items())))


def _waits(run: CoreSharing) -> Iterable[Waited]:
    idle = Waits()
    for shared in run.shared.values():
        if shared.measure is Measure.FORCED_IDLE:
            idle.count += shared.count
            idle.total += shared.total
            worst = shared.longest[0]
            if worst.length > idle.longest:
                idle.longest, idle.at = worst.length, worst.start
    named = {
        "forced idle": idle,
        "from an IPI to a guest's exit": run.waits.kicks,
        "from a split lock to the next entry": run.waits.split_locks,
    }
    for what, waits in named.items():
        yield Waited(what, waits.count, waits.total, waits.longest, waits.at)


def _notes(recording: Recording, run: CoreSharing, question: RunQuestion) -> Iterable[str]:
    yield from recording.notes
    if (question.clock or recording.clock) == "x86-tsc":
        yield "the clock x86-tsc counts cycles: times are shown as if each took 1 ns"
    if recording.missing:
        yield (
            f"{recording.missing} events were overwritten before the recording was saved: "
            "each cpu is known from its first event on"
        )
    for cpu, count in sorted(recording.overruns.items()):
        yield f"cpu {cpu}: {count} events lost, by its counters"
    if run.contradictions:
        yield f"{run.contradictions} events contradict those before: events are missing there"
    if run.overlaps.crowded:
        yield "more parties than are told apart: the rest stands together as others"
    if recording.silent:
        yield f"no event of cpus {', '.join(map(str, recording.silent))}"
    if not run.kinds[Kind.IPI_SEND] and not run.kinds[Kind.IPI_MASK]:
        yield "kicks cannot be seen: record ipi:ipi_send_cpu and ipi:ipi_send_cpumask"
