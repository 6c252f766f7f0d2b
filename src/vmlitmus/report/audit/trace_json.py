"""An audit of a recorded run as JSON (``vmlitmus/audit/1``)."""

from __future__ import annotations

import json
from dataclasses import asdict

from vmlitmus.outcome.recorded_run import RunAudit

SCHEMA = "vmlitmus/audit/1"


def as_json(audit: RunAudit) -> str:
    """Return the audit as one JSON object; ``judged`` and ``notes`` are those of every audit."""
    found = asdict(audit)
    shared = {name: found.pop(name) for name in ("judged", "notes")}
    return json.dumps({"schema": SCHEMA, **shared, "run": found}, indent=2, ensure_ascii=True)
