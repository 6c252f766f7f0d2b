"""The keys that make a cell: [claim], [environment], what every [kvm] has, and [matrix]."""

from __future__ import annotations

from vmlitmus.lang.environment import MOST
from vmlitmus.litmus.keys.key import ROWS, TEXT, TEXTS, Key

CELL = (
    *(
        Key(
            "claim",
            kind,
            "condition" if shape is TEXT else "two conditions",
            meaning,
            example,
            shape,
        )
        for kind, meaning, example, shape in (
            ("never", "no reachable state satisfies the condition", 'never = "stale-read"', TEXT),
            ("possible", "some reachable state satisfies it", 'possible = "page-reused"', TEXT),
            (
                "recoverable",
                "from every reachable state it can be reached",
                'recoverable = "lock-settled"',
                TEXT,
            ),
            ("eventually", "every fair run reaches it", 'eventually = "vcpu-runs"', TEXT),
            (
                "leads_to",
                "on every fair run the second follows where the first is true",
                'leads_to = ["create-due", "create-settled"]',
                {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2},
            ),
        )
    ),
    Key(
        "environment",
        "allow",
        "list of disturbances",
        "those that may happen: vmlitmus list disturbances TOPIC",
        'allow = ["eviction", "reclaim"]',
        TEXTS,
        default="[]",
    ),
    Key(
        "environment",
        "at_most",
        "table: disturbance = number",
        f"how often an allowed disturbance may happen, 0 to {MOST}",
        "at_most = { reclaim = 2 }",
        {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": MOST},
        },
        default="without limit",
    ),
    Key(
        "environment",
        "limit",
        "rows [[environment.limit]]",
        "bounds that several disturbances share; see below",
        'limit = [{ of = ["create", "destroy"], by = "vcpu0", at_most = 1 }]',
        ROWS,
        default="none",
    ),
    Key(
        "environment",
        "only_when",
        "table: disturbance = condition",
        "in which states an allowed disturbance may begin",
        'only_when = { interrupt = "vcpu-parked" }',
        {"type": "object", "additionalProperties": {"type": "string"}},
        default="in every state",
    ),
    Key(
        "environment",
        "fair",
        'table: disturbance = "weak" or "strong"',
        "allowed disturbances that are promised to happen, for eventually and leads_to",
        'fair = { host-tick = "weak" }',
        {"type": "object", "additionalProperties": {"enum": ["weak", "strong"]}},
        default="none is promised",
    ),
    Key(
        "environment.limit",
        "of",
        "list of disturbances",
        "allowed disturbances that the bound counts together",
        'of = ["create", "destroy"]',
        TEXTS,
        required=True,
    ),
    Key(
        "environment.limit",
        "at_most",
        "number",
        f"how often they may happen in all, 0 to {MOST}",
        "at_most = 1",
        {"type": "integer", "minimum": 0, "maximum": MOST},
        required=True,
    ),
    Key(
        "environment.limit",
        "by",
        "entity",
        "the actor whose disturbances count: the first parameter of the step",
        'by = "vcpu0"',
        {"type": "string"},
        default="every actor",
    ),
    Key(
        "kvm",
        "without",
        "list of parts",
        "parts of mechanisms that are switched off, fixes included: vmlitmus list parts TOPIC",
        'without = ["flush on destroy"]',
        TEXTS,
        default="[]",
    ),
    Key(
        "kvm",
        "with",
        "list of fixes",
        "fixes that are in although the kernel version lacks them: vmlitmus list mechanisms TOPIC",
        'with = ["flag the request with KVM_REQUEST_WAIT"]',
        TEXTS,
        default="[]",
    ),
    Key(
        "matrix",
        "observe",
        "list of conditions, or table: letter = condition",
        "conditions to show in each cell: true if any reachable state satisfies them; with letters "
        "a cell shows = or x, and the letters",
        'observe = { K = "guest-killed" }',
        {
            "oneOf": [
                TEXTS,
                {
                    "type": "object",
                    "propertyNames": {"pattern": "^[^\\W\\d_]$"},
                    "additionalProperties": {"type": "string"},
                },
            ]
        },
        default="none",
    ),
    Key(
        "matrix",
        "across",
        "list of axes",
        "axes whose values go across in the grid",
        'across = ["mode"]',
        TEXTS,
        default="the last axis",
    ),
    Key(
        "matrix",
        "apart",
        "list of axes",
        "axes each of whose values has a grid of its own",
        'apart = ["smt"]',
        TEXTS,
        default="none",
    ),
)
