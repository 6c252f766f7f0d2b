"""An audit of a recorded run in the terminal: the answer first, then who ran beside whom."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from vmlitmus.outcome import TraceStep
from vmlitmus.outcome.recorded_run import (
    Answer,
    CpuCoverage,
    Judged,
    Overlap,
    RunAudit,
    Waited,
    Witness,
)
from vmlitmus.report.columns import aligned
from vmlitmus.report.timeline import timeline

WIDTH = 75
_MARK = {Answer.TRUE: "true", Answer.FALSE: "FALSE", Answer.CANNOT_TELL: "cannot tell"}
_MEASURES = {
    "guest beside a user task": "guest, user task",
    "guest beside kernel context": "guest, kernel",
    "guest beside an interrupt": "guest, interrupt",
    "idle while another waits": "forced idle",
}
_ROWS = 12  # of the table of overlaps, in the terminal


def harmless(text: str) -> str:
    """Return text from a file with what a terminal would obey written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def terminal(audit: RunAudit, *, everything: bool = False) -> str:
    """Return the report; ``everything`` shows all overlaps and every core."""
    lines = [*_answer(audit), ""]
    lines += _claims(audit.judged)
    lines += ["", *_recording(audit), ""]
    table = [*_overlaps(audit, everything), ""] if audit.overlaps else []
    top = [_wrapped(harmless(line)) for line in lines]
    lines = [*_figures(audit), *_coverage(audit, everything)]
    lines += [f"Note: {note}" for note in (*audit.hotplug, *audit.notes)]
    worst = _worst(audit)
    if worst is not None:
        lines += ["", *witness_lines(*worst)]
    return "\n".join([*top, *table, *(_wrapped(harmless(line)) for line in lines)]).rstrip()


def _wrapped(line: str) -> str:
    if len(line) <= WIDTH:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return "\n".join(textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False))


def _answer(audit: RunAudit) -> list[str]:
    counts = {a: [j for j in audit.judged if j.answer is a] for a in Answer}
    summed = ", ".join(f"{len(found)} {_MARK[a]}" for a, found in counts.items() if found)
    if counts[Answer.FALSE]:
        verdict = "Not all claims are true of this run"
    elif counts[Answer.CANNOT_TELL] or not audit.judged:
        verdict = "Whether all claims are true of this run cannot be told"
    else:
        verdict = "All claims are true of this run"
    return [f"{verdict}: {summed or 'no claim was asked'}."]


def _claims(judged: Iterable[Judged]) -> Iterator[str]:
    for one in judged:
        yield f"  {_MARK[one.answer]:11}  {one.claim} ({one.about})"
        yield f"      {one.text}"
        yield from (f"      {e.where}: {e.value}" for e in one.evidence[:4])
        yield from (f"      missing: {m}" for m in one.missing[1:5])


def _recording(audit: RunAudit) -> Iterator[str]:
    kernel = f", kernel {audit.kernel}" if audit.kernel else ""
    yield f"{audit.where}: {audit.format}, clock {audit.clock or 'not named'}{kernel}."
    yield (
        f"{audit.events} events in {with_unit(audit.length)}; "
        + (
            f"{audit.vcpus_known} vcpus known, {audit.vcpus_seen} of them seen in guest mode."
            if audit.vcpus_known
            else "nobody has said which threads are vcpus."
        )
    )


def _overlaps(audit: RunAudit, everything: bool) -> Iterator[str]:
    heads = [["beside each other", "whose", "and whose", "times", "longest", "in all"]]
    rows = [
        [
            _MEASURES.get(o.measure, o.measure),
            _short(harmless(o.parties[0])),
            _short(harmless(o.parties[1])),
            str(o.count),
            with_unit(o.longest),
            with_unit(o.total),
        ]
        for o in audit.overlaps
    ]
    shown = rows if everything else rows[:_ROWS]
    yield from aligned(heads, shown)
    if len(shown) < len(rows):
        yield f"and {len(rows) - len(shown)} more (--all)"


def _short(name: str) -> str:
    return name if len(name) <= 13 else name[:10] + "..."


def _figures(audit: RunAudit) -> Iterator[str]:
    seen = [w for w in audit.waits if w.count]
    for waited in seen:
        yield _waited(waited)
    if audit.interrupts_beside_guests:
        yield (
            f"{audit.interrupts_beside_guests} interrupts and softirqs began beside a guest "
            "in guest mode."
        )


def _waited(waited: Waited) -> str:
    return (
        f"{waited.what[0].upper()}{waited.what[1:]}: {waited.count} times, "
        f"{with_unit(waited.total)} in all, at most {with_unit(waited.longest)} "
        f"(at {waited.at / 1e9:.6f} s)."
    )


def _coverage(audit: RunAudit, everything: bool) -> Iterator[str]:
    shared = [core for core in audit.cores if len(core.cpus) > 1]
    poor = [core for core in shared if core.possible or core.known < core.length]
    for core in (shared if everything else poor)[: None if everything else 8]:
        cpus = ", ".join(map(str, core.cpus))
        doubt = ", ".join(_unseen(why, t) for why, t in core.possible.items())
        yield (
            f"Core of cpus {cpus}: known for {with_unit(core.known)} of {with_unit(core.length)}"
            + (f"; two guests may have run unseen for {doubt}" if doubt else "")
            + "."
        )
    for cpu in audit.cpus:
        if cpu.lost or cpu.lost_unsaid or cpu.damaged:
            yield f"Cpu {cpu.cpu}: {', '.join(_losses(cpu))}."


def _unseen(why: str, length: int) -> str:
    return (
        f"{with_unit(length)} {why}" if why.startswith("before") else f"{with_unit(length)} ({why})"
    )


def _losses(cpu: CpuCoverage) -> Iterator[str]:
    if cpu.lost:
        yield f"{cpu.lost} events lost"
    if cpu.lost_unsaid:
        yield f"events lost {cpu.lost_unsaid} times without a count"
    if cpu.damaged:
        yield f"{cpu.damaged} places damaged"


def with_unit(ns: int) -> str:
    """Return a time with the unit that suits it."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}" if ns < 100 * size else f"{ns // size} {unit}"
    return f"{ns} ns"


def _worst(audit: RunAudit) -> tuple[Overlap, Witness] | None:
    """Return the longest interval behind a claim that is false."""
    false = [j for j in audit.judged if j.answer is Answer.FALSE and j.evidence]
    if not false:
        return None
    for overlap in audit.overlaps:
        for witness in overlap.witnesses:
            where = f"cpus {witness.cpus[0]} and {witness.cpus[1]} at {witness.start / 1e9:.6f} s"
            if (
                where == false[0].evidence[0].where
                and overlap.measure in false[0].evidence[0].value
            ):
                return overlap, witness
    return None


def witness_lines(overlap: Overlap, witness: Witness) -> list[str]:
    """Return the time-line of an interval: a column for each cpu, time downwards."""
    one, two = overlap.parties
    head = (
        f"The longest time of {harmless(one)} and {harmless(two)} {overlap.measure}: "
        f"{with_unit(witness.length)} from {witness.start / 1e9:.6f} s."
    )
    steps = [_step(m.cpu, m.time - witness.start, m.text) for m in witness.moments]
    ending = f"{with_unit(witness.length)} {overlap.measure}"
    return [*textwrap.wrap(head, WIDTH), "", *timeline(steps, ending)]


def _step(cpu: int, offset: int, text: str) -> TraceStep:
    label = f"{offset / 1e3:+.0f} us {harmless(text)}"
    return TraceStep(text, (), label, {}, f"cpu {cpu}", {}, "")
