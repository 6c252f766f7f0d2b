"""Follow the cores of a recorded run: each event goes to the cores that it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from vmlitmus.audit.trace.roster import Roster
from vmlitmus.compiler import Instance
from vmlitmus.trace.events import Kind
from vmlitmus.trace.recording import Recording
from vmlitmus.trace.text import EVERY_CPU
from vmlitmus.validation.agreeing import LOST
from vmlitmus.validation.cores.core_run import CoreRun
from vmlitmus.validation.cores.environment import STEPS
from vmlitmus.validation.cores.lift import Lift, Lifted
from vmlitmus.validation.frontier import Follower, Gates, TooMany
from vmlitmus.validation.question import BuiltMachines, Question
from vmlitmus.validation.wording import Row, in_words

READ = (  # of one cpu
    Kind.SWITCH,
    Kind.ENTRY,
    Kind.EXIT,
    Kind.PRCTL_ENTRY,
    Kind.CORE_SHARE,
    Kind.IRQ_ENTRY,
)
PR_SCHED_CORE = 62
WAITED = "trace_waited"  # needs no event while nobody of its group was seen


def follow_cores(
    rows: Sequence[Row],
    recording: Recording,
    roster: Roster,
    question: Question,
    built: BuiltMachines,
) -> list[CoreRun]:
    """Follow all cores; where too many states agree, begin anew with what was recorded."""
    vcpus = frozenset(roster.vcpus) | {r[4] for r in rows if r[1] in (Kind.ENTRY, Kind.EXIT)}
    seen = {r[1] for r in rows}
    woken = bool(seen & {Kind.WAKEUP, Kind.WAKEUP_NEW})
    only = {s.name for s in STEPS} - {"trace_schedules", "trace_keeps", "trace_exits"}
    only |= question.mapping.events["switches"].steps  # a pick that changes nothing: trace_keeps
    if not woken:  # wakeups were not recorded: they may happen unseen
        only.discard("trace_voids")
    runs: dict[int, CoreRun] = {}
    found: list[CoreRun] = []
    lifts: list[Lift] = []
    for core in question.cores:
        cpus = sorted(core)
        if len(cpus) < 2:
            continue
        lift = Lift(roster, vcpus, question.mapping, len(cpus))
        key = (tuple(lift.groups), woken, repr(question.extra))
        if key not in built.machines:
            lifted = Lifted(lift, lift.machine(question.settings))
            gates = Gates(_gate(frozenset(only)))
            follower = Follower(lifted.machine, lifted.look, gates, lifted.canonical)
            built.machines[key] = (lift, lifted, follower)
        _, lifted, follower = built.machines[key]
        run = CoreRun(cpus, lift, lifted, follower, question.mapping, woken=woken)
        lifts.append(lift)
        found.append(run)
        runs |= dict.fromkeys(cpus, run)
    for row in rows:
        try:
            _one(row, runs, found, lifts, recording)
        except TooMany:
            for run in found:
                run.too_many()
    return found


def _gate(only_recorded: frozenset[str]) -> Callable[[Instance], str | None]:
    """Return what names the gate of a step that happens only where the recording says so."""

    def gate(instance: Instance) -> str | None:
        name = instance.step.name
        if name not in only_recorded:
            return None
        return str(instance.binding[0]) if name == WAITED else name

    return gate


def _one(
    row: Row,
    runs: Mapping[int, CoreRun],
    every: Iterable[CoreRun],
    lifts: Iterable[Lift],
    recording: Recording,
) -> None:
    _, kind, _, number, task, a, b, c = row
    name = in_words(row, recording)
    run = runs.get(number)
    if kind == Kind.LOST:
        for one in every if number == EVERY_CPU else [run] if run else []:
            one.forget(LOST, one.index.get(number))
        return
    if kind == Kind.HOTPLUG_ENTRY:
        there = runs.get(a)
        if there is not None and b > c:  # the state that it goes to is above this step
            there.forget("a cpu comes online", there.index[a])
        return
    if kind in (Kind.WAKEUP, Kind.WAKEUP_NEW):
        if kind == Kind.WAKEUP_NEW:
            for lift in lifts:
                lift.made(a, task)
        there = runs.get(b)
        if there is not None:
            there.woken(row, name, a, there.index[b])
    elif kind == Kind.MIGRATE:
        before, after = runs.get(b), runs.get(c)
        queued = before is not None and before.left(a, before.index[b])
        if queued and after is not None:
            after.woken(row, name, a, after.index[c])
    elif kind == Kind.CORE_SHARE or (kind == Kind.PRCTL_ENTRY and a == PR_SCHED_CORE):
        command = a if kind == Kind.CORE_SHARE else b
        if command in (1, 2, 3):
            for lift in lifts:
                lift.created(task)
            own = kind == Kind.CORE_SHARE and command == 1 and b in (0, task) and c == 0
            if not own:
                for one in every:
                    one.cookies_change()
            elif run is not None:
                run.forget("cookies change", run.index[number])
    elif run is not None and kind in READ:
        run.take(row, name)
