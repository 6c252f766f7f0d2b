"""The claims that a recorded run can answer: true over what was seen, false, or cannot tell.

"Not seen" makes a claim true only where all siblings of a core were known. What overlaps for less
than the clocks may differ is no witness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vmlitmus.audit.trace.core_sharing import CoreSharing
from vmlitmus.audit.trace.interval import Measure, Shared
from vmlitmus.audit.trace.roster import Party
from vmlitmus.outcome.audit import Answer, Evidence, Judged
from vmlitmus.trace.events import Kind

CLAIMS = {
    "OTHER_VMS_APART": "no vcpu of another VM was in guest mode beside a vcpu of the VM",
    "NO_NON_ARCH_CORE_SHARING": "vcpus that are no siblings in the guest never ran on one core",
    "HOST_TASKS_APART": "no user task ran beside a vcpu in guest mode",
    "KERNEL_APART": "neither kernel context nor an interrupt ran beside a vcpu in guest mode",
    "SIBLING_SILENT": "siblings executed nothing while a vcpu of the VM was in guest mode",
    "CORE_SCHEDULING_AS_PICKED": "the scheduler never left tasks of two cookies on one core",
    "CORE_SCHEDULING_AS_EXECUTING": "tasks of two cookies were never current on one core",
    "CORE_SCHEDULING_WITH_KERNEL": "no guest ran beside kernel context on behalf of another cookie",
    "ENTRIES_SUCCEED": "no entry into a guest failed",
}
BY_DEFAULT = ("OTHER_VMS_APART", "ENTRIES_SUCCEED")
WITH_COOKIES = ("CORE_SCHEDULING_AS_PICKED", "CORE_SCHEDULING_AS_EXECUTING")
CLOCK_ERROR = 2_000  # ns; of the clock between cpus, and the tracepoints around guest mode
OTHER_CLOCKS = ("local", "counter", "uptime", "perf")  # of ftrace; not between cpus, or no time
COMPARABLE = ("global", "mono", "mono_raw", "boot", "tai", "x86-tsc", "tsc2nsec")
_START = "before its first event"


@dataclass(frozen=True)
class Case:
    """What the claims are judged by; ``siblings`` is how many vcpus share a core in the guest.

    ``doubt`` says why nothing can be told of two cpus at once.
    """

    run: CoreSharing
    doubt: str
    siblings: int | None = None
    window: int = 1_000_000  # ns that a reschedule IPI may take

    def of(self, *measures: Measure) -> Iterable[Shared]:
        return (s for s in self.run.shared.values() if s.measure in measures)

    @property
    def vms(self) -> list[str]:
        """The VMs of the roster, by name."""
        return sorted({m.party.name for m in self.run.roster.vcpus.values()})

    @property
    def kvm(self) -> bool:
        """Whether entries and exits were recorded."""
        return bool(self.run.kinds[Kind.ENTRY] and self.run.kinds[Kind.EXIT])


def judge(case: Case, claims: Iterable[str]) -> list[Judged]:
    """Judge claims by name; a claim about VMs gives one answer for each."""
    found: list[Judged] = []
    for claim in claims:
        one = _JUDGES[claim]
        if claim in _OF_VMS:
            found += [one(case, claim, vm) for vm in case.vms] or [_no_vm(case, claim)]
        else:
            found.append(one(case, claim, "run"))
    return found


def _no_vm(case: Case, claim: str) -> Judged:
    why = "no VM is known: give --host or --vcpus"
    if not case.kvm:
        why += "; no entry into a guest was recorded"
    return Judged(claim, "run", Answer.CANNOT_TELL, why, missing=(why,))


def _window(case: Case) -> str:
    """Say over what a claim is true."""
    cores = [c for c in case.run.cores if c.known]
    seconds = sum(c.known for c in cores) / max(len(cores), 1) / 1e9
    return f"watched on {len(cores)} of {len(case.run.cores)} cores, {seconds:.3f} s on average"


def _unknown(case: Case) -> list[str]:
    """Return what forbids to say that something did not happen."""
    reasons = [case.doubt] if case.doubt else []
    for core in case.run.cores:
        cpus = ", ".join(str(c.number) for c in core.cpus)
        if len(core.cpus) < 2 or not core.possible.total:
            continue
        if core.known == 0:
            silent = [str(c.number) for c in core.cpus if c.since < 0]
            who = f"cpu {', '.join(silent)} is never known" if silent else "never known as a whole"
            reasons.append(f"core {cpus}: {who} while a sibling ran guests")
            continue
        for why, length in sorted(core.possible.why.items()):
            if why != _START:
                reasons.append(f"core {cpus}: {length / 1e3:.0f} us unknown: {why}")
    strangers = sorted(n for n, cpu in case.run.cpus.items() if cpu.core is None)
    if strangers:
        reasons.append(f"cpus {', '.join(map(str, strangers[:8]))} are in no core of the topology")
    return reasons


def _answer(
    case: Case, claim: str, about: str, breaches: list[Shared], *, text: str, held: str
) -> Judged:
    """Return false with the longest intervals, or true where nothing is unknown."""
    real = [s for s in breaches if s.longest and s.longest[0].length >= CLOCK_ERROR]
    if real and not case.doubt:
        worst = max(real, key=lambda s: s.longest[0].length)
        count, total = sum(s.count for s in real), sum(s.total for s in real)
        return Judged(
            claim,
            about,
            Answer.FALSE,
            f"{text} {count} times, {total / 1e6:.3f} ms in all, "
            f"at most {worst.longest[0].length / 1e3:.0f} us at a time",
            tuple(_evidence(s) for s in sorted(real, key=lambda s: -s.longest[0].length)[:4]),
        )
    missing = _unknown(case)
    if breaches and not real and not case.doubt:
        missing.append(f"{text}, but for less than {CLOCK_ERROR / 1e3:.0f} us at a time")
    if breaches and case.doubt:
        count = sum(s.count for s in breaches)
        held = f"{text} {count} times, if the times are taken at face value"
    if missing:
        why = missing[0] if len(missing) == 1 else f"{missing[0]}, and {len(missing) - 1} more"
        return Judged(claim, about, Answer.CANNOT_TELL, f"{held}; {why}", missing=tuple(missing))
    return Judged(claim, about, Answer.TRUE, f"{held}, {_window(case)}")


def _evidence(shared: Shared) -> Evidence:
    worst = shared.longest[0]
    return Evidence(
        f"cpus {worst.cpus[0]} and {worst.cpus[1]} at {worst.start / 1e9:.6f} s",
        f"{shared.parties[0]} and {shared.parties[1]} {shared.measure}: tasks {worst.tasks[0]} and "
        f"{worst.tasks[1]}, {worst.length / 1e3:.0f} us; {shared.count} times",
    )


def _is(party: Party, vm: str) -> bool:
    return party.kind == "vm" and party.name == vm


def _between(shared: Shared, vm: str) -> Party | None:
    """Return the other party where one is the VM and the other is not."""
    one, two = shared.parties
    if _is(one, vm) and not _is(two, vm):
        return two
    return one if _is(two, vm) and not _is(one, vm) else None


def _vm_seen(case: Case, vm: str) -> str:
    """Say why a VM cannot be judged at all, or "" where it can."""
    tasks = [t for t, m in case.run.roster.vcpus.items() if m.party.name == vm]
    if not any(t in case.run.tasks.ran for t in tasks):
        return f"none of its {len(tasks)} vcpu threads occurs in the recording"
    return ""


def other_vms(case: Case, claim: str, vm: str) -> Judged:
    """OTHER_VMS_APART: in guest mode; as current tasks where entries were not recorded."""
    unseen = _vm_seen(case, vm)
    if unseen:
        return Judged(claim, vm, Answer.CANNOT_TELL, unseen, missing=(unseen,))
    strangers = [(s, _between(s, vm)) for s in case.of(Measure.GUEST)]
    breaches = [s for s, other in strangers if other is not None and other.kind == "vm"]
    maybe = [s for s, other in strangers if other is not None and other.kind != "vm"]
    tasks = [s for s in case.of(Measure.TASKS) if (o := _between(s, vm)) is not None and o.vcpu]
    shared = _as_tasks(tasks)
    if not case.kvm and tasks:
        why = f"entries into guests were not recorded, only current tasks: {shared}"
        return Judged(claim, vm, Answer.CANNOT_TELL, why, missing=("kvm_entry and kvm_exit",))
    found = _answer(
        case,
        claim,
        vm,
        breaches,
        text="in guest mode beside another VM's vcpu",
        held=f"never seen in guest mode beside another VM's vcpu{f' ({shared})' if shared else ''}",
    )
    if maybe and found.answer is not Answer.FALSE:
        why = f"beside a vcpu of a VM that is not known {sum(s.count for s in maybe)} times"
        evidence = tuple(map(_evidence, maybe[:4]))
        return Judged(claim, vm, Answer.CANNOT_TELL, why, evidence, missing=(why,))
    others = [name for name in case.vms if name != vm]
    if found.answer is Answer.TRUE and not others:
        return Judged(claim, vm, Answer.TRUE, f"{found.text}; no other VM is known")
    return found


def _as_tasks(shared: list[Shared]) -> str:
    count = sum(s.count for s in shared)
    if not count:
        return ""
    longest = max(s.longest[0].length for s in shared)
    times = "once" if count == 1 else f"{count} times"
    return f"as current tasks {times}, at most {longest / 1e3:.0f} us"


def own_vcpus(case: Case, claim: str, vm: str) -> Judged:
    """NO_NON_ARCH_CORE_SHARING: vcpus n and m are siblings where n and m div siblings are equal."""
    unseen = _vm_seen(case, vm)
    if unseen:
        return Judged(claim, vm, Answer.CANNOT_TELL, unseen, missing=(unseen,))
    own = [
        s
        for s in case.of(Measure.GUEST if case.kvm else Measure.TASKS)
        if all(_is(p, vm) for p in s.parties)
    ]
    if own and case.siblings is None:
        why = f"its vcpus shared a core {sum(s.count for s in own)} times; which are siblings in "
        why += "the guest is not known: give --guest-threads"
        return Judged(claim, vm, Answer.CANNOT_TELL, why, missing=("the guest's topology",))
    threads = case.siblings or 1
    strangers = [s for s in own if any(not _siblings(case, i.tasks, threads) for i in s.longest)]
    return _answer(
        case,
        claim,
        vm,
        strangers,
        text="vcpus that are no siblings in the guest shared a core",
        held="never seen",
    )


def _siblings(case: Case, tasks: tuple[int, int], threads: int) -> bool:
    one, two = (case.run.roster.vcpus[t].vcpu for t in tasks)
    return (one or 0) // threads == (two or 0) // threads


def _beside(measures: tuple[Measure, ...], what: str) -> Callable[[Case, str, str], Judged]:
    def one(case: Case, claim: str, vm: str) -> Judged:
        unseen = _vm_seen(case, vm)
        if unseen:
            return Judged(claim, vm, Answer.CANNOT_TELL, unseen, missing=(unseen,))
        if not case.kvm:
            why = "entries into guests were not recorded"
            return Judged(claim, vm, Answer.CANNOT_TELL, why, missing=("kvm_entry and kvm_exit",))
        found = [
            s
            for s in case.of(*measures)
            if _is(s.parties[0], vm) or (s.measure is Measure.GUEST and _is(s.parties[1], vm))
        ]
        judged = _answer(
            case, claim, vm, found, text=f"{what} beside it in guest mode", held=f"{what}: none"
        )
        interrupts = case.run.kinds[Kind.IRQ_ENTRY] + case.run.kinds[Kind.SOFTIRQ_ENTRY]
        if judged.answer is Answer.TRUE and Measure.BESIDE_IRQ in measures and not interrupts:
            why = "no event of an interrupt was recorded: irq_vectors, irq"
            return Judged(claim, vm, Answer.CANNOT_TELL, why, missing=(why,))
        return judged

    return one


def _cookies_differ(shared: Shared) -> bool:
    one, two = (p.cookie for p in shared.parties)
    kernel = any(p.kind == "kernel" for p in shared.parties)
    return one is not None and two is not None and one != two and not kernel


def as_executing(case: Case, claim: str, about: str) -> Judged:
    """As current tasks, the window of the reschedule IPI included."""
    return _core_scheduling(case, claim, list(case.of(Measure.TASKS)), lambda s: True)


def as_picked(case: Case, claim: str, about: str) -> Judged:
    """Without the window of the IPI: at a pick the picking cpu runs its new task at once, the
    sibling keeps the old one until it takes the IPI.

    Mostly the cpu that was there first gives way. The other one leaves where the next pick for the
    core overtakes the IPI, which a kernel was seen to do and the model of core scheduling does.
    """

    def breach(shared: Shared) -> bool:
        return any(i.length > case.window for i in shared.longest)

    return _core_scheduling(case, claim, list(case.of(Measure.TASKS)), breach)


def with_kernel(case: Case, claim: str, about: str) -> Judged:
    """A guest beside the host side of another cookie's vcpu."""
    return _core_scheduling(case, claim, list(case.of(Measure.BESIDE_KERNEL)), lambda s: True)


def _core_scheduling(
    case: Case, claim: str, shared: list[Shared], counts: Callable[[Shared], bool]
) -> Judged:
    known = {m.cookie for m in case.run.roster.members.values()} - {None}
    if len(known) < 2:
        why = "no two cookies are known: give them with --vcpus"
        return Judged(claim, "run", Answer.CANNOT_TELL, why, missing=("cookies",))
    breaches = [s for s in shared if _cookies_differ(s) and counts(s)]
    windows = [s for s in shared if _cookies_differ(s) and not counts(s)]
    held = "tasks of two cookies never seen on one core"
    if windows:
        count = sum(s.count for s in windows)
        longest = max(s.longest[0].length for s in windows)
        held += f" but for {count} windows of the reschedule IPI, at most {longest / 1e3:.0f} us"
    found = _answer(
        case, claim, "run", breaches, text="tasks of two cookies on one core", held=held
    )
    if case.run.tasks.cookie_doubt:
        why = "tasks gave themselves cookies after they had run; read a file, not a pipe"
        return Judged(claim, "run", Answer.CANNOT_TELL, why, missing=(why,))
    if found.answer is Answer.TRUE and case.run.tasks.cookie_changes and case.run.tasks.stale:
        why = f"cookies changed {case.run.tasks.cookie_changes} times while the tasks lived"
        return Judged(claim, "run", Answer.CANNOT_TELL, why, missing=(why,))
    return found


def entries(case: Case, claim: str, about: str) -> Judged:
    """ENTRIES_SUCCEED: an exit whose reason says that the entry itself failed."""
    failed = case.run.failed
    if failed:
        shown = tuple(Evidence(f"task {t}", f"{n} failed entries") for t, n in failed.items())
        text = f"{sum(failed.values())} entries failed"
        return Judged(claim, "run", Answer.FALSE, text, shown[:8])
    if not case.kvm:
        why = "entries into guests were not recorded"
        return Judged(claim, "run", Answer.CANNOT_TELL, why, missing=("kvm_entry and kvm_exit",))
    exits = case.run.kinds[Kind.EXIT]
    return Judged(claim, "run", Answer.TRUE, f"none of {exits} recorded exits is a failed entry")


_OF_VMS = frozenset(list(CLAIMS)[:5])
_JUDGES: dict[str, Callable[[Case, str, str], Judged]] = {
    "OTHER_VMS_APART": other_vms,
    "NO_NON_ARCH_CORE_SHARING": own_vcpus,
    "HOST_TASKS_APART": _beside((Measure.BESIDE_TASK,), "user tasks"),
    "KERNEL_APART": _beside(
        (Measure.BESIDE_KERNEL, Measure.BESIDE_IRQ), "kernel context and interrupts"
    ),
    "SIBLING_SILENT": _beside(
        (Measure.BESIDE_TASK, Measure.BESIDE_KERNEL, Measure.BESIDE_IRQ, Measure.GUEST),
        "guests, tasks, kernel context and interrupts",
    ),
    "CORE_SCHEDULING_AS_PICKED": as_picked,
    "CORE_SCHEDULING_AS_EXECUTING": as_executing,
    "CORE_SCHEDULING_WITH_KERNEL": with_kernel,
    "ENTRIES_SUCCEED": entries,
}
