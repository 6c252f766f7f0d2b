"""The keys of a litmus file: one table that the reader, the reference page and the schema share.

A topic adds tables and keys of its own: those of its model's settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vmlitmus.lang.environment import MOST

VERDICTS = ("holds", "violated")
DECIDED_BY = ("source", "model")
Shape = Mapping[str, Any]  # a JSON schema

_TEXT: Shape = {"type": "string", "pattern": "\\S"}
_TEXTS: Shape = {"type": "array", "items": {"type": "string"}}
_FLAG: Shape = {"type": "boolean"}
_QUANTITY: Shape = {"type": ["string", "number"]}
_TABLE: Shape = {"type": "object"}
_ROWS: Shape = {"type": "array", "items": {"type": "object"}}


@dataclass(frozen=True)
class Key:
    """One key: the table it stands in (empty for the top), its type in words, and what it means.

    ``default`` is what holds where the key is left out; ``required`` keys have none, and those that
    are ``required_with`` another key only where that one is given. ``shape`` is the value as a JSON
    schema.
    """

    table: str
    name: str
    type: str
    meaning: str
    example: str
    shape: Shape = field(default_factory=dict)
    default: str = ""
    required: bool = False
    required_with: str = ""

    @property
    def need(self) -> str:
        """Say when a file must have the key; empty for a key that may be left out."""
        if self.required_with:
            return f"required with {self.required_with}"
        return "required" if self.required else ""


KEYS = (
    Key(
        "",
        "question",
        "text that ends with ?",
        "what is asked, in one sentence",
        'question = "May the flush be skipped?"',
        {"type": "string", "pattern": "\\?\\s*$"},
        required=True,
    ),
    Key(
        "",
        "source",
        "text",
        "who asked, or where it says so: a commit, a mail, a manual, the file of a thread",
        'source = "d26638bfcdfc"',
        _TEXT,
        required_with="expect",
    ),
    Key(
        "",
        "because",
        "text",
        "why the expected verdict is expected; written before the model is run",
        'because = "The message of the commit says so."',
        _TEXT,
        required_with="expect",
    ),
    Key(
        "",
        "decided_by",
        '"source" or "model"',
        '"source": the verdict was known from outside; "model": nobody knew, the model decided',
        'decided_by = "source"',
        {"enum": list(DECIDED_BY)},
        required_with="expect",
    ),
    Key(
        "",
        "expect",
        "verdict, or rows [[expect]]",
        "the expected verdict: of all cells as one word, or row by row",
        'expect = "holds"',
        {"oneOf": [{"enum": list(VERDICTS)}, {"type": "array", "minItems": 1}]},
        default="nothing is expected; see below",
    ),
    Key(
        "",
        "topic",
        "text",
        "the model that the file is for; a file of the catalogue takes it from its folder, a file "
        "used with --model from the model",
        'topic = "cache-flush"',
        {"type": "string"},
        default="see meaning",
    ),
    Key(
        "",
        "yes",
        '"holds" or "violated"',
        'the verdict that answers the question with yes; explain then prints a line "Answer:"',
        'yes = "holds"',
        {"enum": list(VERDICTS)},
        default="no such line",
    ),
    Key(
        "",
        "wide",
        "true or false",
        "an expensive test: it runs only when named exactly, or with --wide",
        "wide = true",
        _FLAG,
        default="false",
    ),
    Key(
        "",
        "claim",
        "table [claim]",
        "what is claimed; see below",
        "[claim]",
        _TABLE,
        default="from the axis claim",
    ),
    Key(
        "",
        "environment",
        "table [environment]",
        "which disturbances happen; see below",
        "[environment]",
        _TABLE,
        default="none happens",
    ),
    Key(
        "",
        "assume",
        "table [assume]",
        "assumptions with another value than their default",
        "[assume]",
        _TABLE,
        default="all as the model has them",
    ),
    Key(
        "",
        "matrix",
        "table [matrix]",
        "axes: the test is the product of their values; see below",
        "[matrix]",
        _TABLE,
        default="one cell",
    ),
    Key(
        "",
        "word",
        "rows [[word]]",
        "words that sum up a cell; see below",
        "[[word]]",
        _ROWS,
        default="cells show their verdict",
    ),
    Key(
        "",
        "said",
        "rows [[said]]",
        "published claims about some cells; see below",
        "[[said]]",
        _ROWS,
        default="none",
    ),
    Key(
        "",
        "timing",
        "table [timing]",
        "how long the steps take, for simulate; see below",
        "[timing]",
        _TABLE,
        default="the test cannot be simulated",
    ),
    Key(
        "",
        "measure",
        "rows [[measure]]",
        "what simulate measures; see below",
        "[[measure]]",
        _ROWS,
        default="nothing",
    ),
    Key(
        "expect",
        "where",
        "table: axis = value",
        "which cells the row is about: those with these values. A value is written as in the "
        "matrix: a list is the one value that is this list",
        'where = { kind = "snp" }',
        _TABLE,
        default="all cells",
    ),
    Key(
        "expect",
        "verdict",
        '"holds" or "violated"',
        "the verdict expected there",
        'verdict = "violated"',
        {"enum": list(VERDICTS)},
        required=True,
    ),
    Key(
        "expect",
        "word",
        "text",
        "the word of [[word]] expected there",
        'word = "for ever"',
        _TEXT,
        default="any",
    ),
    *(
        Key(
            "claim",
            kind,
            "condition" if shape is _TEXT else "two conditions",
            meaning,
            example,
            shape,
        )
        for kind, meaning, example, shape in (
            ("never", "no reachable state satisfies the condition", 'never = "stale-read"', _TEXT),
            ("possible", "some reachable state satisfies it", 'possible = "page-reused"', _TEXT),
            (
                "recoverable",
                "from every reachable state it can be reached",
                'recoverable = "lock-settled"',
                _TEXT,
            ),
            ("eventually", "every fair run reaches it", 'eventually = "vcpu-runs"', _TEXT),
            (
                "leads_to",
                "on every fair run the second follows where the first is true",
                'leads_to = ["create-due", "create-settled"]',
                {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2},
            ),
        )
    ),
    Key(
        "environment",
        "allow",
        "list of disturbances",
        "those that may happen: vmlitmus list disturbances TOPIC",
        'allow = ["eviction", "reclaim"]',
        _TEXTS,
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
        _ROWS,
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
        _TEXTS,
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
        _TEXTS,
        default="[]",
    ),
    Key(
        "kvm",
        "with",
        "list of fixes",
        "fixes that are in although the kernel version lacks them: vmlitmus list mechanisms TOPIC",
        'with = ["flag the request with KVM_REQUEST_WAIT"]',
        _TEXTS,
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
                _TEXTS,
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
        _TEXTS,
        default="the last axis",
    ),
    Key(
        "matrix",
        "apart",
        "list of axes",
        "axes each of whose values has a grid of its own",
        'apart = ["smt"]',
        _TEXTS,
        default="none",
    ),
    Key(
        "word",
        "word",
        "text",
        "what the cell shows instead of its verdict",
        'word = "for ever"',
        _TEXT,
        required=True,
    ),
    Key(
        "word",
        "reached",
        "condition",
        "the cell has the first word whose condition some reachable state satisfies",
        'reached = "hint-set"',
        {"type": "string"},
        default="the last row may leave it out",
    ),
    Key(
        "said",
        "by",
        "text",
        "who claims it, or which part of a text",
        'by = "case 5"',
        _TEXT,
        required=True,
    ),
    Key(
        "said",
        "text",
        "text",
        "the claim in the file's words",
        'text = "the guest is killed"',
        _TEXT,
        required=True,
    ),
    Key(
        "said",
        "where",
        "table: axis = value or list of values",
        "which cells it is about; a list stands for any of its values, unless the list itself is a "
        "value of the axis",
        'where = { guest = ["off", "warn"] }',
        _TABLE,
        default="all cells",
    ),
    Key(
        "said",
        "seen",
        "list of observed conditions",
        "what is reached there, as claimed",
        'seen = ["guest-killed"]',
        _TEXTS,
        default="[]",
    ),
    Key(
        "said",
        "unseen",
        "list of observed conditions",
        "what is not reached there, as claimed",
        'unseen = ["bus-locked"]',
        _TEXTS,
        default="[]",
    ),
    Key(
        "said",
        "agrees",
        "true or false",
        "false where the claim is known to differ from the model; otherwise a difference is marked",
        "agrees = false",
        _FLAG,
        default="true",
    ),
    Key(
        "said",
        "note",
        "text",
        "why it differs, or what the claim leaves open",
        'note = "true with SMT off only"',
        _TEXT,
        default="none",
    ),
    Key(
        "timing",
        "use",
        "name or path",
        "one of the topic's timings (vmlitmus list timings TOPIC), or a file beside this one",
        'use = "server"',
        _TEXT,
        default="only what this table has",
    ),
    Key(
        "timing",
        "horizon",
        "time",
        "how long each run is",
        'horizon = "10 s"',
        _QUANTITY,
        default="10 s",
    ),
    Key(
        "timing",
        "warm_up",
        "time",
        "how much of the beginning of each run is not measured",
        'warm_up = "1 s"',
        _QUANTITY,
        default="0",
    ),
    Key(
        "timing",
        "parameter",
        "tables [timing.parameter.NAME]",
        "more parameters; any other key of [timing] gives a parameter another value",
        'parameter.tick = { value = "4 ms" }',
        _TABLE,
        default="none",
    ),
    Key(
        "timing",
        "time",
        "rows [[timing.time]]",
        "more rows, which win over those of the timing in use; see Simulating a test",
        'time = [{ step = "exit", constant = "1 us" }]',
        _ROWS,
        default="none",
    ),
    Key(
        "measure",
        "name",
        "text",
        "what the figure is called",
        'name = "guest stall"',
        _TEXT,
        default="what is measured",
    ),
    Key(
        "measure",
        "share",
        "condition",
        "the share of time in which the condition is true",
        'share = "vcpu-runs"',
        _TEXT,
        default="one of the five kinds is required",
    ),
    Key(
        "measure",
        "rate",
        "condition or step",
        "how often per second it becomes true, or is taken",
        'rate = "flush"',
        _TEXT,
        default="one of the five kinds is required",
    ),
    Key(
        "measure",
        "latency",
        "two of them",
        "how long it takes from the first to the second: mean, quantiles, maximum",
        'latency = ["kick", "exit"]',
        {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2},
        default="one of the five kinds is required",
    ),
    Key(
        "measure",
        "probability",
        "condition or step",
        "the probability that it happens within a time",
        'probability = "host-stalls"',
        _TEXT,
        default="one of the five kinds is required",
    ),
    Key(
        "measure",
        "ratio",
        "two of them",
        "how often the first happens for each time that the second does",
        'ratio = ["retry", "exit"]',
        {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2},
        default="one of the five kinds is required",
    ),
    Key(
        "measure",
        "within",
        "time",
        "the time of a probability",
        'within = "60 s"',
        _QUANTITY,
        default="required for a probability",
    ),
    Key(
        "measure",
        "by_actor",
        "true or false",
        "a latency between two steps of one and the same actor",
        "by_actor = true",
        _FLAG,
        default="false",
    ),
    Key(
        "measure",
        "expect",
        "two limits",
        "limits of the first figure; simulate exits 1 where its interval misses them",
        'expect = ["10 us", "20 us"]',
        {"type": "array", "minItems": 2, "maxItems": 2},
        default="nothing is expected",
    ),
    Key(
        "measure",
        "because",
        "text",
        "why that is expected",
        'because = "Little\'s law"',
        _TEXT,
        default="none",
    ),
)


def key_names(table: str) -> tuple[str, ...]:
    """Return the keys that a table may have; "" is the top of the file."""
    return tuple(key.name for key in KEYS if key.table == table)


def required(table: str) -> tuple[str, ...]:
    """Return the keys that a table must have."""
    return tuple(key.name for key in KEYS if key.table == table and key.required)


def required_with(key: str) -> tuple[str, ...]:
    """Return the keys at the top that a file must have if it has another one."""
    return tuple(other.name for other in KEYS if key and other.required_with == key)


def tables() -> Iterable[str]:
    """Return the tables, in the order of the reference."""
    return dict.fromkeys(key.table for key in KEYS)
