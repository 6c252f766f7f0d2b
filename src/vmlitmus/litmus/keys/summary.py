"""The keys that sum up a cell, [[word]], and that compare it with what is claimed, [[said]]."""

from __future__ import annotations

from vmlitmus.litmus.keys.key import FLAG, TABLE, TEXT, TEXTS, Key

SUMMARY = (
    Key(
        "word",
        "word",
        "text",
        "what the cell shows instead of its verdict",
        'word = "for ever"',
        TEXT,
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
        TEXT,
        required=True,
    ),
    Key(
        "said",
        "text",
        "text",
        "the claim in the file's words",
        'text = "the guest is killed"',
        TEXT,
        required=True,
    ),
    Key(
        "said",
        "where",
        "table: axis = value or list of values",
        "which cells it is about; a list stands for any of its values, unless the list itself is a "
        "value of the axis",
        'where = { guest = ["off", "warn"] }',
        TABLE,
        default="all cells",
    ),
    Key(
        "said",
        "seen",
        "list of observed conditions",
        "what is reached there, as claimed",
        'seen = ["guest-killed"]',
        TEXTS,
        default="[]",
    ),
    Key(
        "said",
        "unseen",
        "list of observed conditions",
        "what is not reached there, as claimed",
        'unseen = ["bus-locked"]',
        TEXTS,
        default="[]",
    ),
    Key(
        "said",
        "agrees",
        "true or false",
        "false where the claim is known to differ from the model; otherwise a difference is marked",
        "agrees = false",
        FLAG,
        default="true",
    ),
    Key(
        "said",
        "note",
        "text",
        "why it differs, or what the claim leaves open",
        'note = "true with SMT off only"',
        TEXT,
        default="none",
    ),
)
