"""The page of an audit: claims about the host and each VM, with the facts that decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from vmlitmus.outcome.audit import Audit, Finding, Fix, Judged, ThreadRole
from vmlitmus.report.audit.host import TOLD, counted_findings
from vmlitmus.report.html.pages import render
from vmlitmus.report.html.run import Runs

_SIGNS = {"true": "\u2713", "false": "\u2717", "cannot tell": "?"}
_LOOKS = {"true": "holds", "false": "violated", "cannot tell": "inconclusive"}
_STATUS = ("lacks", "cannot tell", "has", "not concerned")  # in the order of the page
_STATUS_SIGNS = dict(zip(_STATUS, ("\u2717", "?", "\u2713", "-"), strict=True))
_STATUS_LOOKS = dict(zip(_STATUS, ("violated", "inconclusive", "holds", "holds"), strict=True))


def kernel_page(fixes: Iterable[Fix], findings: Sequence[Finding], release: str) -> str:
    """Return the page of a kernel's fixes, those that it lacks first, and of its findings."""
    found = sorted(fixes, key=lambda fix: _STATUS.index(fix.status))
    counts = Counter(fix.status for fix in found)
    return render(
        "kernel.html",
        f"Fixes of kernel {release}",
        Runs(),
        fixes=found,
        total=", ".join(f"{status} {counts[status]}" for status in _STATUS if counts[status]),
        marks=_STATUS_SIGNS,
        looks=_STATUS_LOOKS,
        findings=[finding for finding in findings if finding.status in TOLD],
        counted=counted_findings(findings),
    )


def audit_page(audit: Audit) -> str:
    """Return the page; every claim opens its evidence, its run and what would end it."""
    counts = Counter(str(j.answer) for j in audit.all_judged)
    total = ", ".join(f"{counts[answer]} {answer}" for answer in _SIGNS if counts[answer])
    groups: list[tuple[str, str, tuple[Judged, ...], tuple[ThreadRole, ...]]] = []
    groups.append(("Host", "", audit.judged, ()))
    groups += [(d.name, d.applies, d.judged, d.threads) for d in audit.domains]
    return render(
        "audit.html",
        f"Audit of {audit.host.where}",
        Runs(),
        audit=audit,
        total=total,
        groups=groups,
        marks=_SIGNS,
        looks=_LOOKS,
    )
