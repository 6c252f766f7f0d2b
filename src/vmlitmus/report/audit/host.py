"""An audit in the terminal: the answer first, a screen for each domain."""

from __future__ import annotations

import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from vmlitmus.outcome.audit import (
    UNMENDED,
    Answer,
    Audit,
    DomainReport,
    Finding,
    Fix,
    ForEver,
    Judged,
    ThreadRole,
)
from vmlitmus.outcome.audit import together as all_of

WIDTH = 75
TOLD = ("has", "not read")  # the findings that are listed
_COMMAND = "      to see it: vmlitmus explain "  # a line to copy, which is not broken
_INDENT = " " * 15
_MARK = {Answer.TRUE: "true", Answer.FALSE: "FALSE", Answer.CANNOT_TELL: "cannot tell"}


def harmless(text: str) -> str:
    """Return text from a file with what a terminal would obey written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def terminal(audit: Audit, *, facts: bool = False) -> str:
    """Return the report: a screen for each domain, or with ``facts`` everything that is known."""
    host = audit.host
    lines = [*_answer(audit), ""]
    lines += [f"Host {host.where}: kernel {host.kernel}, {host.cpus}, smt/control {host.smt}."]
    if host.guest != "no":
        lines += [f"The host is itself a guest: {host.guest}."]
    lines += [*_claims(audit.judged, facts), ""]
    if facts and host.facts:
        lines += [
            "Facts that decide no claim:",
            *(f"  {e.where}: {e.value}" for e in host.facts),
            "",
        ]
    for domain in audit.domains:
        lines += [*_domain(domain, facts), ""]
    if audit.unread:
        lines += ["Not read:", *(f"  {e.where}: {e.value}" for e in audit.unread)]
    lines += [f"Note: {note}" for note in audit.notes]
    shown = "\n".join(_wrapped(harmless(line), facts) for line in lines).rstrip()
    return f"{shown}\n-v shows what is cut off here (...)." if _CUT in shown else shown


_CUT = " ...\n"


def _wrapped(line: str, whole: bool = True) -> str:
    """Break a line; what follows is indented by two more. Without ``whole`` it may be cut."""
    if len(line) <= WIDTH or line.startswith(_COMMAND):
        return line
    start = len(line) - len(line.lstrip())
    indent = _INDENT if line[:15].rstrip()[2:] in _MARK.values() else " " * (start + 2)
    most = None if whole or not line.startswith("  ") else 1 if start == len(_INDENT) else 2
    wrapped = textwrap.wrap(
        line, WIDTH, subsequent_indent=indent, break_on_hyphens=False, max_lines=most,
        placeholder=" ...",
    )  # fmt: skip
    return "\n".join(wrapped)


def _answer(audit: Audit) -> list[str]:
    """The first lines: how many claims are true, and which are not."""
    judged = audit.all_judged
    counts = {answer: [j for j in judged if j.answer is answer] for answer in Answer}
    summed = ", ".join(f"{len(found)} {_MARK[a]}" for a, found in counts.items() if found)
    verdict = {
        Answer.TRUE: "All claims are true here",
        Answer.FALSE: "Not all claims are true here",
        Answer.CANNOT_TELL: "Whether all claims are true here cannot be told",
    }[all_of(j.answer for j in judged)]
    return [f"{verdict}: {summed or 'no claim was asked'}."]


def _claims(judged: Iterable[Judged], facts: bool) -> Iterator[str]:
    """Two or three lines for each claim: the answer, its end, and the facts that decide."""
    for claims, one in ((j.claim, j) for j in judged) if facts else judged_alike(judged):
        yield f"  {_MARK[one.answer]:11}  {claims}: {one.text}"
        if one.but:
            yield f"{_INDENT}{one.but}"
        if one.answer is Answer.TRUE and one.for_ever is not None:
            yield f"{_INDENT}{ending(one.for_ever)}"
            if facts:
                yield from (f"{_INDENT}{line}" for line in forbidden(one.for_ever))
        if one.evidence and (one.answer is Answer.FALSE or facts):
            shown = "; ".join(f"{e.where}: {e.value}" for e in one.evidence[: 99 if facts else 3])
            yield f"{_INDENT}by {shown}"


def judged_alike(judged: Iterable[Judged]) -> Iterator[tuple[str, Judged]]:
    """Yield claims, joined where several in a row have the same answer for the same reason."""
    for _, alike in groupby(judged, key=lambda j: (j.answer, j.text, j.for_ever, j.but)):
        together = list(alike)
        yield ", ".join(one.claim for one in together), together[0]


def ending(found: ForEver) -> str:
    """Say in one line how long a claim stays true."""
    if found.answer is Answer.TRUE:
        return "stays true, whatever happens"
    if found.answer is Answer.CANNOT_TELL:
        return f"whether it stays true cannot be told: {found.text}"
    return "stays true unless: " + "; ".join(" + ".join(some) for some in found.ends_it)


def forbidden(found: ForEver) -> Iterator[str]:
    """Say what it takes to keep a claim true, where that is not simply all that ends it."""
    if any(len(some) > 1 for some in found.ends_it):
        yield "enough to forbid: " + "; or ".join(", ".join(some) for some in found.forbid)


def _domain(domain: DomainReport, facts: bool) -> Iterator[str]:
    pid = f", process {domain.pid}" if domain.pid is not None else ""
    yield f"Domain {domain.name} ({domain.vmm}{pid}; {domain.source})"
    if domain.applies:
        yield f"  claims do not apply: {domain.applies}"
    yield from _claims(domain.judged, facts)
    if facts:
        yield from (_thread(t) for t in domain.threads)
    unknown = [t for t in domain.threads if t.role == "unknown" and not facts]
    for thread in unknown[:4]:
        yield f"  unknown thread {thread.tid} ({thread.comm}), cpus {thread.allowed}"
    if len(unknown) > 4:
        yield f"  and {len(unknown) - 4} more unknown threads"
    yield from (f"  note: {note}" for note in domain.notes)


def _thread(thread: ThreadRole) -> str:
    cookie = f", cookie {thread.cookie}" if thread.cookie not in ("0", "") else ""
    place = f"{thread.role} ({thread.why}), {thread.policy}, cpus {thread.allowed}{cookie}"
    return f"  thread {thread.tid} ({thread.comm}): {place}"


def kernel(fixes: Iterable[Fix], findings: Sequence[Finding], release: str) -> str:
    """Return the fixes, what is missing first, with who can trigger it, and the findings."""
    order = ("lacks", "cannot tell", "has", "not concerned")
    found = sorted(fixes, key=lambda fix: order.index(fix.status))
    missing = [fix for fix in found if fix.status == "lacks"]
    unsure = [fix for fix in found if fix.status == "cannot tell"]
    counted = f"{len(missing)} of {len(found)} fixes; {len(unsure)} cannot be told"
    lines = [f"Kernel {release} lacks {counted}.", counted_findings(findings), ""]
    reasons = {fix.why for fix in unsure}
    shared = reasons.pop() if len(reasons) == 1 and len(unsure) > 1 else None
    lines += [f"Cannot be told: {shared}.", ""] if shared else []
    for fix in missing:
        lines += _missing(fix)
    for fix in found:
        if fix.status != "lacks":
            name, why = fix.commit or fix.cve or "-", "" if fix.why == shared else f" ({fix.why})"
            lines.append(f"  {fix.status:13}  {name:14}  {fix.title}{why}")
    for hurts, some in groupby(findings, key=lambda finding: finding.hurts):
        told = [finding for finding in some if finding.status in TOLD]
        lines += ["", f"Findings that hurt {hurts}:"] if told else []
        for finding in told:
            lines += _finding(finding)
    return "\n".join(_wrapped(harmless(line)) for line in lines).rstrip()


def counted_findings(findings: Sequence[Finding]) -> str:
    """Say how many findings a kernel has, and of how many nothing is known."""
    counts = Counter(finding.status for finding in findings)
    unknown = "; ".join(sorted({f.why for f in findings if f.status == "not known"}))
    others = {
        "not read": "not read in this very kernel",
        "not known": f"not known, {unknown}",
        "mended": "mended in it",
        "not concerned": "of no concern to it",
    }
    told = [f"{text}: {counts[status]}" for status, text in others.items() if counts[status]]
    return (
        "; ".join([f"It is known to have {counts['has']} of {len(findings)} findings", *told]) + "."
    )


def _finding(finding: Finding) -> Iterator[str]:
    has = finding.status == "has"
    yield f"  HAS  {finding.title}" if has else f"  not read  {finding.title} ({finding.why})"
    yield f"      needs: {finding.needs}"
    if finding.mended_by != UNMENDED:
        yield f"      mended by: {finding.mended_by}"
    yield f"{_COMMAND}{shlex.quote(finding.test)}"


def _missing(fix: Fix) -> Iterator[str]:
    name = " ".join(part for part in (fix.commit, fix.cve) if part) or "-"
    yield f"  LACKS  {name}  {fix.title} ({fix.why})"
    yield f"      protects: {fix.protects}"
    yield f"      who can trigger it: {fix.trigger}"
    if fix.shown_by and not fix.commit:
        yield f"      to find it in a source: {fix.shown_by}"
    yield (
        f"      to see it: vmlitmus explain {fix.test}"
        if fix.test
        else "      no test shows it yet"
    )
