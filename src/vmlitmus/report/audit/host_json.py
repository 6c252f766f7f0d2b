"""An audit as JSON (``vmlitmus/audit/1``) and as a Prometheus text file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from vmlitmus.outcome.audit import Answer, Audit, Finding, Fix, Judged

SCHEMA = "vmlitmus/audit/1"


def as_json(audit: Audit) -> str:
    """Return the audit as one JSON object."""
    found: dict[str, Any] = {"schema": SCHEMA, **asdict(audit)}
    return json.dumps(found, indent=2, ensure_ascii=True)


def kernel_json(fixes: Iterable[Fix], findings: Iterable[Finding], release: str) -> str:
    """Return the fixes and findings of a kernel as one JSON object of the same schema."""
    found = {
        "schema": SCHEMA,
        "kernel": release,
        "fixes": [asdict(fix) for fix in fixes],
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(found, indent=2, ensure_ascii=True)


def prometheus(audit: Audit) -> str:
    """Return gauges for node_exporter's textfile collector: 1 true, 0 false, -1 cannot tell."""
    lines = [
        "# HELP vmlitmus_claim Whether an isolation claim is true (1), false (0) or unknown (-1).",
        "# TYPE vmlitmus_claim gauge",
        *(_sample("vmlitmus_claim", j, _number(j.answer)) for j in audit.all_judged),
        "# HELP vmlitmus_claim_for_ever Whether a true claim stays true whatever happens.",
        "# TYPE vmlitmus_claim_for_ever gauge",
        *(
            _sample("vmlitmus_claim_for_ever", j, _number(j.for_ever.answer))
            for j in audit.all_judged
            if j.for_ever is not None
        ),
        "# HELP vmlitmus_fixes Fixes of the version table by what this kernel has of them.",
        "# TYPE vmlitmus_fixes gauge",
    ]
    for status in ("has", "lacks", "cannot tell", "not concerned"):
        count = sum(fix.status == status for fix in audit.fixes)
        lines.append(f'vmlitmus_fixes{{status="{status}"}} {count}')
    return "\n".join(lines) + "\n"


def _number(answer: Answer) -> int:
    return {Answer.TRUE: 1, Answer.FALSE: 0, Answer.CANNOT_TELL: -1}[answer]


def _sample(name: str, judged: Judged, value: int) -> str:
    return f'{name}{{claim="{_label(judged.claim)}",about="{_label(judged.about)}"}} {value}'


def _label(text: str) -> str:
    """Escape a label's value as the text format asks; other control characters are escapes."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return "".join(c if c.isprintable() else f"\\\\x{ord(c):02x}" for c in text)
