"""An audit of a recorded run as one HTML file: no script, no request to anywhere."""

from __future__ import annotations

from html import escape

from vmlitmus.outcome.recorded_run import Answer, Overlap, RunAudit, Witness
from vmlitmus.report.audit.trace import terminal, with_unit, witness_lines

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em }
pre { font-size: 13px; overflow-x: auto; background: #8881; padding: 1em }
table { border-collapse: collapse } td, th { text-align: left; padding: .2em 1em .2em 0 }
td.number { text-align: right } .false { color: #b00 } .true { color: #070 }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd }
  .false { color: #f77 } .true { color: #7d7 } }
"""
_WHO = {
    "guest beside a user task": "{} in guest mode beside a user task of {}",
    "guest beside kernel context": "{} in guest mode beside {} in the kernel",
    "guest beside an interrupt": "{} in guest mode beside an interrupt on the cpu of {}",
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(audit: RunAudit) -> str:
    """Return the page: answers, who ran beside whom, the longest intervals as time-lines."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{escape(audit.where)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(audit.where)}</h1>",
        f"<p>{audit.events} events in {audit.length / 1e9:.6f} s; {escape(audit.format)}, clock "
        f"{escape(audit.clock or 'not named')}.</p>",
        "<h2>Answers</h2><table>",
        *(_answer(j.answer, j.claim, j.about, j.text) for j in audit.judged),
        "</table><h2>Who ran beside whom</h2>",
        *(_overlap(o) for o in audit.overlaps),
        "<h2>As text</h2>",
        f"<pre>{escape(terminal(audit, everything=True))}</pre>",
        "</body></html>",
    ]
    return "\n".join(parts)


def _answer(answer: Answer, claim: str, about: str, text: str) -> str:
    kind = {Answer.TRUE: "true", Answer.FALSE: "false"}.get(answer, "unknown")
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in (claim, about, text))
    return f'<tr><td class="{kind}">{escape(str(answer))}</td>{cells}</tr>'


def _overlap(overlap: Overlap) -> str:
    one, two = map(escape, overlap.parties)
    who = _WHO.get(overlap.measure, f"{{}} and {{}} {escape(overlap.measure)}").format(one, two)
    head = (
        f"{who}: {overlap.count} times, at most {with_unit(overlap.longest)}, "
        f"{with_unit(overlap.total)} in all"
    )
    shown = "".join(_witness(overlap, w) for w in overlap.witnesses)
    return f"<details><summary>{head}</summary>{shown}</details>"


def _witness(overlap: Overlap, witness: Witness) -> str:
    return f"<pre>{escape(chr(10).join(witness_lines(overlap, witness)))}</pre>"
