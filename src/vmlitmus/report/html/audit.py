"""The page of an audit: claims about the host and each VM, with the facts that decide."""

from __future__ import annotations

from collections import Counter

from vmlitmus.audited import Audit, Judged, ThreadRole
from vmlitmus.report.html.pages import render
from vmlitmus.report.html.run import Runs

_SIGNS = {"true": "\u2713", "false": "\u2717", "cannot tell": "?"}
_LOOKS = {"true": "holds", "false": "violated", "cannot tell": "inconclusive"}


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
