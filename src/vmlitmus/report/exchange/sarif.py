"""SARIF 2.1.0, as code scanning reads it: a result for each outcome that is not as expected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from vmlitmus.outcome import Outcome, TraceStep, Verdict
from vmlitmus.report.exchange.wrong import short_name, wrong

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def sarif(outcomes: Sequence[Outcome], version: str) -> str:
    """Return a SARIF log; ``version`` is that of vmlitmus.

    A rule is a test, a result's location its file, and its code flow the run.
    """
    bad = [o for o in outcomes if not o.as_expected]
    rules = {short_name(o): o for o in bad}
    driver = {
        "name": "vmlitmus",
        "version": version,
        "rules": [_rule(name, o) for name, o in rules.items()],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": all(o.result for o in outcomes)}],
        "results": [_result(o, list(rules).index(short_name(o))) for o in bad],
        "columnKind": "unicodeCodePoints",
        "properties": {"checked": len(outcomes), "asExpected": len(outcomes) - len(bad)},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _rule(name: str, outcome: Outcome) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": outcome.question}}


def _result(outcome: Outcome, rule: int) -> dict[str, Any]:
    r = outcome.result
    inconclusive = r is not None and r.verdict is Verdict.INCONCLUSIVE
    found: dict[str, Any] = {
        "ruleId": short_name(outcome),
        "ruleIndex": rule,
        "level": "warning" if inconclusive else "error",
        "message": {"text": f"{outcome.name}: {wrong(outcome)}. {outcome.question}"},
        "locations": [_location(outcome)],
    }
    if r is not None and r.trace:
        flow = [_step(outcome, number, step) for number, step in enumerate(r.trace, 1)]
        found["codeFlows"] = [{"threadFlows": [{"locations": flow}]}]
    return found


def _step(outcome: Outcome, number: int, step: TraceStep) -> dict[str, Any]:
    location = {**_location(outcome), "message": {"text": step.label}}
    return {"location": location, "executionOrder": number}


def _location(outcome: Outcome) -> dict[str, Any]:
    uri = quote(outcome.file or f"{outcome.topic}/{short_name(outcome)}.toml")
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}},
    }
